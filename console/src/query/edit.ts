/** Changes to a query line that a click makes: add a value, take it away, exclude it. What was typed stays as it was. */
import { isBlank, read, type Term, type Token } from "./scan";
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

function termText(head: string, values: readonly string[]): string {
  return head + (values.length === 1 ? values[0] : `(${values.join(" ")})`);
}

/** A line up to the end of what is written in it: a blank at its end may be a part of that, behind a backslash. */
function ended(line: string, end = Number.POSITIVE_INFINITY): string {
  const { chars, tokens } = read(line);
  return chars.slice(0, tokens.findLast((token) => token.to <= end)?.to ?? 0).join("");
}

/** The line with a term in another form, or without it: nothing else is touched but blanks beside a term that goes. */
function replaced(line: string, { from, to }: Term, text: string): string {
  const { chars } = read(line);
  if (text !== "") return [...chars.slice(0, from), text, ...chars.slice(to)].join("");
  let next = to;
  while (isBlank(chars[next])) next += 1;
  return next === chars.length ? ended(line, from) : [...chars.slice(0, from), ...chars.slice(next)].join("");
}

/** How a term begins, as it was typed, and each of its values. */
function sources(line: string, term: Term): { head: string; values: string[] } {
  const { tokens, chars } = read(line);
  const inside = tokens.filter((token) => token.from >= term.from && token.to <= term.to && token.kind !== "paren");
  const isHead = ({ kind }: Token) => kind === "minus" || kind === "field";
  const source = ({ from, to }: Token) => chars.slice(from, to).join("");
  return { head: inside.filter(isHead).map(source).join(""), values: inside.filter((token) => !isHead(token)).map(source) };
}

/** Takes a value out of whatever terms have it. */
export function without(line: string, field: string, value: string): string {
  const term = read(line).terms.find((known) => isText(known, field, value));
  if (!term) return line;
  const { head, values } = sources(line, term);
  // A value may be written twice, and the term has it once.
  const is = (source: string) => values.length === 1 || read(`${field}:${source}`).terms.some((alone) => isText(alone, field, value));
  const kept = values.filter((source) => !is(source));
  const rest = replaced(line, term, kept.length === 0 ? "" : termText(head, kept));
  return kept.length < values.length ? without(rest, field, value) : line;
}

/** Adds a value: to a term over the same field with the same sense, else as a term of its own. */
export function withValue(line: string, field: string, value: string, not = false): string {
  const cleared = without(line, field, value);
  const term = read(cleared).terms.find((known) => known.field === field && known.not === not && field !== "message");
  if (!term) {
    const before = ended(cleared);
    return `${before}${before === "" ? "" : " "}${termText(`${not ? "-" : ""}${field}:`, [written(value)])}`;
  }
  const { head, values } = sources(cleared, term);
  return replaced(cleared, term, termText(head, [...values, written(value)]));
}

/** The field asks for this value alone. */
export function only(line: string, field: string, value: string): string {
  let rest = line;
  for (let term = find(rest, field); term; term = find(rest, field)) rest = replaced(rest, term, "");
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
