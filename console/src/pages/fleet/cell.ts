/** What a cell of the fleet says: how often a signal was seen in one cluster, how bad that is against the time before, and whether it is
 * known. */
import type { ClusterCoverage, Signals } from "../../api/types";
import { isWhole } from "../../time/coverage";

export type Level = 0 | 1 | 2 | 3;

export interface Cell {
  now: number;
  before: number | null;
  level: Level;
  /** Whether the range is complete for the cluster; if not, the number is a lower bound. */
  complete: boolean;
}

/** A level needs both: a rise that is no chance, and one that is large. The rule stands in the hint of every cell. */
export const RULE = { score: [30, 150, 600], ratio: [1.3, 2, 4] } as const;

export function level(now: number, before: number, score: number): Level {
  const ratio = now / Math.max(1, before);
  let found: Level = 0;
  for (const n of [1, 2, 3] as const) if (score >= (RULE.score[n - 1] ?? 0) && ratio >= (RULE.ratio[n - 1] ?? 0)) found = n;
  return found;
}

function coverageOf(coverage: readonly ClusterCoverage[], uid: string): ClusterCoverage | undefined {
  return coverage.find((one) => one.cluster_uid === uid);
}

/** Less of the baseline than that is no baseline: what looks new may only be unknown. */
const LEAST_SHARE = 0.9;

function known(coverage: ClusterCoverage | undefined): boolean {
  return coverage === undefined || coverage.share >= LEAST_SHARE;
}

/** Whether the time before can be compared with, for all clusters. */
export function comparable(answer: { baseline_coverage: readonly ClusterCoverage[] } | undefined): boolean {
  return answer?.baseline_coverage.every(known) ?? false;
}

/** Whether all of the range is known of one cluster. One of imports alone claims nothing: what is found is a lower bound, and nothing
 * found is not zero. */
export function isWholeOf(answer: { coverage: readonly ClusterCoverage[]; range: { to: string } }, uid: string): boolean {
  const own = coverageOf(answer.coverage, uid);
  return own !== undefined && isWhole([own], answer.range);
}

/** A cell of one cluster; null where nothing of the range is known of it. */
export function cell(answer: Signals, place: number, uid: string): Cell | null {
  const own = coverageOf(answer.coverage, uid);
  if (own?.share === 0) return null;
  const complete = isWholeOf(answer, uid);
  const base = coverageOf(answer.baseline_coverage, uid);
  const baseKnown = own !== undefined && known(base);
  const found = answer.signals[place]?.clusters[uid];
  const [now, before] = [found?.states ?? 0, found?.states_before ?? 0];
  if (!own && now === 0) return null;
  return { now, before: baseKnown ? before : null, level: found && baseKnown ? level(now, before, found.score) : 0, complete };
}

/** The first signal over all clusters: now, and in the time before. */
export function warnings(answer: Signals): { now: number; before: number } {
  const cells = Object.values(answer.signals[0]?.clusters ?? {});
  return {
    now: cells.reduce((sum, one) => sum + one.states, 0),
    before: cells.reduce((sum, one) => sum + one.states_before, 0),
  };
}
