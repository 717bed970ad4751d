/** The questions of the console, as options for TanStack Query. A key holds everything that changes the answer. The library itself is
 * not needed to ask them: the first ones leave before it is read. */
import type { queryOptions as libraryOptions } from "@tanstack/react-query";
import { get, type Params } from "./client";
import type {
  Cluster,
  Completeness,
  Explanation,
  ExportList,
  Facets,
  Histogram,
  LinkItem,
  Neighbours,
  Page,
  Patterns,
  QueryList,
  Ready,
  Space,
  SqlSchema,
} from "./types";

/** So many rows has a page of a list. */
export const PAGE_ROWS = 200;

/** The library's own does the same: it is there for its types. */
export const queryOptions = ((options: unknown) => options) as typeof libraryOptions;
const keepPreviousData = <Answer>(before: Answer | undefined): Answer | undefined => before;

/** A question without what says nothing: a filter of nothing is the same question as none. */
function told(params: Params): Params {
  const says = (value: Params[string]) =>
    value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(params).filter(([, value]) => says(value)));
}

export function ask<Answer extends object>(path: string, params: Params = {}, anchor?: number) {
  return queryOptions({
    queryKey: [path, told(params), anchor ?? 0],
    queryFn: ({ signal }) => get<Answer>(path, params, signal),
    placeholderData: keepPreviousData,
  });
}

/** What the frame asks at its door: whether the token opens, and how many clusters there are. */
export const door = (from: string, to: string, anchor: number) => clusters({ from, to }, anchor);
export const clusters = (params: Params, anchor: number) => ask<Page<Cluster>>("/api/v1/clusters", { ...params, limit: 1000 }, anchor);
export const completeness = (params: Params, anchor: number) => ask<Completeness>("/api/v1/coverage/clusters", params, anchor);
export const histogram = (params: Params, anchor: number) => ask<Histogram>("/api/v1/events/histogram", params, anchor);
export const facets = (params: Params, anchor: number) => ask<Facets>("/api/v1/events/facets", params, anchor);
export const patterns = (params: Params, anchor: number) => ask<Patterns>("/api/v1/events/patterns", params, anchor);
export const explain = (params: Params, anchor: number) => ask<Explanation>("/api/v1/events/explain", params, anchor);
export const neighbours = (cluster: string, uid: string, params: Params) =>
  ask<Neighbours>(`/api/v1/events/${cluster}/${uid}/neighbours`, params);

export async function allPages<Answer extends { items: unknown[]; next?: string | null }>(
  ask: (cursor: string | undefined) => Promise<Answer>,
  enough: (items: Answer["items"]) => boolean = () => false,
): Promise<Answer> {
  const items: Answer["items"] = [];
  let page: Answer | undefined;
  do {
    page = await ask(page?.next ?? undefined);
    items.push(...page.items);
  } while (page.next && !enough(items));
  return { ...page, items };
}

/** All of them: whoever looks for a name must not miss it. */
export const queries = () => {
  const path = "/api/v1/queries";
  return queryOptions({
    ...ask<QueryList>(path),
    queryFn: ({ signal }) => allPages<QueryList>((cursor) => get(path, { limit: 1000, cursor }, signal)),
  });
};
export const link = (id: string) => ask<LinkItem>(`/api/v1/links/${encodeURIComponent(id)}`);
export const exportsList = () => ask<ExportList>("/api/v1/exports");
export const space = () => ask<Space>("/api/v1/space");
export const sqlSchema = () => ask<SqlSchema>("/api/v1/sql/schema");
/** Who is not ready says so with 503, and which part of it waits for what. */
export const ready = () => queryOptions({ ...ask<Ready>("/readyz"), queryFn: ({ signal }) => get<Ready>("/readyz", {}, signal, 503) });

/** Pages of a list are no placeholder for one another. */
export function page<Answer>(path: string, params: Params, cursor: string | null, anchor: number) {
  const all = cursor === null ? params : { ...params, cursor };
  return queryOptions({
    queryKey: [path, params, anchor, "page", cursor ?? ""],
    queryFn: ({ signal }) => get<Answer>(path, all, signal),
    staleTime: Number.POSITIVE_INFINITY,
    // Pages far from the eye are let go: the tab holds what it shows and a little more.
    gcTime: 20_000,
  });
}
