/** Which columns the list of Events has: out of the address, where the set of them stands; their order is always this one. Pure. */
import type { Key } from "../../i18n";

/** Widths are custom properties of `events.css`: there they may shrink. */
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

/** So wide each is at the least where it has room: what is left of a list is at the most for its message. */
const LEAST_PX: Readonly<Record<Column, number>> = {
  time: 84,
  type: 12,
  cluster: 78,
  namespace: 112,
  object: 150,
  node: 124,
  reason: 90,
  component: 112,
  message: 0,
  count: 28,
};
const GAP_PX = 10;
const SIDES_PX = 24;
/** As `--c-message` has it: the other columns shrink before it does. */
const LEAST_MESSAGE_PX = 160;
/** As wide as narrow letters are. */
const LETTER_PX = 4.5;
/** A message is cut in steps of so many letters, so that a width that changes a little changes no row. */
const STEP = 40;
/** In a list whose width is not known. */
const MOST_LETTERS = 400;

/** So many letters of a message can be seen at the most, in a list so wide. */
export function lettersIn({ list }: Pick<Columns, "list">, width: number): number {
  if (width <= 0) return MOST_LETTERS;
  const others = list.reduce((sum, column) => sum + LEAST_PX[column] + GAP_PX, SIDES_PX - GAP_PX);
  return Math.ceil(Math.max(LEAST_MESSAGE_PX, width - others) / LETTER_PX / STEP) * STEP;
}

/** Whether so much of a message may have no room where so many letters can be seen: wide letters are four times as wide as narrow ones. */
export function maybeCut(message: string, letters: number): boolean {
  return message.length > letters / 4;
}

/** The columns of an address; the usual ones where it names none. */
export function readColumns(text: string | undefined): Columns {
  const named = (text ?? "").split(",");
  const some = CHOICES.some((column) => named.includes(column));
  const list = some ? ALL.filter((column) => column === "time" || named.includes(column)) : USUAL;
  const has = Object.fromEntries(ALL.map((column) => [column, list.includes(column)])) as Record<Column, boolean>;
  // What is left of the width goes to the message; without one, to the last column.
  const wide = has.message ? undefined : list.at(-1);
  const tracks = list.map((column) => (column === wide ? "minmax(0, 1fr)" : `var(--c-${column})`)).join(" ");
  return { list, has, isUsual: list.join() === USUAL.join(), tracks };
}

/** The address without a column that is there, or with one that is not; empty for the usual ones. The last one stays. */
export function toggled({ has, list }: Columns, column: Column): string {
  const next = CHOICES.filter((one) => (one === column ? !has[one] : has[one]));
  const { isUsual } = readColumns(next.join());
  return next.length === 0 ? list.slice(1).join() : isUsual ? "" : next.join();
}
