/** A draft between this form and the server: what is saved of it, and how a saved one is read again. Pure. */
import { BATCH_FIELDS, type Draft, EMPTY, specOf } from "./draft";
import type { Field } from "./schema";

type Fields = Record<string, unknown>;

/** What the server keeps: a specification, and beside it the fields of this form. */
export interface Content {
  name: string;
  spec: Fields;
  form: Fields;
}

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(isObject(value) ? value : {}).filter((one): one is [string, string] => typeof one[1] === "string"));

/** Secrets are named, never held: a text under the name of a secret parameter stays behind. Machines stand in the list alone. */
export function contentOf(draft: Draft, flow: readonly string[], fields: readonly Field[]): Content {
  const secret = new Set(fields.filter((field) => field.secret).map((field) => field.name));
  const { operationMachines: _, ...spec } = specOf(draft, flow, fields, []);
  const { name, ...form } = draft;
  return { name, spec, form: { ...form, values: Object.fromEntries(Object.entries(draft.values).filter(([key]) => !secret.has(key))) } };
}

/** The form of a saved draft. It may come from anywhere: what has not the form of its field is left out. */
export function draftOf(saved: { name: string; spec: unknown; form?: unknown }): Draft {
  const spec = isObject(saved.spec) ? saved.spec : {};
  const from: Fields = isObject(saved.form) ? saved.form : formOf(spec);
  const text = (key: keyof Draft) => (typeof from[key] === "string" && from[key] !== "" ? from[key] : (EMPTY[key] as string));
  const { flow, secrets } = from;
  return {
    name: saved.name,
    cluster: text("cluster"),
    type: text("type"),
    bundle: text("bundle"),
    flow: Array.isArray(flow) ? flow.filter((one): one is string => typeof one === "string") : null,
    text: text("text"),
    format: text("format"),
    values: texts(from.values),
    secrets: Object.fromEntries(
      Object.entries(isObject(secrets) ? secrets : {}).map(([name, place]) => [name, { secret: "", key: "", ...texts(place) }]),
    ),
    batches: texts(from.batches),
    requireApproval: from.requireApproval === true,
    dryRun: from.dryRun === true,
    ignoreWindows: from.ignoreWindows === true,
  };
}

/** The fields of a specification that was saved without a form. */
function formOf(spec: Fields): Fields {
  const list = (value: unknown) => (Array.isArray(value) ? value.filter(isObject) : []);
  const values = Object.entries(isObject(spec.parameters) ? spec.parameters : {});
  const batches = isObject(spec.batches) ? spec.batches : {};
  return {
    cluster: spec.clusterName,
    type: spec.operationType,
    bundle: spec.bundle,
    flow: spec.operationFlow,
    text: list(spec.operationMachines).map(lineOf).join("\n"),
    values: Object.fromEntries(values.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)])),
    secrets: Object.fromEntries(list(spec.secrets).map((one) => [String(one.parameter), one])),
    batches: Object.fromEntries(BATCH_FIELDS.flatMap((name) => (typeof batches[name] === "number" ? [[name, String(batches[name])]] : []))),
    requireApproval: spec.requireApproval,
    dryRun: spec.dryRun,
    ignoreWindows: spec.ignoreWindows,
  };
}

/** A machine as a pasted line: its address first, or the name of its node where it has none. */
function lineOf(machine: Fields): string {
  const first = machine.ip ? "ip" : "name";
  const more = ["name", "role", "user", "port"].filter((key) => key !== first && machine[key] !== undefined && machine[key] !== null);
  return [String(machine[first] ?? ""), ...more.map((key) => `${key}=${machine[key]}`)].join(" ");
}

/** Nobody has written anything: type and cluster are chosen by a link. */
export function isBlank(draft: Draft): boolean {
  const some = (texts: Record<string, unknown>) => Object.keys(texts).length > 0;
  const { text, values, secrets, batches, flow } = draft;
  return (
    text.trim() === "" &&
    !(some(values) || some(secrets) || some(batches)) &&
    flow === null &&
    !(draft.requireApproval || draft.dryRun || draft.ignoreWindows)
  );
}
