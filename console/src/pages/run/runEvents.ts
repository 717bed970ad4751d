/** Events of Kubernetes beside a run: how they stand to the shown moment, and the way to all of them. Pure. */
import type { Event, RunEvents } from "../../api/types";
import { rowsUntil } from "../../api/usePages";
import { written } from "../../query/edit";
import { LIMITS } from "../../query/tables";
import type { Search } from "../../shell/view";

/** The API looks so far behind a run's end; what happened then is found a little later. */
const AFTER_MS = 5 * 60_000;
const SETTLES_MS = 60_000;

/** Whether Events can come yet: while the run lives, and shortly after its end. */
export function mayGrow(ended: number | null, now: number): boolean {
  return ended === null || now < ended + AFTER_MS + SETTLES_MS;
}

/** The moment up to which Events are told; null where all are. The end of a run that is over has also what followed from it. */
export function upToMoment(replay: boolean, asked: number, ended: number | null): number | null {
  return replay && (ended === null || asked < ended) ? asked : null;
}

/** How many of the rows, the oldest first, lie at the moment or before it. */
export function toldUntil(items: readonly Event[], moment: number | null): number {
  if (moment === null) return items.length;
  return rowsUntil([{ rows: items.length, times: Float64Array.from(items, (event) => Date.parse(event.time)) }], moment);
}

/** When there was a Warning, in order of time. */
export function warned(items: readonly Event[]): number[] {
  return items.filter((event) => event.type === "Warning").map((event) => Date.parse(event.time));
}

/** A query line for these nodes; null where it would be longer than a line may be. */
export function nodeLine(nodes: readonly string[]): string | null {
  const names = [...new Set(nodes)];
  if (names.length === 0 || names.length > LIMITS.values) return null;
  const values = names.map(written).join(" ");
  const line = names.length === 1 ? `node:${values}` : `node:(${values})`;
  return new TextEncoder().encode(line).length > LIMITS.lineBytes ? null : line;
}

/** The same Events on their own page: of all nodes, else of those that are told of here, else of the whole cluster. */
export function explorer(answer: RunEvents, cluster: string, machines: readonly string[], warnings: boolean, from?: string): Search {
  const seen = answer.items.flatMap((event) => event.node || []);
  return {
    c: cluster,
    from: new Date(Date.parse(from ?? answer.range.from)).toISOString(),
    // The page reads milliseconds: none of the last one is lost.
    to: new Date(Date.parse(answer.range.to) + 1).toISOString(),
    q: nodeLine(machines) ?? (from === undefined && !answer.truncated ? nodeLine(seen) : null) ?? undefined,
    sev: warnings ? "Warning" : undefined,
  };
}
