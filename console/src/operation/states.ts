/** States of hosts in a matrix, and of operations and tasks: their numbers, order, colours and signs. Pure. */
import type { GlyphName } from "../design/Icon";

/** By byte; 0 is a moment before the operation was accepted. */
export const STATES = ["none", "waiting", "running", "ok", "failed", "unreachable", "skipped", "unknown", "cancelled"] as const;
export type HostState = (typeof STATES)[number];

export const OK = 3;
export const RUNNING = 2;
export const WAITING = 1;

/** The worst first. */
export const ORDER: readonly HostState[] = ["failed", "unreachable", "unknown", "cancelled", "running", "waiting", "skipped", "ok", "none"];
const RANKS = STATES.map((state) => ORDER.indexOf(state));

/** How bad a byte is: the smaller the worse. */
export function rank(byte: number): number {
  return RANKS[byte] ?? ORDER.length;
}

export function isBad(byte: number): boolean {
  return byte === 4 || byte === 5 || byte === 7 || byte === 8;
}

/** Through the step: well, or left out on purpose. */
export function isThrough(byte: number): boolean {
  return byte === 3 || byte === 6;
}

/** Token of a state's colour. */
export const STATE_COLOR: Record<HostState, string> = {
  none: "st-wait",
  waiting: "st-wait",
  running: "st-run",
  ok: "st-ok",
  failed: "st-fail",
  unreachable: "st-fail",
  skipped: "st-stop",
  unknown: "st-unknown",
  cancelled: "st-stop",
};

export const STATE_GLYPH: Record<HostState, GlyphName> = {
  none: "wait",
  waiting: "wait",
  running: "run",
  ok: "ok",
  failed: "fail",
  unreachable: "fail",
  skipped: "skip",
  unknown: "unknown",
  cancelled: "stop",
};

export function asState(name: string): HostState {
  return (STATES as readonly string[]).includes(name) ? (name as HostState) : "unknown";
}

export const PHASES = ["Pending", "Running", "Held", "Cancelling", "Succeeded", "Failed", "Cancelled", "Unknown"] as const;
export type Phase = (typeof PHASES)[number];

export function isOver(phase: string): boolean {
  return phase === "Succeeded" || phase === "Failed" || phase === "Cancelled";
}

/** Badge and sign of a phase. */
export const PHASE_LOOK: Record<Phase, { badge: string; glyph: GlyphName }> = {
  Pending: { badge: "wait", glyph: "wait" },
  Running: { badge: "run", glyph: "run" },
  Held: { badge: "held", glyph: "held" },
  Cancelling: { badge: "stop", glyph: "stop" },
  Succeeded: { badge: "ok", glyph: "ok" },
  Failed: { badge: "fail", glyph: "fail" },
  Cancelled: { badge: "stop", glyph: "stop" },
  Unknown: { badge: "stop", glyph: "unknown" },
};

export function asPhase(name: string): Phase {
  return (PHASES as readonly string[]).includes(name) ? (name as Phase) : "Unknown";
}

/** What joins is no node yet: it has an address, and no name that a cluster knows. */
export const joins = (type: string) => type === "ScaleUp" || type === "NodeJoin";

export const TYPES = ["ScaleUp", "ScaleDown", "Cordon", "Uncordon", "Drain", "Reboot", "Command", "NodeJoin", "NodeRemove"] as const;

/** Where hosts stand, out of the counts of all steps: gone wrong, cancelled, running, through, and those whose turn has not come. */
export interface Share {
  bad: number;
  cancelled: number;
  running: number;
  through: number;
  waiting: number;
  total: number;
}

export function share(hosts: { bad: number; through: number; total: number }, steps: readonly { hosts: Record<string, number> }[]): Share {
  const of = (state: string) => steps.reduce((sum, step) => sum + (step.hosts[state] ?? 0), 0);
  // The API counts cancelled hosts among the bad ones. A host ends in one step, so that the steps add up.
  const cancelled = Math.min(hosts.bad, of("cancelled"));
  const rest = Math.max(0, hosts.total - hosts.bad - hosts.through);
  const running = Math.min(of("running"), rest);
  return { bad: hosts.bad - cancelled, cancelled, running, through: hosts.through, waiting: rest - running, total: hosts.total };
}
