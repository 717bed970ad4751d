/** Operations over an axis of time as numbers: where they began, stand still and ended, and the lane that they fill. Pure. */
import type { OperationItem } from "../api/types";
import { asPhase, isOver, PHASE_LOOK } from "../operation/states";

/** What a finger hits: marks that are nearer to one another share a place. */
export const HIT = 24;
/** So many rows has a lane at the most; what finds none free lies on the last one. */
const MOST_ROWS = 4;

export type RunSign = "begin" | "hold" | "end";

export interface RunMark {
  at: number;
  sign: RunSign;
  run: OperationItem;
}

/** Where marks are drawn, from the first to the last of them. */
export interface RunPlace {
  at: number;
  marks: readonly RunMark[];
}

export interface RunSpan {
  run: OperationItem;
  /** Within the range; without an end it reaches to that of the range. */
  from: number;
  to: number;
  row: number;
}

type Range = readonly [number, number];

/** The token of a mark's colour: a begin is one whatever came of it. */
export function inkOf({ sign, run }: RunMark): string {
  return sign === "begin" ? "st-run-ink" : `st-${PHASE_LOOK[asPhase(run.phase)].badge}-ink`;
}

/** What happened to operations within the range, in order of time. */
export function runMarks(runs: readonly OperationItem[], range: Range): RunMark[] {
  const all = runs.flatMap((run): RunMark[] => {
    const mark = (at: string | null | undefined, sign: RunSign): RunMark[] => (at ? [{ at: Date.parse(at), sign, run }] : []);
    return [...mark(run.started, "begin"), ...mark(run.phase === "Held" ? run.since : null, "hold"), ...mark(run.ended, "end")];
  });
  return all.filter(({ at }) => at >= range[0] && at < range[1]).sort((a, b) => a.at - b.at);
}

/** Marks by place on so many pixels, each place a hit away from the one before. */
export function places(marks: readonly RunMark[], range: Range, pixels: number): RunPlace[] {
  const near = (HIT / Math.max(HIT, pixels)) * (range[1] - range[0]);
  const found: { at: number; marks: RunMark[] }[] = [];
  for (const mark of marks) {
    const last = found.at(-1);
    if (last && mark.at - last.at < near) last.marks.push(mark);
    else found.push({ at: mark.at, marks: [mark] });
  }
  return found;
}

/** Operations as bars, each on the first row that is free for it: one that is short takes the place of a hit. */
export function runSpans(runs: readonly OperationItem[], range: Range, pixels: number): RunSpan[] {
  const least = (HIT / Math.max(HIT, pixels)) * (range[1] - range[0]);
  const free: number[] = [];
  return runs
    .map((run) => {
      const [from, to] = [Date.parse(run.started ?? run.created), run.ended ? Date.parse(run.ended) : range[1]];
      return { run, from: Math.max(range[0], from), to: Math.min(range[1], Math.max(from, to)) };
    })
    .filter(({ from, to }) => from <= to)
    .sort((a, b) => a.from - b.from)
    .map((span) => {
      const found = free.findIndex((end) => end <= span.from);
      const row = found >= 0 ? found : Math.min(free.length, MOST_ROWS - 1);
      free[row] = Math.max(free[row] ?? 0, span.to, span.from + least);
      return { ...span, row };
    });
}

/** How tall the lane of these bars is. */
export function tallOf(spans: readonly RunSpan[]): number {
  return Math.max(1, ...spans.map(({ row }) => row + 1)) * HIT + 10;
}

/** At which moment a bar opens its operation: at this one where it was there then, else where it is nearest; null for the present one. */
export function openedAt({ run, from, to }: RunSpan, moment: number): number | null {
  return moment >= to && !isOver(run.phase) ? null : Math.min(to, Math.max(from, moment));
}
