/** A list of any length by cursors: few pages are held, those last seen, and a page that was let go is asked for again. */

import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { upTo } from "../design/order";
import type { Params } from "./client";
import { asProblem } from "./problem";
import { PAGE_ROWS, page } from "./questions";

/** So many pages are held beside those that are shown. */
const MOST_HELD = 8;
/** The next page is asked for so many rows before the last known one is seen: less than the first page has beside a window. */
const AHEAD = 100;

/** What the page of any list has. */
export interface AnyPage<Row> {
  items: Row[];
  next?: string | null;
  total?: { value: number; exact: boolean } | null;
}

export interface Pages<Row, Answer extends AnyPage<Row>> {
  /** Rows that can be scrolled to now: those of known pages, and one that waits behind them. */
  count: number;
  /** Rows up to the wanted moment; null where none is wanted. */
  untilMoment: number | null;
  row: (index: number) => Row | undefined;
  first: Answer | undefined;
  total: { value: number; exact: boolean } | null;
  /** Nothing is behind the last known row, for now. */
  atEnd: boolean;
  /** Nothing is known of this question yet, of this turn of it; what stands in for it meanwhile is the answer to another one. */
  isLoading: boolean;
  /** The rows are those of the question or the turn before. */
  isDimmed: boolean;
  /** The rows are those of the same question, a turn before. */
  isTurning: boolean;
  isFetching: boolean;
  /** Of when the rows are, where asking anew fails; null while it does not. */
  asOf: number | null;
  error: unknown;
  retry: () => void;
}

interface Known {
  cursor: string | null;
  /** Rows of all pages before it. */
  before: number;
  rows: number;
  /** The times of its rows, where somebody asks for a moment: they stay when the rows are let go. */
  times: Float64Array;
}

const NO_TIMES = new Float64Array(0);

/** How many rows lie at a moment or before it; rows follow one another in time. */
export function rowsUntil(known: readonly { rows: number; times: Float64Array }[], moment: number): number {
  let before = 0;
  for (const { rows, times } of known) {
    if ((times[rows - 1] ?? moment) > moment) {
      const at = times.findIndex((time) => time > moment);
      return before + (at < 0 ? rows : at);
    }
    before += rows;
  }
  return before;
}

/** Takes in what is shown now, and gives back what has not been seen for longest, where there is too much. */
export function letGo<Cursor>(held: Cursor[], shown: readonly Cursor[]): Cursor[] {
  for (const cursor of shown) {
    const at = held.indexOf(cursor);
    if (at >= 0) held.splice(at, 1);
    held.push(cursor);
  }
  return held.splice(0, Math.max(0, held.length - shown.length - MOST_HELD));
}

/** How many rows the known pages have. */
function rowsOf(known: readonly { before: number; rows: number }[]): number {
  const last = known.at(-1);
  return last ? last.before + last.rows : 0;
}

/** Which page a row lies on, and where on it. Each row of each drawing asks, and a million rows have thousands of pages. */
export function place(known: readonly { before: number; rows: number }[], index: number): { page: number; at: number } {
  if (index >= rowsOf(known)) return { page: known.length, at: 0 };
  const page = Math.max(0, upTo(known.length, (n) => known[n]?.before, index) - 1);
  return { page, at: index - (known[page]?.before ?? 0) };
}

/** What is known of one list. `held` are the cursors of its pages, the last seen one last. */
interface Chain {
  key: string;
  known: Known[];
  next: string | null | undefined;
  held: (string | null)[];
}

/** An answer that may stand in while the next one is on its way, or cannot be had. */
export interface Old<Answer> {
  question: string;
  answer: Answer;
  at: number;
}

/** Whether an old answer may be shown: that of another question while this one is asked, but not once it has failed; and none that the
 * server now refuses. */
export function standsIn(old: { question: string } | undefined, question: string, error: unknown): boolean {
  if (old === undefined) return false;
  return error === undefined || (old.question === question && asProblem(error).passing);
}

interface Options<Row> {
  /** Between two looks for what has come behind the last page; 0 for none. */
  growing?: number;
  limit?: number;
  /** The time of a row, where a list is shown up to a moment. */
  timeOf?: (row: Row) => number;
  /** Up to which moment rows are wanted; null for all. */
  until?: number | null;
}

