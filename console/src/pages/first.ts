/** What the two pages that are opened most ask first. It is asked while their code is still on its way, in this order: what is seen
 * first stands first, as a browser has few connections. */
import { cache } from "../api/cache";
import { clusters, completeness, facets, histogram, page } from "../api/questions";
import type { Event, Page } from "../api/types";
import { PAGE_ROWS } from "../api/usePages";
import { type View, viewOf } from "../shell/view";
import { question } from "./events/asked";
import { baselines, signals } from "./fleet/signals";

type Asked = Pick<View, "search" | "bounds" | "anchor" | "scope">;

type Questions = Record<string, { queryKey: readonly unknown[] }>;

export const FACETS = ["cluster", "reason", "kind", "namespace", "node", "component"] as const;

export function fleetFirst({ search, bounds, anchor, scope }: Asked) {
  const { baseline } = baselines(bounds[1] - bounds[0], search.baseline);
  return {
    list: clusters(scope, anchor),
    signals: signals(scope, baseline, anchor),
    cover: completeness({ ...scope, bins: 180 }, anchor),
    bins: histogram({ ...scope, bins: 180 }, anchor),
  };
}

export function eventsFirst(asked: Asked) {
  const { params } = question(asked);
  const { anchor } = asked;
  return {
    rows: page<Page<Event>>("/api/v1/events", { ...params, limit: PAGE_ROWS }, null, anchor),
    bins: histogram({ ...params, bins: 180 }, anchor),
    sides: facets({ ...params, top: 25, fields: FACETS }, anchor),
  };
}

export const FIRST = {
  "/": { load: () => import("./fleet/FleetPage"), ask: fleetFirst },
  "/events": { load: () => import("./events/EventsPage"), ask: eventsFirst },
} as const;

/** Begins what the address opens: the code of its page and its first questions at once, before anything is drawn. */
export function begin({ pathname, search }: Location): void {
  const first = FIRST[pathname as keyof typeof FIRST];
  if (!first) return;
  // Whoever shows the page asks for its code again, and tells what is wrong with it.
  first.load().catch(() => undefined);
  const questions: Questions = first.ask(viewOf(Object.fromEntries(new URLSearchParams(search))));
  for (const one of Object.values(questions)) void cache.prefetchQuery(one as never);
}
