/** What is asked for the list of nodes of a cluster: three questions over Events, and one for each operation that holds nodes. */
import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { get } from "../../api/client";
import { operationHosts } from "../../api/operations";
import { facets } from "../../api/questions";
import type { CalendarAnswer, Event, Page } from "../../api/types";
import { oldest, useHeld } from "../../api/useHeld";
import { useView } from "../../shell/view";
import { missing } from "../../time/coverage";
import { holderOf, howMany, lineOf, nodesOf } from "./named";

/** Values of a facet, and Events of a list: what the API gives at once. */
export const MOST = 50;
const NEWEST = 200;
/** More nodes than an operation on nodes may have. */
const HOSTS = 1000;

/** What is counted, for a cluster and a part of a name. */
export function askedOf(range: { from: string; to: string }, cluster: string, part: string) {
  return { from: range.from, to: range.to, cluster: [cluster], q: lineOf(part), fields: ["node"], top: MOST };
}

export function useNodes(cluster: string, part: string, locks: CalendarAnswer["locks"]) {
  const { range, anchor, bounds } = useView();
  const counted = askedOf(range, cluster, part);
  const { fields: _, top: __, ...scope } = counted;
  const all = useHeld(facets(counted, anchor));
  const warned = useHeld(facets({ ...counted, sort: "warnings" }, anchor));
  const params = { ...scope, limit: NEWEST };
  const newest = useHeld({
    queryKey: ["/api/v1/events", params, anchor],
    queryFn: ({ signal }) => get<Page<Event>>("/api/v1/events", params, signal),
    placeholderData: (before) => before,
  });
  const held = [...new Set(locks.map((one) => one.operation))];
  const hosts = useQueries({ queries: held.map((id) => operationHosts(id, { limit: HOSTS }, 0)) });
  const rows = useMemo(() => (all.data ? nodesOf(all.data, warned.data, newest.data) : []), [all.data, warned.data, newest.data]);
  const failed = warned.isError ? warned : newest.isError ? newest : null;
  return {
    all,
    rows,
    different: all.data ? howMany(all.data) : 0,
    lost: missing(all.data?.coverage, bounds[1]),
    dimmed: all.isPlaceholderData || warned.isPlaceholderData,
    asOf: oldest(all, warned, newest),
    /** What is not told beside the names. */
    failed,
    holder: holderOf(locks, new Map(held.map((id, n) => [id, hosts[n]?.data?.items ?? []]))),
  };
}
