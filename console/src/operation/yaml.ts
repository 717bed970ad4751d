/** A value as YAML 1.2, in block style: what JSON can hold, and nothing that another reader takes for something else. Pure. */

import { CONTROLS, MARKS } from "../design/visible";

/** Words that some readers of YAML take for no text. */
const RESERVED = /^(?:~|null|true|false|yes|no|on|off|y|n|\.inf|\.nan)$/i;
const PLAIN = /^[A-Za-z0-9_/][A-Za-z0-9_./@+-]*$/;
const NUMBER_LIKE = /^[-+]?(?:\d[\d_]*(?:\.\d*)?(?:e[-+]?\d+)?|0[xo][\da-f]+|\d+(?::\d+)+|\d{4}-\d{2}-\d{2}.*|\.\d+)$/i;

/** A sign by its number, as YAML writes it in quotation marks. */
function escaped(sign: string): string {
  const code = (sign.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value ?? null);
  if (PLAIN.test(value) && !RESERVED.test(value) && !NUMBER_LIKE.test(value)) return value;
  // A string of JSON is one of YAML.
  return JSON.stringify(value).replace(CONTROLS, escaped).replace(MARKS, escaped);
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      if (typeof item !== "object" || item === null || isEmpty(item)) return [`${indent}- ${inline(item)}`];
      const inner = lines(item, `${indent}  `);
      const [first = "", ...rest] = inner;
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  return Object.entries(value as Record<string, unknown>).flatMap(([key, item]) => {
    if (item === undefined) return [];
    const name = scalar(key);
    if (typeof item !== "object" || item === null || isEmpty(item)) return [`${indent}${name}: ${inline(item)}`];
    return [`${indent}${name}:`, ...lines(item, `${indent}  `)];
  });
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return "[]";
  return typeof value === "object" && value !== null ? "{}" : scalar(value);
}

export function yaml(value: object): string {
  return isEmpty(value) ? `${inline(value)}\n` : `${lines(value, "").join("\n")}\n`;
}

export const API_VERSION = "caas.beidou.io/v1alpha1";

const PLURALS = { Operation: "operations", AutoOperationTask: "autooperationtasks" } as const;
/** Who asked, where a resource did: the API knows no person behind it. */
const BY_RESOURCE = "kubernetes";

/** The words of kubectl that follow the resource of a run; null where a person asked for it by the API, and there is none. */
export function resourceWords(kind: keyof typeof PLURALS, { name, subject }: { name: string; subject: string }): string[] | null {
  const [namespace, own] = name.split("/");
  if (subject !== BY_RESOURCE || !namespace || !own) return null;
  return ["kubectl", `--namespace=${namespace}`, "get", `${PLURALS[kind]}.${API_VERSION.split("/")[0]}`, own, "--watch"];
}

/** The resource of an operation or a task, as `beidou operation apply -f` and kubectl take it. */
export function manifest(kind: "Operation" | "AutoOperationTask", name: string, spec: object): string {
  const [namespace, own] = name.includes("/") ? (name.split("/") as [string, string]) : ["", name];
  const metadata = namespace === "" ? { name: own } : { name: own, namespace };
  return yaml({ apiVersion: API_VERSION, kind, metadata, spec });
}
