/** What every page reads out of the address: range, zone, cluster scope; and how it writes back. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Params } from "../api/client";
import { readZone } from "../time/format";
import { bounds, type Range, readRange } from "../time/range";

export type Search = Record<string, string | undefined>;

/** Parts of the address that stay when the page changes. */
export function common(search: Search): Search {
  const { from, to, c, tz } = search;
  return { from, to, c, tz };
}

/** The moment that "now" means, the same for all panes of a page until it is asked anew. */
let anchor = Date.now();
const listeners = new Set<() => void>();

export function refresh(): void {
  anchor = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useAnchor(): number {
  return useSyncExternalStore(subscribe, () => anchor);
}

export interface View {
  search: Search;
  range: Range;
  /** Begin and end of the range, in milliseconds, at the anchor. */
  bounds: readonly [number, number];
  anchor: number;
  zone: string;
  clusters: string[];
  /** Parameters of scope and range for a call. */
  scope: Params;
  set: (patch: Search, options?: { replace?: boolean }) => void;
}

export function useView(): View {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const now = useAnchor();
  const set = useCallback(
    (patch: Search, options?: { replace?: boolean }) => {
      const next = (before: Search) => clean({ ...before, ...patch });
      void navigate({ to: ".", search: next as never, replace: options?.replace ?? false });
    },
    [navigate],
  );
  return useMemo(() => ({ ...read(search, now), set }), [search, now, set]);
}

function read(search: Search, now: number): Omit<View, "set"> {
  const range = readRange(search.from, search.to, now);
  const clusters = (search.c ?? "").split(",").filter((name) => name !== "");
  const scope = { from: range.from, to: range.to, cluster: clusters };
  return { search, range, bounds: bounds(range, now), anchor: now, zone: readZone(search.tz), clusters, scope };
}

/** The same outside of React. */
export function viewOf(search: Search): Omit<View, "set"> {
  return read(search, anchor);
}

/** Without what is empty: an address has no `q=`. */
export function clean(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ""));
}

/** The path of an object's timeline. */
export function objectPath(cluster: string, kind: string, namespace: string, name: string) {
  return {
    to: "/o/$cluster/$kind/$namespace/$name" as const,
    params: { cluster, kind, namespace: namespace === "" ? "_" : namespace, name },
  };
}
