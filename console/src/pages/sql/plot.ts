/** What of an answer can be drawn: over which column, and what is counted over it; or why it cannot. Nothing is summed or put in order here
 * but by time: a statement that groups says what it means. Pure. */
import type { SqlAnswer } from "../../api/types";
import { SERIES_COLORS, type Series, stepOf } from "../../canvas/series";
import { atClock } from "../../time/clock";
import { hm } from "../../time/format";
import { isNumber, textOf } from "./cells";

/** So many bars are seen one below the other. */
const MOST_BARS = 200;
const BETWEEN = " · ";
/** Around a single moment. */
const ALONE_MS = 1_800_000;

type Column = SqlAnswer["columns"][number];
type Rows = readonly (readonly unknown[])[];

export interface Counted extends Omit<Series, "torn" | "partial"> {
  /** The cluster of which it tells; undefined where it may tell of all. */
  cluster?: string | undefined;
  /** What it has are counts: more are there where some are not known. Means and shares may lie on either side. */
  counts: boolean;
}

export interface Plot {
  /** The column below. */
  axis: string;
  /** The columns that are counted. */
  measures: string[];
  /** Moments, ascending; null where the rows are the places, in the order of the statement. */
  times: number[] | null;
  step: number | null;
  /** What the rows are called. */
  names: string[];
  series: Counted[];
  /** So many series and rows are not drawn. */
  restSeries: number;
  restRows: number;
}

export type Why = "sql.noRows" | "sql.noNumber" | "sql.noAxis" | "sql.noValue" | "sql.sameTime";
export type Drawing = { plot: Plot } | { why: Why; column: string };

