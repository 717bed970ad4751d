/** What stands in an answer: its rows, as text and as a file. Pure. */
import type { SqlAnswer } from "../../api/types";

/** The document says of values that they are objects; they are whatever JSON has. */
export const rowsOf = (data: SqlAnswer) => data.rows as unknown as readonly (readonly unknown[])[];

/** Whether a column has numbers, as ClickHouse writes its type. */
export function isNumber(type: string): boolean {
  return /^(LowCardinality\()?(Nullable\()?(U?Int|Float|BFloat|Decimal)/.test(type);
}

/** A value of an answer as text; nothing where it is NULL. */
export function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Rows as CSV (RFC 4180); a cell that a spreadsheet would run gets an apostrophe in front. */
export function csv(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown) => {
    const text = textOf(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
