/** The live tail: what came, what is held back while a person reads, and the position to go on from. No I/O, no clock. */
import type { Message } from "../../api/stream";
import type { Event } from "../../api/types";

/** So many live rows are kept; older ones are found by a new search. */
export const MOST_ROWS = 20_000;
/** So many are held back; then the stream is let go, and read on from the last position later. */
export const MOST_HELD = 10_000;

export interface TailState {
  /** Newest first. */
  rows: readonly Event[];
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
  #paused = false;
  #gaps = 0;
  #rejects = 0;
  #dropped = 0;
  lastId: string | null = null;

  state(): TailState {
    const parked = this.#held.length >= MOST_HELD;
    return {
      rows: this.#rows,
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
        const key = event ? `${event.cluster_uid}.${event.id}` : "";
        if (!event || this.#seen.has(key)) continue;
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

  /** Whether a row of the list is among the live ones already. */
  has(event: Event): boolean {
    return this.#seen.has(`${event.cluster_uid}.${event.id}`);
  }

  #show(fresh: readonly Event[]): void {
    if (fresh.length === 0) return;
    const rows = [...fresh].reverse().concat(this.#rows);
    const over = rows.slice(MOST_ROWS);
    for (const event of over) this.#seen.delete(`${event.cluster_uid}.${event.id}`);
    this.#dropped += over.length;
    this.#rows = rows.slice(0, MOST_ROWS);
  }
}

function parse(data: string): Event | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && "id" in value && "cluster_uid" in value ? (value as Event) : null;
  } catch {
    return null;
  }
}
