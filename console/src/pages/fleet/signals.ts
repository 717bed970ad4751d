/** The signals of the fleet: query lines whose counts per cluster the server compares with the time before. */
import type { Params } from "../../api/client";
import { ask } from "../../api/questions";
import type { Signals } from "../../api/types";
import type { Key } from "../../i18n";

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
