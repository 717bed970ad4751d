/** The clock of a zone, read back: from what it shows to the moment. */
import { full, zoneShift } from "./format";

/** The moment at which clocks of a zone show this; given as if they were those of UTC. */
export function atClock(clock: number, zone: string): number {
  return clock - zoneShift(clock - zoneShift(clock, zone), zone);
}

/** A moment as a field of date and time has it. */
export function fieldText(ms: number, zone: string): string {
  return full(ms, zone).replace(" ", "T");
}

/** The moment that such a field means; null where it means none. `was`: of which it was made. While nobody changes it, it means just
 * that: clocks that are set back show a time twice. */
export function fieldMoment(text: string, zone: string, was: number): number | null {
  if (text === fieldText(was, zone)) return was;
  const clock = Date.parse(`${text}Z`);
  return Number.isNaN(clock) ? null : atClock(clock, zone);
}
