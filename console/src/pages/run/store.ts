/** What the run page shows, outside of React: the live matrix, the film, and the clock of the replay. Pictures take a new beat
 * with each frame; React hears of it a few times a second. */
import type { StreamState } from "../../api/stream";
import type { OperationMessage } from "../../api/types";
import { type Clock, faster, pause, play, read, SPEEDS, seek, standing } from "../../operation/clock";
import { Film } from "../../operation/film";
import { type Counts, countsAt, type Place, Profiles } from "../../operation/profile";
import { WAITING } from "../../operation/states";

/** React is told at most so often while a replay plays; lists are asked for at most each second. */
const TOLD_MS = 200;
const ASKED_MS = 1000;

export interface Snapshot {
  replay: boolean;
  playing: boolean;
  speed: number;
  /** The shown moment, for words. */
  shown: number;
  /** The moment for which lists are asked: it moves once a second at most. */
  asked: number;
  /** Grows with each change of the live run. */
  version: number;
  filmReady: boolean;
  stream: StreamState | "none";
  since: number;
  /** How often the stream was opened, and how often something was not told: each time the matrix is asked for. */
  opened: number;
  holes: number;
}

/** What is kept of a message: its summary is large. */
type Told = Pick<OperationMessage, "seq" | "time" | "changes">;

export class RunStore {
  readonly film: Film;
  readonly profiles: Profiles;
  #live: Uint8Array | null = null;
  #liveSeq = -1;
  #then: Uint8Array | null = null;
  /** What came while the matrix is asked for, or the film; null while it is not. */
  #waiting: Told[] | null = [];
  #asOf = 0;
  #filmed: Told[] | null = null;
  #clock: Clock | null = null;
  #begin: number;
  #ended: number | null;
  #frame = 0;
  #beats = new Set<() => void>();
  #listeners = new Set<() => void>();
  snapshot: Snapshot;

  constructor(steps: readonly string[], hosts: number, stages: readonly Place[], begin: number, ended: number | null) {
    // From its acceptance on every host waits: that is no change of its own.
    this.film = new Film(steps.length, hosts, WAITING);
    this.profiles = new Profiles(this.film, steps, stages);
    this.#begin = begin;
    this.#ended = ended;
    const end = this.end();
    this.snapshot = {
      replay: false,
      playing: false,
      speed: SPEEDS[2],
      shown: end,
      asked: end,
      version: 0,
      filmReady: false,
      stream: "none",
      since: end,
      opened: 0,
      holes: 0,
    };
  }

  /** Since when the matrix is asked for anew: the live one is as it was then. */
  get asOf(): number {
    return this.#asOf;
  }

  get begin(): number {
    return this.#begin;
  }

  /** The end of what can be shown: now, or when the run was over. */
  end(): number {
    return this.#ended ?? Date.now();
  }

  setEnded(ended: number | null): void {
    this.#ended = ended;
  }

  moment(): number {
    return this.#clock ? read(this.#clock, performance.now(), this.end()) : this.end();
  }

