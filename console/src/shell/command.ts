/** What is pasted into a shell or into SQL: each word of a command, and each value in a statement, is written by a function of this
 * file, whatever an address or an Event says. Pure but for the origin of the page. */
import type { Params } from "../api/client";
import { queryString } from "../api/client";
import { CONTROLS, MARKS } from "../design/visible";

/** zsh takes a word that begins with "=" for the path of a program. */
const PLAIN = /^(?!=)[A-Za-z0-9_./:@%+=,-]+$/;
const NAMED: Record<string, string> = { "\n": "\\n", "\t": "\\t" };

/** Controls act on a terminal though they stand in quotation marks, and marks lie to the reader: each becomes its bytes in UTF-8. */
function spelled(text: string, byte: (value: number) => string): string {
  const spell = (sign: string) => NAMED[sign] ?? Array.from(new TextEncoder().encode(sign), byte).join("");
  return text.replace(CONTROLS, spell).replace(MARKS, spell);
}

const octal = (value: number) => `\\${value.toString(8).padStart(3, "0")}`;

/** A word of a POSIX shell, on one line: plain where it can be, else in quotation marks. */
export function shellWord(text: string): string {
  // No argument can hold a NUL.
  const word = text.replaceAll("\0", "");
  if (PLAIN.test(word)) return word;
  if (spelled(word, octal) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  // Without a quotation mark or an exclamation mark in it, nothing ends it early, in whatever shell.
  return `$'${spelled(
    word.replace(/['\\!]/g, (sign) => octal(sign.charCodeAt(0))),
    octal,
  )}'`;
}

/** A command of words that are ours, with options as `--name=value`; behind them what would be an option if it began with "-". */
export function shell(words: readonly string[], operands: readonly string[] = []): string {
  const end = operands.some((one) => one.startsWith("-")) ? ["--"] : [];
  return [...words, ...end, ...operands].map(shellWord).join(" ");
}

/** A call with curl. The token stays a variable: nothing secret is copied. */
export function curl(path: string, params: Params, body?: object): string {
  const data = body === undefined ? [] : ["-H", "content-type: application/json", "-d", JSON.stringify(body)];
  return `curl -H "Authorization: Bearer $BEIDOU_TOKEN" ${shell([...data, location.origin + path + queryString(params)])}`;
}

/** A text of SQL. */
export function sqlText(value: string): string {
  return `'${spelled(value.replace(/[\\']/g, "\\$&"), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`)}'`;
}
