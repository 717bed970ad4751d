/** The matrix of a run as a film: all its changes in order, from which any moment is made without asking. Pure. */
import { upTo } from "../design/order";

/** A copy of the matrix after every so many changes, so that a jump reads few of them. */
const CHECKPOINT_AT_LEAST = 2048;

export class Film {
  readonly steps: number;
  readonly hosts: number;
  #times = new Float64Array(1024);
  #cells = new Uint32Array(1024);
  #states = new Uint8Array(1024);
  #count = 0;
  #every: number;
  #marks: Uint8Array[];
  #now: Uint8Array;
  #at = 0;
  /** `base` is what every cell is before its first change. */
  constructor(steps: number, hosts: number, base = 0) {
    this.steps = steps;
    this.hosts = hosts;
    const size = steps * hosts;
    this.#every = Math.max(CHECKPOINT_AT_LEAST, size);
    this.#now = new Uint8Array(size).fill(base);
    this.#marks = [new Uint8Array(size).fill(base)];
  }

  get count(): number {
    return this.#count;
  }

  get first(): number | null {
    return this.#count === 0 ? null : (this.#times[0] ?? null);
  }

  get last(): number | null {
    return this.#count === 0 ? null : (this.#times[this.#count - 1] ?? null);
  }

  /** Adds a change. Changes come in order; one that is older than the last is known already, and false. */
  add(time: number, step: number, host: number, state: number): boolean {
    if (step >= this.steps || host >= this.hosts) return false;
    const last = this.last;
    if (last !== null && time < last) return false;
    if (this.#count === this.#times.length) this.#grow();
    this.#times[this.#count] = time;
    this.#cells[this.#count] = step * this.hosts + host;
    this.#states[this.#count] = state;
    this.#count += 1;
    if (this.#count % this.#every === 0) {
      const mark = (this.#marks.at(-1) ?? new Uint8Array(0)).slice();
      this.#apply(mark, this.#count - this.#every, this.#count);
      this.#marks.push(mark);
    }
    return true;
  }

  /** How many changes lie at a moment or before it. */
  index(time: number): number {
    return upTo(this.#count, (n) => this.#times[n], time);
  }

  /** The matrix at a moment. The bytes are those of the film: the next question changes them. */
  at(time: number): Uint8Array {
    const wanted = this.index(time);
    const mark = Math.floor(wanted / this.#every);
    if (wanted < this.#at || mark > Math.floor(this.#at / this.#every)) {
      this.#now.set(this.#marks[mark] ?? this.#now);
      this.#at = mark * this.#every;
    }
    this.#apply(this.#now, this.#at, wanted);
    this.#at = wanted;
    return this.#now;
  }

  /** The moment of the next change behind a moment, or before it; null where there is none. */
  neighbour(time: number, direction: -1 | 1): number | null {
    const at = this.index(time);
    if (direction > 0) return at < this.#count ? (this.#times[at] ?? null) : null;
    let before = at - 1;
    while (before >= 0 && (this.#times[before] ?? 0) >= time) before -= 1;
    return before < 0 ? null : (this.#times[before] ?? null);
  }

  /** Changes in order, from a place on. */
  *changes(from = 0): Generator<{ time: number; step: number; host: number; state: number }> {
    for (let n = from; n < this.#count; n += 1) {
      const cell = this.#cells[n] ?? 0;
      yield { time: this.#times[n] ?? 0, step: Math.floor(cell / this.hosts), host: cell % this.hosts, state: this.#states[n] ?? 0 };
    }
  }

  #apply(bytes: Uint8Array, from: number, to: number): void {
    for (let n = from; n < to; n += 1) bytes[this.#cells[n] ?? 0] = this.#states[n] ?? 0;
  }

  #grow(): void {
    const more = <T extends Float64Array | Uint32Array | Uint8Array>(old: T, next: T): T => {
      next.set(old);
      return next;
    };
    const size = this.#times.length * 2;
    this.#times = more(this.#times, new Float64Array(size));
    this.#cells = more(this.#cells, new Uint32Array(size));
    this.#states = more(this.#states, new Uint8Array(size));
  }
}
