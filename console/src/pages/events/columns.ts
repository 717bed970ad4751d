/** Which columns the list of Events has: out of the address, where the set of them stands; their order is always this one. Pure. */
import type { Key } from "../../i18n";

/** Widths are custom properties of `events.css`. */
const ALL = ["time", "type", "cluster", "namespace", "object", "node", "reason", "component", "message", "count"] as const;
export type Column = (typeof ALL)[number];

/** The list is in order of time, so that stands in each row. */
export const CHOICES = ALL.slice(1);
const USUAL: readonly Column[] = ["time", "type", "cluster", "object", "reason", "message", "count"];

export const WORDS: Readonly<Record<Column, Key>> = {
  time: "col.time",
  type: "col.type",
  cluster: "col.cluster",
  namespace: "facet.namespace",
  object: "col.object",
  node: "facet.node",
  reason: "col.reason",
  component: "facet.component",
  message: "col.message",
  count: "col.occurrences",
};

export interface Columns {
  list: readonly Column[];
  /** For rows, which ask for each of them. */
  has: Readonly<Record<Column, boolean>>;
  isUsual: boolean;
  /** Tracks of the grid: one property of what holds all rows. */
  tracks: string;
}

/** The columns of an address; the usual ones where it names none. */
export function readColumns(text: string | undefined): Columns {
  const named = (text ?? "").split(",");
  const some = CHOICES.some((column) => named.includes(column));
  const list = some ? ALL.filter((column) => column === "time" || named.includes(column)) : USUAL;
  const has = Object.fromEntries(ALL.map((column) => [column, list.includes(column)])) as Record<Column, boolean>;
  // What is left of the width goes to the message; without one, to the last column.
  const wide = has.message ? "message" : list.at(-1);
  const tracks = list.map((column) => (column === wide ? "minmax(0, 1fr)" : `var(--c-${column})`)).join(" ");
  return { list, has, isUsual: list.join() === USUAL.join(), tracks };
}

/** The address without a column that is there, or with one that is not; empty for the usual ones. The last one stays. */
export function toggled({ has, list }: Columns, column: Column): string {
  const next = CHOICES.filter((one) => (one === column ? !has[one] : has[one]));
  const { isUsual } = readColumns(next.join());
  return next.length === 0 ? list.slice(1).join() : isUsual ? "" : next.join();
}
