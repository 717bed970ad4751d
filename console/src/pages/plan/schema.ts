/** Parameters of a bundle, out of its JSON Schema: which fields a form has, and what they mean. Pure. */
import type { Key, Vars } from "../../i18n";

export type Kind = "text" | "lines" | "integer" | "number" | "boolean" | "choice" | "list" | "json";

export interface Field {
  name: string;
  kind: Kind;
  description: string;
  required: boolean;
  secret: boolean;
  /** What is taken where nothing is given, as text; empty where nothing is. */
  fallback: string;
  choices: readonly string[];
  least: number | null;
  most: number | null;
  pattern: string | null;
}

type Schema = Record<string, unknown>;

const isObject = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);
/** Text that is longer than a line has a field of lines. */
const LONG_TEXT = 1000;

export function fieldsOf(parameters: unknown): Field[] {
  if (!isObject(parameters) || !isObject(parameters.properties)) return [];
  const required = Array.isArray(parameters.required) ? (parameters.required as unknown[]) : [];
  return Object.entries(parameters.properties).map(([name, schema]): Field => {
    const one = isObject(schema) ? schema : {};
    const text = one.type === "string";
    return {
      name,
      kind: kindOf(one),
      description: typeof one.description === "string" ? one.description : "",
      required: required.includes(name),
      secret: one["x-secret"] === true,
      fallback: one.default === undefined ? "" : typeof one.default === "string" ? one.default : JSON.stringify(one.default),
      choices: Array.isArray(one.enum) ? one.enum.map(String) : [],
      least: numberOf(text ? one.minLength : one.minimum),
      most: numberOf(text ? one.maxLength : one.maximum),
      pattern: typeof one.pattern === "string" ? one.pattern : null,
    };
  });
}

function kindOf(schema: Schema): Kind {
  if (Array.isArray(schema.enum)) return "choice";
  switch (schema.type) {
    case "string":
      return (numberOf(schema.maxLength) ?? 0) > LONG_TEXT ? "lines" : "text";
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return isObject(schema.items) && schema.items.type === "string" ? "list" : "json";
    default:
      return "json";
  }
}

/** What a field's text means: a value, nothing at all, or what is wrong with it. */
export type Read = { value: unknown } | { empty: true } | { wrong: Key; vars: Vars };

export function read(field: Field, text: string): Read {
  const bare = field.kind === "lines" || field.kind === "text" ? text : text.trim();
  if (bare === "") return { empty: true };
  switch (field.kind) {
    case "text":
    case "lines":
      return readText(field, bare);
    case "choice":
      return { value: bare };
    case "integer":
    case "number":
      return readNumber(field, bare);
    case "boolean":
      return { value: bare === "true" };
    case "list":
      return {
        value: bare
          .split(/[\n,]/)
          .map((item) => item.trim())
          .filter((item) => item !== ""),
      };
    case "json":
      try {
        return { value: JSON.parse(bare) };
      } catch {
        return { wrong: "plan.wrong.json", vars: {} };
      }
  }
}

function readText(field: Field, text: string): Read {
  const [least, most] = [field.least ?? 0, field.most ?? Number.POSITIVE_INFINITY];
  if (text.length < least || text.length > most)
    return { wrong: "plan.wrong.length", vars: { min: least, max: most === Number.POSITIVE_INFINITY ? "∞" : most } };
  if (field.pattern !== null && !matches(field.pattern, text)) return { wrong: "plan.wrong.pattern", vars: { pattern: field.pattern } };
  return { value: text };
}

function readNumber(field: Field, text: string): Read {
  const value = Number(text);
  if (Number.isNaN(value)) return { wrong: "plan.wrong.number", vars: {} };
  if (field.kind === "integer" && !Number.isInteger(value)) return { wrong: "plan.wrong.integer", vars: {} };
  const [least, most] = [field.least ?? Number.NEGATIVE_INFINITY, field.most ?? Number.POSITIVE_INFINITY];
  if (value < least || value > most) return { wrong: "plan.wrong.range", vars: { min: field.least ?? "−∞", max: field.most ?? "∞" } };
  return { value };
}

/** A pattern that this browser cannot read is left to the server. */
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}
