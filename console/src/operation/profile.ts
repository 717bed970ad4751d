/** How a stage filled over time: hosts that run, went wrong, are through. Grows with the film. Pure. */
import { upTo } from "../design/order";
import type { Film } from "./film";
import { isBad, isThrough, RUNNING } from "./states";

export interface Profile {
  times: number[];
  running: number[];
  bad: number[];
  through: number[];
}

export interface Counts {
  running: number;
  bad: number;
  through: number;
}

const NONE: Counts = { running: 0, bad: 0, through: 0 };

/** What a profile says of a moment. */
export function countsAt(profile: Profile | undefined, time: number): Counts {
  if (!profile) return NONE;
  const last = upTo(profile.times.length, (n) => profile.times[n], time) - 1;
  if (last < 0) return NONE;
  return { running: profile.running[last] ?? 0, bad: profile.bad[last] ?? 0, through: profile.through[last] ?? 0 };
}

export interface Place {
  step: string;
  host_ranges: readonly (readonly number[])[];
}

export class Profiles {
  readonly of: Profile[];
  #film: Film;
  #cells: [number, number][][];
  #stage: Int32Array;
  #before: Uint8Array;
  #read = 0;

  constructor(film: Film, steps: readonly string[], stages: readonly Place[]) {
    this.#film = film;
    this.#stage = new Int32Array(film.steps * film.hosts).fill(-1);
    this.#before = new Uint8Array(film.steps * film.hosts);
    this.of = stages.map(() => ({ times: [], running: [], bad: [], through: [] }));
    this.#cells = stages.map((stage) => {
      const row = steps.indexOf(stage.step) * film.hosts;
      return row < 0 ? [] : stage.host_ranges.map(([from = 0, to = 0]) => [row + from, row + to]);
    });
    this.#cells.forEach((ranges, n) => {
      for (const [from, to] of ranges) this.#stage.fill(n, from, to);
    });
  }

  /** How a stage stands in a matrix, where the film is not here. */
  standing(stage: number, bytes: Uint8Array): Counts {
    const counts = { ...NONE };
    for (const [from, to] of this.#cells[stage] ?? []) {
      for (const byte of bytes.subarray(from, to)) {
        counts.running += Number(byte === RUNNING);
        counts.bad += Number(isBad(byte));
        counts.through += Number(isThrough(byte));
      }
    }
    return counts;
  }

  /** Reads what the film has more than before. */
  update(): void {
    for (const change of this.#film.changes(this.#read)) {
      const cell = change.step * this.#film.hosts + change.host;
      const profile = this.of[this.#stage[cell] ?? -1];
      const old = this.#before[cell] ?? 0;
      this.#before[cell] = change.state;
      if (profile) count(profile, change.time, old, change.state);
    }
    this.#read = this.#film.count;
  }
}

function count(profile: Profile, time: number, old: number, state: number): void {
  const moved = (is: (byte: number) => boolean) => Number(is(state)) - Number(is(old));
  const [running, bad, through] = [moved((byte) => byte === RUNNING), moved(isBad), moved(isThrough)];
  if (running === 0 && bad === 0 && through === 0) return;
  const last = profile.times.length - 1;
  const at = last >= 0 && profile.times[last] === time ? last : last + 1;
  profile.times[at] = time;
  profile.running[at] = (profile.running[last] ?? 0) + running;
  profile.bad[at] = (profile.bad[last] ?? 0) + bad;
  profile.through[at] = (profile.through[last] ?? 0) + through;
}
