/** Changes to a query line that a click makes: add a value, take it away, exclude it. What was typed stays as it was. */
import { read, type Term } from "./scan";
import { OPERATORS } from "./tables";

/** A value as it is written: in quotation marks where it needs them. */
export function written(value: string): string {
  const plain = /^[\p{L}\p{N}_.+@%#~$][\p{L}\p{N}_.+@%#~$/:=<>-]*$/u.test(value) && !OPERATORS.includes(value) && value !== "_";
  return plain ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

function isText(term: Term, field: string, value: string): boolean {
  return term.field === field && term.values.some((known) => "text" in known && known.text.toLowerCase() === value.toLowerCase());
}

/** Whether a value is asked for, excluded, or neither. */
export function stateOf(line: string, field: string, value: string): "only" | "not" | null {
  for (const term of read(line).terms) if (isText(term, field, value)) return term.not ? "not" : "only";
  return null;
}

/** Every value of a field that a term asks for. */
export function valuesOf(line: string, field: string): string[] {
  const terms = read(line).terms.filter((term) => term.field === field && !term.not);
  return terms.flatMap((term) => term.values.flatMap((value) => ("text" in value ? [value.text] : [])));
}

function termText(field: string, not: boolean, values: string[]): string {
  return `${not ? "-" : ""}${field}:${values.length === 1 ? values[0] : `(${values.join(" ")})`}`;
}

function replaced(line: string, from: number, to: number, text: string): string {
  const chars = Array.from(line);
  return [chars.slice(0, from).join(""), text, chars.slice(to).join("")].join("").replace(/ {2,}/g, " ").trim();
}

function sources(line: string, term: Term): string[] {
  const { tokens, chars } = read(line);
  const inside = tokens.filter((token) => token.from >= term.from && token.to <= term.to);
  return inside
    .filter((token) => !["minus", "field", "paren"].includes(token.kind))
    .map((token) => chars.slice(token.from, token.to).join(""));
}

/** Takes a value out of whatever term has it. */
export function without(line: string, field: string, value: string): string {
  const term = read(line).terms.find((known) => isText(known, field, value));
  if (!term) return line;
  const kept = sources(line, term).filter((_, place) => {
    const known = term.values[place];
    return !(known && "text" in known && known.text.toLowerCase() === value.toLowerCase());
  });
  return replaced(line, term.from, term.to, kept.length === 0 ? "" : termText(field, term.not, kept));
}

/** Adds a value: to a term over the same field with the same sense, else as a term of its own. */
export function withValue(line: string, field: string, value: string, not = false): string {
  const cleared = without(line, field, value);
  const term = read(cleared).terms.find((known) => known.field === field && known.not === not && field !== "message");
  if (!term) return `${cleared.trim()} ${termText(field, not, [written(value)])}`.trim();
  return replaced(cleared, term.from, term.to, termText(field, not, [...sources(cleared, term), written(value)]));
}

/** The field asks for this value alone. */
export function only(line: string, field: string, value: string): string {
  let rest = line;
  for (let term = find(rest, field); term; term = find(rest, field)) rest = replaced(rest, term.from, term.to, "");
  return withValue(rest, field, value);
}

function find(line: string, field: string): Term | undefined {
  return read(line).terms.find((term) => term.field === field);
}

/** Takes the place of some characters by a proposal; where the pen is then. */
export function accepted(line: string, replace: { from: number; to: number }, insert: string): { line: string; at: number } {
  const chars = Array.from(line);
  const before = chars.slice(0, replace.from).join("") + insert;
  const after = chars.slice(replace.to).join("");
  const gap = insert.endsWith(":") || after.startsWith(" ") || after.startsWith(")") ? "" : " ";
  return { line: before + gap + after, at: Array.from(before + gap).length };
}
