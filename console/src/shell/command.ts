/** The same question for other tools: command line, API, kubectl, SQL. Pure; a page gives what it shows. */
import type { Params } from "../api/client";
import { queryString } from "../api/client";
import type { Range } from "../time/range";

/** A word of a POSIX shell, in quotation marks where it needs them. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) && text !== "" ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Ends of the range as the command line reads them: `--since 6h`. */
export function rangeFlags(range: Range): string {
  const end = (text: string) => (text.startsWith("-") ? text.slice(1) : text);
  return `--since ${shellWord(end(range.from))}${range.to === "now" ? "" : ` --until ${shellWord(end(range.to))}`}`;
}

export function clusterFlags(clusters: readonly string[]): string {
  return clusters.map((name) => ` -c ${shellWord(name)}`).join("");
}

/** A call with curl. The token stays a variable: nothing secret is copied. */
export function curl(path: string, params: Params): string {
  return `curl -H "Authorization: Bearer $BEIDOU_TOKEN" ${shellWord(location.origin + path + queryString(params))}`;
}

/** A text of SQL. */
export function sqlText(value: string): string {
  return `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}