const inner = (type: string) => type.replace(/^(?:LowCardinality\()?(?:Nullable\()?/, "");

/** The zone whose clocks a column shows, UTC where it names none. Null where it is no time, or this browser does not know the zone. */
function zoneOf(type: string): string | null {
  const found = /^(?:DateTime64|DateTime|Date32|Date)\b(?:\([^']*'([^']+)')?/.exec(inner(type));
  if (!found) return null;
  const zone = found[1] ?? "UTC";
  try {
    hm(0, zone);
    return zone;
  } catch {
    return null;
  }
}

/** A value in a name. What is NULL is not what is empty. */
const wordOf = (value: unknown): string => (value === null ? "NULL" : textOf(value));

function momentOf(value: unknown, zone: string): number {
  const text = textOf(value);
  const clock = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 23) || "00:00:00"}Z`);
  return zone === "UTC" || Number.isNaN(clock) ? clock : atClock(clock, zone);
}

function numberOf(value: unknown): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Columns before the first number say what is counted by, as people write them: a time there is the axis, else the first of them.
 * A time behind it is a measure of its own kind, as the first moment of a group is, and is not drawn. */
export function plotOf(columns: readonly Column[], rows: Rows): Drawing {
  const all = columns.map((_, n) => n);
  const type = (n: number) => columns[n]?.type ?? "";
  const name = (n: number) => columns[n]?.name ?? "";
  const isTime = (n: number) => zoneOf(type(n)) !== null;
  const numbers = all.filter((n) => isNumber(type(n)));
  const first = numbers[0];
  if (rows.length === 0) return { why: "sql.noRows", column: "" };
  if (first === undefined) return { why: "sql.noNumber", column: "" };
  const words = all.filter((n) => !isNumber(type(n)) && !/^(Array|Map|Tuple|Nested|JSON|Object)\b/.test(type(n)));
  const before = words.filter((n) => n < first);
  const by = before.length > 0 ? before : words;
  const axis = by.find(isTime) ?? by[0] ?? first;
  const measures = numbers.filter((n) => n !== axis);
  if (measures.length === 0) return { why: "sql.noAxis", column: "" };
  const split = by.filter((n) => n !== axis && !isTime(n));
  const counts = (n: number) => /^UInt/.test(inner(type(n)));
  const shape = { rows, axis, zone: zoneOf(type(axis)), split, measures, name, counts };
  const plot = shape.zone === null ? overRows(shape) : overTime(shape, shape.zone);
  if (plot === null) return { why: "sql.sameTime", column: name(axis) };
  const known = plot.series.some(({ values }) => [...values.values()].some((value) => value !== null));
  return known ? { plot } : { why: "sql.noValue", column: measures.map(name).join(", ") };
}

interface Shape {
  rows: Rows;
  axis: number;
  split: readonly number[];
  measures: readonly number[];
  name: (column: number) => string;
  counts: (column: number) => boolean;
}

const colored = (all: readonly Omit<Counted, "color">[]): Counted[] =>
  SERIES_COLORS.flatMap((color, n) => {
    const one = all[n];
    return one ? [{ ...one, color }] : [];
  });

function overRows({ rows, axis, split, measures, name, counts }: Shape): Plot {
  const drawn = measures.slice(0, SERIES_COLORS.length);
  const shown = rows.slice(0, Math.floor(MOST_BARS / drawn.length));
  return {
    axis: [axis, ...split].map(name).join(BETWEEN),
    measures: drawn.map(name),
    times: null,
    step: null,
    names: shown.map((row) => [axis, ...split].map((n) => wordOf(row[n])).join(BETWEEN)),
    series: colored(
      drawn.map((n) => ({
        id: String(n),
        name: name(n),
        counts: counts(n),
        values: new Map(shown.map((row, at) => [at, numberOf(row[n])])),
      })),
    ),
    restSeries: measures.length - drawn.length,
    restRows: rows.length - shown.length,
  };
}

/** Null where one series has two values for a moment: which of them is meant, or whether both, nobody knows. */
function overTime({ rows, axis, split, measures, name, counts }: Shape, zone: string): Plot | null {
  const found = new Map<string, Omit<Counted, "color"> & { values: Map<number, number | null> }>();
  const cluster = split.find((n) => name(n) === "cluster");
  const placed = rows.map((row) => [momentOf(row[axis], zone), row] as const).filter(([at]) => !Number.isNaN(at));
  placed.sort(([a], [b]) => a - b);
  for (const [at, row] of placed) {
    const parts = split.map((n) => wordOf(row[n]));
    for (const n of measures) {
      const id = JSON.stringify([n, ...split.map((part) => row[part])]);
      const called = [...parts, ...(measures.length > 1 || parts.length === 0 ? [name(n)] : [])].join(BETWEEN);
      const of = cluster === undefined ? undefined : textOf(row[cluster]);
      const one = found.get(id) ?? { id, name: called, counts: counts(n), cluster: of, values: new Map() };
      if (one.values.has(at)) return null;
      one.values.set(at, numberOf(row[n]));
      found.set(id, one);
    }
  }
  const times = [...new Set(placed.map(([at]) => at))];
  const size = (values: ReadonlyMap<number, number | null>) =>
    [...values.values()].reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
  const series = [...found.values()];
  if (series.length > SERIES_COLORS.length) series.sort((a, b) => size(b.values) - size(a.values));
  return {
    axis: name(axis),
    measures: measures.map(name),
    times,
    step: stepOf(times),
    names: [],
    series: colored(series),
    restSeries: Math.max(0, series.length - SERIES_COLORS.length),
    restRows: rows.length - placed.length,
  };
}

/** The ends of the axis: of the range where the statement is bound to it, and of all moments that it gave. */
export function axisOf({ times, step }: Plot, range: SqlAnswer["range"]): readonly [number, number] {
  const [first, end] = [times?.[0] ?? 0, times?.at(-1) ?? 0];
  // The last bar is all seen: where steps differ, as those of months do, each has half the room that there is for one.
  const last = end + (step ?? (end - first) / (2 * (times?.length ?? 1) - 1));
  const [from, to] = range ? [Math.min(first, Date.parse(range.from)), Math.max(last, Date.parse(range.to))] : [first, last];
  return from < to ? [from, to] : [from - ALONE_MS, to + ALONE_MS];
}
