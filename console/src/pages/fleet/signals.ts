/** The signals of the fleet: query lines whose counts per cluster the server compares with the time before. */
import type { Params } from "../../api/client";
import { ask } from "../../api/questions";
import type { ClusterCoverage, Signals } from "../../api/types";
import type { Key } from "../../i18n";
import { missing } from "../../time/coverage";

const DAY = 86_400_000;

export interface Signal {
  id: string;
  title: Key;
  under: Key;
  line: string;
}

export const SIGNALS: readonly Signal[] = [
  { id: "warnings", title: "sig.warnings", under: "sig.warnings2", line: "type:Warning" },
  { id: "pull", title: "sig.pull", under: "sig.pull2", line: "reason:(Failed ErrImagePull) message:*pull*" },
  { id: "backoff", title: "sig.backoff", under: "sig.backoff2", line: "reason:BackOff" },
  { id: "unhealthy", title: "sig.unhealthy", under: "sig.unhealthy2", line: "reason:Unhealthy" },
  { id: "scheduling", title: "sig.scheduling", under: "sig.scheduling2", line: "reason:FailedScheduling" },
  { id: "mount", title: "sig.mount", under: "sig.mount2", line: "reason:(FailedMount FailedAttachVolume)" },
  { id: "sandbox", title: "sig.sandbox", under: "sig.sandbox2", line: "reason:FailedCreatePodSandBox" },
  { id: "notready", title: "sig.notready", under: "sig.notready2", line: "reason:NodeNotReady" },
  { id: "evicted", title: "sig.evicted", under: "sig.evicted2", line: "reason:(Evicted EvictionThresholdMet)" },
  { id: "oom", title: "sig.oom", under: "sig.oom2", line: "reason:(OOMKilling SystemOOM OOMKilled)" },
];

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

/** A cell of one cluster; null where nothing of the range is known of it. */
export function cell(answer: Signals, place: number, uid: string): Cell | null {
  const own = coverageOf(answer.coverage, uid);
  const rangeTo = Date.parse(answer.range.to);
  if (own?.share === 0) return null;
  // A cluster of imports alone claims nothing: what is found is a lower bound, and nothing found is not zero.
  const complete = own !== undefined && missing([own], rangeTo).length === 0;
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

export type Baseline = "before" | "1d" | "1w";

export const BASELINE_WORDS = { before: "explain.before", "1d": "explain.day", "1w": "explain.week" } as const;

/** The baseline of the address, where the range is short enough for it, and those that may be chosen. */
export function baselines(length: number, wanted: string | undefined): { allowed: Baseline[]; baseline: Baseline } {
  const allowed: Baseline[] = ["before", ...(length <= DAY ? (["1d"] as const) : []), ...(length <= 7 * DAY ? (["1w"] as const) : [])];
  return { allowed, baseline: allowed.find((one) => one === wanted) ?? "before" };
}

export function signalParams(scope: Params, baseline: Baseline): Params {
  return { ...scope, line: SIGNALS.map((signal) => signal.line), baseline: baseline === "before" ? undefined : baseline };
}

/** All signals of all clusters: one call. */
export const signals = (scope: Params, baseline: Baseline, anchor: number) =>
  ask<Signals>("/api/v1/fleet/signals", signalParams(scope, baseline), anchor);