  /** The matrix of the shown moment; null where it is not known. */
  bytes(): Uint8Array | null {
    if (!this.#clock) return this.#live;
    return this.snapshot.filmReady ? this.film.at(this.moment()) : this.#then;
  }

  /** How a stage stands at the shown moment: by the film, and until that is here by the matrix; null where it is not known. */
  counts(stage: number): Counts | null {
    if (this.snapshot.filmReady) return countsAt(this.profiles.of[stage], this.moment());
    const bytes = this.bytes();
    return bytes && this.profiles.standing(stage, bytes);
  }

  beat = (listener: () => void): (() => void) => {
    this.#beats.add(listener);
    return () => this.#beats.delete(listener);
  };

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The matrix as the server has it now. */
  setLive(bytes: Uint8Array, seq: number): void {
    if (bytes.length !== this.film.steps * this.film.hosts) return;
    if (this.#live === null || seq >= this.#liveSeq) {
      this.#live = bytes.slice();
      this.#liveSeq = seq;
    }
    for (const told of this.#waiting ?? []) this.#applyLive(told);
    this.#waiting = null;
    this.#tell({ version: this.snapshot.version + 1 });
  }

  /** The matrix of a moment, for as long as the film is not here; null where it cannot be had. */
  setThen(bytes: Uint8Array | null): void {
    if (bytes && bytes.length !== this.film.steps * this.film.hosts) return;
    this.#then = bytes;
    this.#tell({});
  }

  take(messages: readonly OperationMessage[]): void {
    for (const { seq, time, changes, more_changes } of messages) {
      const told = { seq, time, changes };
      if (more_changes || (this.#waiting === null && seq > this.#liveSeq + 1)) this.#hole();
      if (this.#waiting) this.#waiting.push(told);
      else this.#applyLive(told);
      if (this.snapshot.filmReady) this.#applyFilm(told);
      else this.#filmed?.push(told);
    }
    this.profiles.update();
    this.#tell({ version: this.snapshot.version + 1 });
  }

  /** Something is not told: matrix and film are asked for anew. */
  #hole(): void {
    this.#wait();
    this.#filmed = null;
    this.#tell({ holes: this.snapshot.holes + 1, filmReady: false });
  }

  #wait(): void {
    if (this.#waiting === null) this.#asOf = Date.now();
    this.#waiting ??= [];
  }

  #applyLive(told: Told): void {
    if (this.#live === null || told.seq <= this.#liveSeq) return;
    for (const [step = 0, host = 0, byte = 0] of told.changes) this.#live[step * this.film.hosts + host] = byte;
    this.#liveSeq = told.seq;
  }

  #applyFilm(told: Told): void {
    const time = Date.parse(told.time);
    for (const [step = 0, host = 0, byte = 0] of told.changes) this.film.add(time, step, host, byte);
  }

  /** The film is asked for: what the stream brings from now on follows on it. */
  filming(): void {
    this.#filmed = [];
  }

  /** Nobody asks for it any more. */
  unfilmed(): void {
    this.#filmed = null;
  }

  /** Everything until now is in the film; what the stream brought meanwhile follows. */
  filmed(): void {
    for (const told of this.#filmed ?? []) this.#applyFilm(told);
    this.#filmed = null;
    this.profiles.update();
    this.#tell({ filmReady: true });
  }

  setStream(stream: StreamState | "none"): void {
    if (stream === this.snapshot.stream) return;
    // A stream begins where it opens, and is left when the run is over: what is told before and behind it, it does not bring.
    if (stream === "open") this.#wait();
    if (stream === "none") this.#hole();
    this.#tell({ stream, since: Date.now(), opened: this.snapshot.opened + Number(stream === "open") });
  }

  /** A second of the live run has gone by. */
  second(): void {
    if (!this.#clock) this.#tell({ shown: this.end() });
  }

  // The replay.

  seek(moment: number): void {
    const within = Math.min(this.end(), Math.max(this.#begin, moment));
    const clock = this.#clock ?? standing(within, this.snapshot.speed);
    this.#set(seek(clock, within, performance.now()));
  }

  toggle(): void {
    if (this.#clock?.playing) {
      this.#set(pause(this.#clock, performance.now(), this.end()));
      return;
    }
    // From its end a replay begins anew.
    const from = this.#clock && this.moment() < this.end() - 50 ? this.moment() : this.#begin;
    this.#set(play(standing(from, this.snapshot.speed), performance.now()));
  }

  setSpeed(speed: number): void {
    if (this.#clock) this.#set(faster(this.#clock, speed, performance.now(), this.end()));
    this.#tell({ speed });
  }

  /** One state change back or forth. */
  change(direction: -1 | 1): void {
    const next = this.film.neighbour(this.moment(), direction);
    if (next !== null) this.seek(next);
  }

  live(): void {
    this.#clock = null;
    this.#then = null;
    cancelAnimationFrame(this.#frame);
    const end = this.end();
    this.#tell({ replay: false, playing: false, shown: end, asked: end });
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  #set(clock: Clock): void {
    this.#clock = clock;
    cancelAnimationFrame(this.#frame);
    const moment = this.moment();
    this.#tell({ replay: true, playing: clock.playing, shown: moment, asked: moment });
    if (clock.playing) this.#frame = requestAnimationFrame(this.#tick);
  }

  #tick = (): void => {
    const clock = this.#clock;
    if (!clock?.playing) return;
    const now = performance.now();
    const moment = read(clock, now, this.end());
    if (moment >= this.end()) {
      this.#set(pause(clock, now, this.end()));
      return;
    }
    if (now - this.#toldAt >= TOLD_MS) {
      const asks = now - this.#askedAt >= ASKED_MS;
      this.#tell(asks ? { shown: moment, asked: moment } : { shown: moment });
    } else this.#pulse();
    this.#frame = requestAnimationFrame(this.#tick);
  };

  #toldAt = 0;
  #askedAt = 0;

  #tell(patch: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...patch };
    this.#toldAt = performance.now();
    if (patch.asked !== undefined) this.#askedAt = this.#toldAt;
    this.#pulse();
    for (const listener of this.#listeners) listener();
  }

  #pulse(): void {
    for (const beat of this.#beats) beat();
  }
}
