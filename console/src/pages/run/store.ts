/** What the run page shows, outside of React: the live matrix, the film, and the clock of the replay. Pictures take a new beat
 * with each frame; React hears of it a few times a second. */
import type { StreamState } from "../../api/stream";
import type { OperationMessage } from "../../api/types";
import { type Clock, faster, pause, play, read, SPEEDS, seek, standing } from "../../operation/clock";
import { Film } from "../../operation/film";
import { type Place, Profiles } from "../../operation/profile";
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
}

export class RunStore {
  readonly film: Film;
  readonly profiles: Profiles;
  #live: Uint8Array;
  #liveSeq = -1;
  #then: Uint8Array | null = null;
  #waiting: OperationMessage[] = [];
  #filmed: OperationMessage[] = [];
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
    this.#live = new Uint8Array(steps.length * hosts);
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
    };
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

  /** The matrix of the shown moment. */
  bytes(): Uint8Array {
    if (!this.#clock) return this.#live;
    return this.snapshot.filmReady ? this.film.at(this.moment()) : (this.#then ?? this.#live);
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
    if (bytes.length !== this.#live.length || seq < this.#liveSeq) return;
    this.#live = bytes;
    this.#liveSeq = seq;
    for (const message of this.#waiting) this.#applyLive(message);
    this.#waiting = [];
    this.#tell({ version: this.snapshot.version + 1 });
  }

  /** The matrix of a moment, for as long as the film is not here. */
  setThen(bytes: Uint8Array): void {
    if (bytes.length !== this.#live.length) return;
    this.#then = bytes;
    this.#pulse();
  }

  take(messages: readonly OperationMessage[]): void {
    for (const message of messages) {
      if (this.#liveSeq < 0) this.#waiting.push(message);
      else this.#applyLive(message);
      if (this.snapshot.filmReady) this.#applyFilm(message);
      else this.#filmed.push(message);
    }
    this.profiles.update();
    this.#tell({ version: this.snapshot.version + 1 });
  }

  #applyLive(message: OperationMessage): void {
    if (message.seq <= this.#liveSeq) return;
    for (const [step = 0, host = 0, byte = 0] of message.changes) this.#live[step * this.film.hosts + host] = byte;
    this.#liveSeq = message.seq;
  }

  #applyFilm(message: OperationMessage): void {
    const time = Date.parse(message.time);
    for (const [step = 0, host = 0, byte = 0] of message.changes) this.film.add(time, step, host, byte);
  }

  /** Everything until now is in the film; what the stream brought meanwhile follows. */
  filmed(): void {
    for (const message of this.#filmed) this.#applyFilm(message);
    this.#filmed = [];
    this.profiles.update();
    this.#tell({ filmReady: true });
  }

  setStream(stream: StreamState | "none"): void {
    if (stream !== this.snapshot.stream) this.#tell({ stream, since: Date.now() });
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
