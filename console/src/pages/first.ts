/** All pages, and what the most opened ones ask first. The code of a page and its first questions leave together, before any library
 * is read: nothing that this file imports may import one (test/first.test.ts). What is seen first stands first, as a browser has few
 * connections. */
import { clusters, completeness, door, facets, histogram, PAGE_ROWS, page } from "../api/questions";
import type { Event, Page } from "../api/types";
import { anchorNow, clean, readSearch, type Said, type Search } from "../shell/address";
import { question } from "./events/asked";
import { baselines, signals } from "./fleet/signals";

type Asked = Pick<Said, "search" | "bounds" | "anchor" | "scope">;

export interface Question {
  queryKey: readonly unknown[];
  queryFn?: unknown;
}

/** A question that is on its way, and what will come of it. */
export interface Begun {
  question: Question;
  answer: Promise<unknown>;
}

interface Opened {
  load: () => Promise<{ Page: () => React.JSX.Element }>;
  ask?: (asked: Asked) => Record<string, Question>;
}

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

/** What stands in the place of the list: patterns, or groups by this field. */
export function instead({ view, group }: Search) {
  return view === "patterns" ? view : FACETS.find((field) => field === group);
}

export function eventsFirst(asked: Asked) {
  const { params } = question(asked);
  const { anchor, search } = asked;
  return {
    ...(instead(search) ? {} : { rows: page<Page<Event>>("/api/v1/events", { ...params, limit: PAGE_ROWS }, null, anchor) }),
    bins: histogram({ ...params, bins: 180 }, anchor),
    sides: facets({ ...params, top: 25, fields: FACETS }, anchor),
  };
}

export function clustersFirst({ anchor, scope }: Asked) {
  return { list: clusters(scope, anchor), cover: completeness(scope, anchor) };
}

export function coverageFirst({ anchor, scope }: Asked) {
  return { cover: completeness({ ...scope, bins: 480 }, anchor) };
}

/** Where two paths fit an address, the first one is meant. */
export const PAGES = {
  "/": { load: () => import("./fleet/FleetPage"), ask: fleetFirst },
  "/events": { load: () => import("./events/EventsPage"), ask: eventsFirst },
  "/o": { load: () => import("./timeline/FinderPage") },
  "/o/$cluster/$kind/$namespace/$name": { load: () => import("./timeline/TimelinePage") },
  "/sql": { load: () => import("./sql/SqlPage") },
  "/sql/$saved": { load: () => import("./sql/SqlPage") },
  "/operations": { load: () => import("./operations/OperationsPage") },
  "/operations/new": { load: () => import("./plan/NewOperationPage") },
  "/operations/$id": { load: () => import("./run/RunPage") },
  "/tasks": { load: () => import("./tasks/TasksPage") },
  "/tasks/$id": { load: () => import("./tasks/TaskPage") },
  "/nodes": { load: () => import("./nodes/NodesPage") },
  "/clusters": { load: () => import("./clusters/ClustersPage"), ask: clustersFirst },
  "/coverage": { load: () => import("./coverage/CoveragePage"), ask: coverageFirst },
  "/s/$id": { load: () => import("./link/LinkPage") },
  "/settings": { load: () => import("./settings/SettingsPage") },
} as const satisfies Record<string, Opened>;

type Address = Pick<Location, "pathname" | "search">;

/** The page that an address opens. */
export function pageOf(pathname: string): Opened | undefined {
  const parts = pathname.split("/");
  const fits = (path: string) => {
    const own = path.split("/");
    return own.length === parts.length && own.every((part, n) => part.startsWith("$") || part === parts[n]);
  };
  return Object.entries<Opened>(PAGES).find(([path]) => fits(path))?.[1];
}

/** What an address asks first: its page's questions, and that of the frame, each once. */
export function questionsOf({ pathname, search }: Address): Question[] {
  const said = readSearch(clean(Object.fromEntries(new URLSearchParams(search))), anchorNow());
  const own: Question[] = Object.values(pageOf(pathname)?.ask?.(said) ?? {});
  const all = [...own, door(said.range.from, said.range.to, said.anchor)];
  return [...new Map(all.map((one) => [JSON.stringify(one.queryKey), one])).values()];
}

let begun: Begun[] | undefined;

/** Begins what the address opens. Whoever comes first does it, `early.ts` or the console; who takes an answer takes it out. */
export function begin(address: Address): Begun[] {
  if (begun) return begun;
  begun = questionsOf(address).map((question) => {
    const answer = (question.queryFn as (context: object) => Promise<unknown>)({});
    // Whoever takes it up is told; nobody need to.
    answer.catch(() => undefined);
    return { question, answer };
  });
  // Whoever shows the page asks for its code again, and tells what is wrong with it.
  pageOf(address.pathname)
    ?.load()
    .catch(() => undefined);
  return begun;
}
