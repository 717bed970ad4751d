/** What a specification says of its machines, and how batches are called. */
import type { Translate } from "../i18n";

export interface NamedHost {
  ip: string;
  name: string | null;
  role: string | null;
}

/** Machines by address, out of a specification as the API gives it back. */
export function machinesOf(spec: unknown): Map<string, NamedHost> {
  const list = (spec as { operationMachines?: unknown }).operationMachines;
  const found = new Map<string, NamedHost>();
  if (!Array.isArray(list)) return found;
  for (const one of list as { ip?: string; name?: string; role?: string }[]) {
    if (typeof one.ip === "string") found.set(one.ip, { ip: one.ip, name: one.name ?? null, role: one.role ?? null });
  }
  return found;
}

/** A step of a task, by the name that its calls have: `ScaleUp`, or `ScaleUp/command` where the task names several bundles. */
export function taskStepName(step: { step: string; bundle?: string | null }): string {
  return step.bundle ? `${step.step}/${step.bundle}` : step.step;
}

/** `canary`, `batch 1`: the canary is no batch of its own number. */
export function batchName(t: Translate, batch: number, canary: boolean, anyCanary: boolean): string {
  if (canary) return t("op.canary");
  return t("op.batch", { n: anyCanary ? batch : batch + 1 });
}
