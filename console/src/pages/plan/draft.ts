/** A new operation while it is written: what it becomes, and what is missing. Pure. */
import type { MachineRow } from "../../api/types";
import type { Key, Vars } from "../../i18n";
import { type Field, read } from "./schema";

export const BATCH_FIELDS = ["canary", "soakSeconds", "size", "poolPercent", "holdAtHosts", "holdAtPercent"] as const;
export type BatchField = (typeof BATCH_FIELDS)[number];

export interface SecretPlace {
  secret: string;
  key: string;
}

export interface Draft {
  name: string;
  cluster: string;
  type: string;
  bundle: string;
  /** Steps that somebody chose; null for the bundle's own. */
  flow: string[] | null;
  text: string;
  format: string;
  values: Record<string, string>;
  secrets: Record<string, SecretPlace>;
  batches: Partial<Record<BatchField, string>>;
  requireApproval: boolean;
  dryRun: boolean;
  ignoreWindows: boolean;
}

export const EMPTY: Draft = {
  name: "",
  cluster: "",
  type: "ScaleUp",
  bundle: "",
  flow: null,
  text: "",
  format: "auto",
  values: {},
  secrets: {},
  batches: {},
  requireApproval: false,
  dryRun: false,
  ignoreWindows: false,
};

/** The steps of a bundle that an operation takes where nobody says. */
export function flowOf(bundle: { flow: readonly string[] }): string[] {
  return [...bundle.flow];
}

/** Steps that are done because a named one has its machines readied by them: nobody chooses them. */
export function readying(steps: readonly { name: string; prepare?: string | null }[], flow: readonly string[]): Set<string> {
  return new Set(steps.flatMap((step) => (step.prepare && flow.includes(step.name) ? [step.prepare] : [])));
}

/** Bundles that do what is asked: the cluster's own installer first, then plain Ansible, which stands in for it. */
export function bundlesFor<Bundle extends { type: string }>(all: readonly Bundle[], asked: string): Bundle[] {
  const standsIn = { ScaleUp: "NodeJoin", ScaleDown: "NodeRemove" }[asked];
  return [...all.filter((one) => one.type === asked), ...all.filter((one) => one.type === standsIn)];
}

/** More hosts than so many, or than a tenth of the cluster's nodes where they are known: its name is typed before the start. */
export function typeNameAbove(pool: number): number {
  return pool > 0 ? Math.min(20, Math.floor(pool / 10)) : 20;
}

/** What the server takes as a name. */
const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)?$/;

export interface Missing {
  step: 1 | 2 | 3;
  key: Key;
  vars?: Vars;
}

/** What stands between a draft and its plan. `why` words what is wrong with a parameter. */
export function missingOf(
  draft: Draft,
  flow: readonly string[],
  fields: readonly Field[],
  machines: { rows: readonly MachineRow[]; bad: number },
  why: (key: Key, vars: Vars) => string,
): Missing[] {
  const found: Missing[] = [];
  if (draft.cluster.trim() === "") found.push({ step: 1, key: "plan.need.cluster" });
  if (draft.bundle === "") found.push({ step: 1, key: "plan.need.bundle" });
  else if (flow.length === 0) found.push({ step: 1, key: "plan.need.flow" });
  if (!NAME.test(draft.name) || draft.name.length > 507) found.push({ step: 1, key: "plan.need.name" });
  if (machines.rows.length === 0) found.push({ step: 2, key: "plan.need.machines" });
  if (machines.bad > 0) found.push({ step: 2, key: "plan.need.lines", vars: { n: machines.bad } });
  for (const field of fields) {
    if (field.secret) {
      const place = draft.secrets[field.name];
      if (place && (place.secret.trim() === "") !== (place.key.trim() === ""))
        found.push({ step: 3, key: "plan.need.secret", vars: { name: field.name } });
      continue;
    }
    const said = read(field, draft.values[field.name] ?? "");
    if ("wrong" in said) found.push({ step: 3, key: "plan.need.parameter", vars: { name: field.name, why: why(said.wrong, said.vars) } });
  }
  for (const name of BATCH_FIELDS) {
    const text = draft.batches[name]?.trim() ?? "";
    if (text !== "" && !/^\d{1,6}$/.test(text))
      found.push({ step: 3, key: "plan.need.parameter", vars: { name, why: why("plan.wrong.integer", {}) } });
  }
  return found;
}

/** The specification. Secrets are named, never held; what is empty is left to cluster and bundle. */
export function specOf(
  draft: Draft,
  flow: readonly string[],
  fields: readonly Field[],
  rows: readonly MachineRow[],
): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  const secrets: Record<string, string>[] = [];
  for (const field of fields) {
    const place = draft.secrets[field.name];
    if (field.secret) {
      if (place && place.secret.trim() !== "" && place.key.trim() !== "")
        secrets.push({ parameter: field.name, secret: place.secret.trim(), key: place.key.trim() });
      continue;
    }
    const said = read(field, draft.values[field.name] ?? "");
    if ("value" in said) parameters[field.name] = said.value;
  }
  const batches = Object.fromEntries(
    BATCH_FIELDS.flatMap((name) => {
      const text = draft.batches[name]?.trim() ?? "";
      return /^\d{1,6}$/.test(text) ? [[name, Number(text)]] : [];
    }),
  );
  const some = <Value extends object>(key: string, value: Value) => (Object.keys(value).length === 0 ? {} : { [key]: value });
  const set = (key: "requireApproval" | "dryRun" | "ignoreWindows") => (draft[key] ? { [key]: true } : {});
  return {
    clusterName: draft.cluster.trim(),
    operationType: draft.type,
    bundle: draft.bundle,
    operationFlow: [...flow],
    operationMachines: rows.map(machineOf),
    ...some("parameters", parameters),
    ...some("secrets", secrets),
    ...some("batches", batches),
    ...set("requireApproval"),
    ...set("dryRun"),
    ...set("ignoreWindows"),
  };
}

/** A machine as the resource has it: only what was said of it. */
export function machineOf(row: MachineRow): Record<string, unknown> {
  const { ip, name, role, user, port } = row;
  return Object.fromEntries(Object.entries({ ip, name, role, user, port }).filter(([, value]) => value !== null && value !== undefined));
}

/** Lines of a text without those that are bad. */
export function withoutLines(text: string, bad: readonly number[]): string {
  const gone = new Set(bad);
  return text
    .split("\n")
    .filter((_, n) => !gone.has(n + 1))
    .join("\n");
}

/** A name that says what and when. */
export function nameOf(type: string, now: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const kebab = type.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
  return `${kebab}-${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
