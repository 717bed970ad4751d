/** The live tail: what came, what is held back while a person reads, and the position to go on from. No I/O, no clock. */
import type { Message } from "../../api/stream";
import type { Event, Page } from "../../api/types";

/** So many live rows are kept; older ones are found by a new search. */
export const MOST_ROWS = 20_000;
/** So many are held back; then the stream is let go, and read on from the last position later. */
export const MOST_HELD = 10_000;

export interface TailState {
  /** Newest first. */
  rows: readonly Event[];
  /** So many were shown, whatever became of them. */
  came: number;
  held: number;
  paused: boolean;
  /** The buffer is full: the stream is closed until it goes on, and nothing is lost by it. */
  parked: boolean;
  gaps: number;
  rejects: number;
  /** Rows that fell out of the list because it is full. */
  dropped: number;
}

export class Tail {
  #rows: Event[] = [];
  #held: Event[] = [];
  #seen = new Set<string>();
  /** What the first page of the list has. */
  #listed = new Set<string>();
  #came = 0;
  #paused = false;
  #gaps = 0;
  #rejects = 0;
  #dropped = 0;
  lastId: string | null = null;

  state(): TailState {
    const parked = this.#held.length >= MOST_HELD;
    return {
      rows: this.#rows,
      came: this.#came,
      held: this.#held.length,
      paused: this.#paused,
      parked,
      gaps: this.#gaps,
      rejects: this.#rejects,
      dropped: this.#dropped,
    };
  }

  /** Messages in the order in which they came. */
  take(messages: readonly Message[], lastId: string): void {
    const fresh: Event[] = [];
    for (const message of messages) {
      if (message.event === "gap") this.#gaps += 1;
      else if (message.event === "reject") this.#rejects += 1;
      else {
        const event = parse(message.data);
        const key = event ? keyOf(event) : "";
        if (!event || this.#seen.has(key) || this.#listed.has(key)) continue;
        this.#seen.add(key);
        fresh.push(event);
      }
    }
    this.lastId = lastId;
    if (this.#paused) this.#held.push(...fresh);
    else this.#show(fresh);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#show(this.#held);
    this.#held = [];
  }

  /** The list was asked anew: what it has now is no live row any more. Rows behind its first page are there where all of their time is
   * known to be projected. */
  settle(first: Page<Event>): void {
    this.#listed = new Set(first.items.map(keyOf));
    const from = Date.parse(first.range.from);
    const oldest = first.next ? Date.parse(first.items.at(-1)?.time ?? "") : Number.NaN;
    const known = new Map(first.coverage.map((one) => [one.cluster_uid, one.known_until ? Date.parse(one.known_until) : Number.NaN]));
    const isBehind = ({ time, observed, cluster_uid }: Event) =>
      Date.parse(time) < oldest && Date.parse(time) >= from && Date.parse(observed) <= (known.get(cluster_uid) ?? Number.NaN);
    const isNew = (event: Event) => !this.#listed.has(keyOf(event)) && !isBehind(event);
    this.#rows = this.#rows.filter(isNew);
    this.#held = this.#held.filter(isNew);
    this.#seen = new Set([...this.#rows, ...this.#held].map(keyOf));
  }

  #show(fresh: readonly Event[]): void {
    if (fresh.length === 0) return;
    const rows = [...fresh].reverse().concat(this.#rows);
    const over = rows.slice(MOST_ROWS);
    for (const event of over) this.#seen.delete(keyOf(event));
    this.#came += fresh.length;
    this.#dropped += over.length;
    this.#rows = rows.slice(0, MOST_ROWS);
  }
}

const keyOf = (event: Event): string => `${event.cluster_uid}.${event.id}`;

function parse(data: string): Event | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && "id" in value && "cluster_uid" in value ? (value as Event) : null;
  } catch {
    return null;
  }
}
