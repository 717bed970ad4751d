/** What the lanes of an object need: what was said of it, and what was done. */
import { useMemo } from "react";
import { get } from "../../api/client";
import { runsOver } from "../../api/operations";
import type { Lanes, OperationList } from "../../api/types";
import { type Held, useHeld } from "../../api/useHeld";
import { PAD } from "../../canvas/lanes";
import { restOf } from "../../canvas/RunLinks";
import { type RunSpan, runSpans } from "../../canvas/runs";
import { type ObjectRef, objectUrl } from "../../shell/copies";
import type { View } from "../../shell/view";
import type { Range } from "../../time/range";

export interface ObjectLanes {
  lanes: Held<Lanes>;
  runs: Held<OperationList>;
  spans: readonly RunSpan[];
  /** How many operations are there in all; null while that is not known. */
  done: number | null;
  /** The cluster by its present name: an address may have its uid, or a name of before. */
  cluster: string;
  /** The node that operations may have had, where the object is one. */
  host: string | undefined;
  states: number;
}

/** `axis`: begin and end of the axis on which it is drawn; its own where none is given. */
export function useObjectLanes(ref: ObjectRef, range: Range, view: View, width: number, axis?: readonly [number, number]): ObjectLanes {
  const { anchor, bounds } = view;
  const params = { from: range.from, to: range.to, width };
  const url = objectUrl(ref);
  const lanes = useHeld({
    queryKey: [url, "lanes", params, anchor],
    queryFn: ({ signal }) => get<Lanes>(`${url}/lanes`, params, signal),
    placeholderData: (before, query) => (query?.queryKey[0] === url ? before : undefined),
  });
  // On a node: what was done to it; around anything else: what was done in its cluster. It waits for the lanes.
  const host = ref.kind.toLowerCase() === "node" ? ref.name : undefined;
  const cluster = lanes.data?.coverage[0]?.cluster ?? ref.cluster;
  const runs = useHeld({ ...runsOver({ ...range, cluster, host }, anchor), enabled: lanes.isFetched });
  const own = lanes.data ? ([Date.parse(lanes.data.range.from), Date.parse(lanes.data.range.to)] as const) : bounds;
  const [begin, end] = axis ?? own;
  const spans = useMemo(() => runSpans(runs.data?.items ?? [], [begin, end], width - PAD), [runs.data, begin, end, width]);
  const states = lanes.data?.lanes.reduce((sum, lane) => sum + lane.states, 0) ?? 0;
  return { lanes, runs, spans, done: runs.data ? spans.length + restOf(runs.data) : null, cluster, host, states };
}
