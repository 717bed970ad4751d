/** Saved queries: each is a query line, which Events opens, or a statement of SQL. Pure. */
import type { QueryItem } from "../api/types";
import type { Search } from "../shell/address";

export type SavedSql = QueryItem & { sql: string };

export function isSql(item: QueryItem): item is SavedSql {
  return typeof item.sql === "string";
}

/** The address that opens it; `kept` is what stays of the present one. */
export function opening(item: QueryItem, kept: Search) {
  return isSql(item)
    ? { to: "/sql/$saved" as const, params: { saved: item.name }, search: kept }
    : { to: "/events" as const, params: {}, search: { ...kept, q: item.line ?? "" } };
}

/** A statement on one line, without its comments. */
export function oneLine(sql: string): string {
  return sql
    .replace(/--[^\n]*(\n|$)/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** What it asks, on one line. */
export function asked(item: Pick<QueryItem, "line" | "sql">): string {
  return item.line ?? oneLine(item.sql ?? "");
}
