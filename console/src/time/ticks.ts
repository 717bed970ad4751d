/** Where a time axis has its ticks: round moments of the zone, not too many. */
import { hm, hms, monthDay, zoneShift } from "./format";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const STEPS = [1000, 5000, 10_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE];
const LONG_STEPS = [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY];

export interface Tick {
  at: number;
  label: string;
  strong: boolean;
}

/** The first moment, not before this one, at which the zone's clock shows a round time. Where clocks are set back a time comes twice,
 * where they are set forth some do not come. */
function roundTime(from: number, to: number, step: number, zone: string): number {
  const round = (shift: number) => Math.ceil((from + shift) / step) * step - shift;
  const found = round(zoneShift(from, zone));
  const shift = zoneShift(found, zone);
  if (shift === zoneShift(from, zone)) return found;
  // Clocks were set in between: what was counted by the old ones is no round time of the new ones.
  let next = round(shift);
  while (next < to && zoneShift(next, zone) !== shift) next += step;
  return next;
}

export function ticks(from: number, to: number, most: number, zone: string): Tick[] {
  const wanted = (to - from) / Math.max(1, most);
  const step = [...STEPS, ...LONG_STEPS].find((size) => size >= wanted) ?? 365 * DAY;
  const found: Tick[] = [];
  for (let at = roundTime(from, to, step, zone); at < to; at = roundTime(at + 1, to, step, zone)) {
    const midnight = (at + zoneShift(at, zone)) % DAY === 0;
    const label = step >= DAY || midnight ? monthDay(at, zone) : step < MINUTE ? hms(at, zone) : hm(at, zone);
    found.push({ at, label, strong: midnight });
  }
  return found;
}

/** Round values between two ends, which may be negative or fractions. */
export function valueTicks(low: number, high: number, wanted: number): number[] {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((n) => n * power >= raw) ?? 10) * power;
  // What is computed may lie a hair beside a round value.
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
}

/** Round values of a count axis, from zero. */
export function countTicks(most: number, wanted: number): number[] {
  if (most <= 0) return [0];
  const raw = most / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, ([1, 2, 5, 10].find((n) => n * power >= raw) ?? 10) * power);
  const found: number[] = [];
  for (let value = 0; value <= most + step * 0.001; value += step) found.push(value);
  return found;
}
