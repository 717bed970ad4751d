/** Where a time axis has its ticks: round moments of the zone, not too many. */
import { day, hm, hms, monthDay } from "./format";

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

function zoneShift(ms: number, zone: string): number {
  const [date, clock] = [day(ms, zone), hms(ms, zone)];
  return Date.parse(`${date}T${clock}Z`) - Math.floor(ms / 1000) * 1000;
}

/** The moment at which clocks of a zone show this; given as if they were those of UTC. */
export function atClock(clock: number, zone: string): number {
  return clock - zoneShift(clock - zoneShift(clock, zone), zone);
}

export function ticks(from: number, to: number, most: number, zone: string): Tick[] {
  const wanted = (to - from) / Math.max(1, most);
  const step = [...STEPS, ...LONG_STEPS].find((size) => size >= wanted) ?? 365 * DAY;
  const shift = zoneShift(from, zone);
  const found: Tick[] = [];
  for (let at = Math.ceil((from + shift) / step) * step - shift; at < to; at += step) {
    const midnight = (at + shift) % DAY === 0;
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
