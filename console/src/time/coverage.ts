/** What the API says of completeness, as the console draws and words it. */
import type { ClusterCompleteness, ClusterCoverage, CoveragePart } from "../api/types";
import type { Stretch } from "../canvas/paint";
import type { Key } from "../i18n";

const WORDS: Readonly<Record<string, Key>> = { complete: "cov.complete", degraded: "cov.degraded", gap: "cov.gap" };

/** The word for a state of coverage. */
export function coverageWord(state: string): Key {
  return WORDS[state] ?? "cov.unknown";
}

/** A stretch at the end of so long that only waits to be proven or projected is no gap: it is what "now" means. */
const SETTLING_MS = 90_000;
const WAITING = ["not_yet_proven", "not_yet_projected"];

/** Whether a part only waits: at the end of the range, short, and not lost. */
export function isSettling(part: CoveragePart, rangeTo: number): boolean {
  const [from, to] = [Date.parse(part.from), Date.parse(part.to)];
  return WAITING.includes(part.reason) && to >= rangeTo - 1000 && to - from <= SETTLING_MS;
}

/** Whether there were more intervals than one answer reads; what is older than those counts as unknown. */
export const isCut = (cluster: Pick<ClusterCompleteness, "because">): boolean =>
  cluster.because.some((because) => because.reason === "too_many_breaks");

export interface Missing {
  cluster: string;
  state: string;
  reason: string;
  from: number;
  to: number;
}

/** Everything of a range that is not complete and does not only wait, the longest first. */
export function missing(coverage: readonly ClusterCoverage[] | undefined, rangeTo: number): Missing[] {
  const parts = (coverage ?? []).flatMap((cluster) =>
    cluster.parts
      .filter((part) => !isSettling(part, rangeTo))
      .map((part) => ({
        cluster: cluster.cluster,
        state: part.state,
        reason: part.reason,
        from: Date.parse(part.from),
        to: Date.parse(part.to),
      })),
  );
  return parts.sort((a, b) => b.to - b.from - (a.to - a.from));
}

/** Whether all is known over which an answer counts; if not, its counts are lower bounds. */
export const isWhole = (coverage: readonly ClusterCoverage[] | undefined, range: { to: string }): boolean =>
  missing(coverage, Date.parse(range.to)).length === 0;

/** How fresh the answer is: the earliest moment until which everything is known, where only the end waits. */
export function knownUntil(coverage: readonly ClusterCoverage[] | undefined): number | null {
  const known = (coverage ?? []).flatMap((cluster) => (cluster.known_until ? [Date.parse(cluster.known_until)] : []));
  return known.length === 0 ? null : Math.min(...known);
}

function kindOf(state: string): Stretch["kind"] {
  return state === "gap" ? "gap" : state === "degraded" ? "late" : "unknown";
}

/** Stretches to draw, the worst drawn last so that nothing hides it. */
export function stretches(coverage: readonly ClusterCoverage[] | undefined): Stretch[] {
  const order = { late: 0, unknown: 1, gap: 2 };
  return (coverage ?? [])
    .flatMap((cluster) => cluster.parts.map((part) => ({ from: Date.parse(part.from), to: Date.parse(part.to), kind: kindOf(part.state) })))
    .sort((a, b) => order[a.kind] - order[b.kind]);
}

/** The strip of `/coverage/clusters`: one letter for each part of the range. */
export function stripStretches(strip: string, range: readonly [number, number]): Stretch[] {
  const width = (range[1] - range[0]) / strip.length;
  const found: Stretch[] = [];
  for (let n = 0; n < strip.length; n += 1) {
    const letter = strip[n];
    if (letter === "c") continue;
    const kind = letter === "g" ? "gap" : letter === "d" ? "late" : "unknown";
    const last = found.at(-1);
    const from = range[0] + n * width;
    if (last && last.kind === kind && Math.abs(last.to - from) < width / 2) last.to = from + width;
    else found.push({ from, to: from + width, kind });
  }
  return found;
}