/** Pages of `path`; `visible` are the first and last row that are shown. */
export function usePages<Row, Answer extends AnyPage<Row> = AnyPage<Row>>(
  path: string,
  params: Params,
  anchor: number,
  visible: readonly [number, number],
  { growing = 0, limit = PAGE_ROWS, timeOf, until = null }: Options<Row> = {},
): Pages<Row, Answer> {
  const client = useQueryClient();
  const base = useMemo(() => ({ ...params, limit }), [params, limit]);
  const question = JSON.stringify([path, base]);
  const key = `${question}${anchor}`;
  const chain = useRef<Chain>({ key: "", known: [], next: undefined, held: [] });
  const old = useRef<Old<Answer> | undefined>(undefined);
  const lost = useRef<{ question: string; error: unknown } | null>(null);
  const [, redraw] = useState(0);
  if (chain.current.key !== key) chain.current = { key, known: [], next: undefined, held: [] };
  const { known, next } = chain.current;

  const wanted = useMemo(() => {
    const from = place(known, Math.max(0, visible[0] - 20)).page;
    const to = place(known, visible[1] + AHEAD).page;
    const seen = Array.from({ length: to - from + 1 }, (_, n) => from + n);
    // The moment lies behind what is known: one page further.
    if (until !== null && !seen.includes(known.length) && (known.at(-1)?.times.at(-1) ?? 0) <= until) seen.push(known.length);
    return seen.filter((n) => n === 0 || n < known.length || (n === known.length && typeof next === "string"));
  }, [known, known.length, next, visible[0], visible[1], until]);

  const cursors = wanted.map((n) => (n < known.length ? (known[n]?.cursor ?? null) : n === 0 ? null : (next ?? null)));
  const results = useQueries({
    queries: wanted.map((n, place) => {
      const cursor = cursors[place] ?? null;
      const last = growing > 0 && n >= known.length - 1 && typeof next !== "string";
      return { ...page<Answer>(path, base, cursor, anchor), ...(last ? { refetchInterval: growing } : {}) };
    }),
  });

  useEffect(() => {
    const state = chain.current;
    wanted.forEach((n, place) => {
      const data = results[place]?.data;
      if (!data) return;
      const last = n === state.known.length - 1 ? state.known[n] : undefined;
      const rows = data.items.length;
      const times = () => (timeOf ? Float64Array.from(data.items, timeOf) : NO_TIMES);
      const before = rowsOf(state.known);
      if (n === state.known.length) state.known.push({ cursor: n === 0 ? null : (state.next ?? null), before, rows, times: times() });
      else if (last && (last.rows !== rows || state.next !== (data.next ?? null))) Object.assign(last, { rows, times: times() });
      else return;
      state.next = data.next ?? null;
      redraw((times) => times + 1);
    });
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `wanted` changes with its cursors
  useEffect(() => {
    for (const cursor of letGo(chain.current.held, cursors))
      client.removeQueries({ queryKey: page<Answer>(path, base, cursor, anchor).queryKey, exact: true });
  }, [wanted, client, path, base, anchor]);

  const byPage = new Map(wanted.map((n, at) => [n, results[at]?.data]));
  const first = byPage.get(0) ?? client.getQueryData<Answer>(page<Answer>(path, base, null, anchor).queryKey);
  const failed = results.find((result) => result.isError);
  const told = results.filter((result) => result.data !== undefined);
  // What failed stays failed while it is asked for once more: until all is there.
  if (failed) lost.current = { question, error: failed.error };
  else if (told.length === results.length) lost.current = null;
  const error = lost.current?.question === question ? lost.current.error : undefined;
  if (first) {
    const at = Math.max(...told.map((result) => result.dataUpdatedAt), old.current?.answer === first ? old.current.at : 0);
    old.current = { question, answer: first, at };
  }
  const before = standsIn(old.current, question, error) ? old.current : undefined;
  const dimmed = first === undefined && known.length === 0 && before !== undefined;
  // Until the first page is counted it stands for itself: a list that were empty for one drawing would lose its place.
  const stand = known.length === 0 ? (first ?? before?.answer) : undefined;
  const rows = rowsOf(known);
  return {
    untilMoment: until === null ? null : rowsUntil(known, until),
    count: stand ? stand.items.length + (typeof first?.next === "string" ? 1 : 0) : rows + (typeof next === "string" ? 1 : 0),
    row: (index) => {
      if (stand) return stand.items[index];
      const { page: n, at } = place(known, index);
      return byPage.get(n)?.items[at];
    },
    first: first ?? before?.answer,
    total: (first ?? before?.answer)?.total ?? null,
    atEnd: next === null,
    isLoading: first === undefined && known.length === 0 && error === undefined,
    isDimmed: dimmed,
    isTurning: dimmed && before.question === question,
    isFetching: results.some((result) => result.isFetching),
    asOf: error !== undefined && before !== undefined ? before.at : null,
    error,
    retry: () => void failed?.refetch(),
  };
}
