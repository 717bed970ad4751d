/** What an address means: range, zone, scope of clusters, and which moment "now" is. No library is needed to read it. */
import type { Params } from "../api/client";
import { readZone } from "../time/format";
import { bounds, type Range, readRange } from "../time/range";

export type Search = Record<string, string | undefined>;

/** The moment that "now" means, the same for all panes of a page until it is asked anew. */
let anchor = Date.now();
const listeners = new Set<() => void>();

export const anchorNow = (): number => anchor;

export function refresh(): void {
  anchor = Date.now();
  for (const listener of listeners) listener();
}

export function onRefresh(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What the address says. */
export interface Said {
  search: Search;
  range: Range;
  /** Begin and end of the range, in milliseconds, at the anchor. */
  bounds: readonly [number, number];
  anchor: number;
  zone: string;
  clusters: string[];
  /** Parameters of scope and range for a call. */
  scope: Params;
}

export function readSearch(search: Search, now: number): Said {
  const range = readRange(search.from, search.to, now);
  const clusters = (search.c ?? "").split(",").filter((name) => name !== "");
  const scope = { from: range.from, to: range.to, cluster: clusters };
  return { search, range, bounds: bounds(range, now), anchor: now, zone: readZone(search.tz), clusters, scope };
}

/** Without what is empty: an address has no `q=`. */
export function clean(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ""));
}
