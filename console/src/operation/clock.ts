/** The clock of a replay: a moment that stands, or runs faster than the real one. Pure: who reads it says what time it is. */

export const SPEEDS = [1, 10, 30, 60] as const;

export interface Clock {
  /** The moment of the run at `since`. */
  moment: number;
  /** The real time at which it was so. */
  since: number;
  speed: number;
  playing: boolean;
}

export function standing(moment: number, speed: number): Clock {
  return { moment, since: 0, speed, playing: false };
}

/** The moment that a clock shows; it stops at the end. */
export function read(clock: Clock, real: number, end: number): number {
  if (!clock.playing) return Math.min(clock.moment, end);
  return Math.min(end, clock.moment + Math.max(0, real - clock.since) * clock.speed);
}

export function play(clock: Clock, real: number): Clock {
  return { ...clock, since: real, playing: true };
}

export function pause(clock: Clock, real: number, end: number): Clock {
  return { ...clock, moment: read(clock, real, end), playing: false };
}

export function seek(clock: Clock, moment: number, real: number): Clock {
  return { ...clock, moment, since: real };
}

/** Another speed from now on: the moment does not jump. */
export function faster(clock: Clock, speed: number, real: number, end: number): Clock {
  return { ...clock, moment: read(clock, real, end), since: real, speed };
}
