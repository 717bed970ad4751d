/** Series of numbers over time, or over rows: where they break, and between which ends they lie. Pure. */
import { atLeast, figure } from "../design/number";

/** The colours of series, in their order; there are no more series than that. */
export const SERIES_COLORS = ["cat-1", "cat-2", "cat-3", "cat-4", "cat-5", "cat-6"] as const;

interface Stretch {
  from: number;
  to: number;
}

export interface Series {
  /** Tells it from the others, of which one may be called alike. */
  id: string;
  name: string;
  color: string;
  /** By moment, ascending, or by row; null is "not known". */
  values: ReadonlyMap<number, number | null>;
  /** Over these its line is open. */
  torn: readonly Stretch[];
  /** Over these its values are lower bounds. */
  partial: readonly Stretch[];
}

/** The length between neighbours where moments lie on an even axis, as those of hours do; null where they do not. */
export function stepOf(times: readonly number[]): number | null {
  const lengths = times.slice(1).map((at, n) => at - (times[n] ?? at));
  const least = lengths.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return Number.isFinite(least) && least > 0 && lengths.every((length) => length % least === 0) ? least : null;
}

/** Where the slot of a moment ends: at the next one where there is no even axis. */
export function slotEnd(times: readonly number[], place: number, step: number | null): number {
  return step === null ? (times[place + 1] ?? Number.POSITIVE_INFINITY) : (times[place] ?? 0) + step;
}

/** The value of a slot in words. */
export function said({ values, partial }: Pick<Series, "values" | "partial">, at: number, until: number, digits?: number): string {
  const value = values.get(at) ?? null;
  return value === null ? "–" : atLeast(figure(value, digits), !partial.some((part) => part.from < until && part.to > at));
}

/** Stretches of a line. It is open where a step of an even axis has no row, where a value is not known, and over what the log lost. */
export function runsOf(
  values: ReadonlyMap<number, number | null>,
  step: number | null,
  lost: readonly Stretch[],
): (readonly [number, number])[][] {
  const runs: (readonly [number, number])[][] = [];
  let open: (readonly [number, number])[] | null = null;
  let last = Number.NaN;
  for (const [at, value] of values) {
    const torn = (step !== null && at - last > step) || lost.some((part) => part.from < at && part.to > last);
    if (torn || value === null) open = null;
    if (value === null) continue;
    if (!open) {
      open = [];
      runs.push(open);
    }
    open.push([at, value]);
    last = at;
  }
  return runs;
}

/** The least and the most, zero among them: lengths compare from there. */
export function extentOf(series: readonly Pick<Series, "values">[]): readonly [number, number] {
  let [low, high] = [0, 0];
  for (const { values } of series)
    for (const value of values.values()) {
      low = Math.min(low, value ?? 0);
      high = Math.max(high, value ?? 0);
    }
  return low === high ? [0, 1] : [low, high];
}

/** The place in an ascending list that is nearest; -1 in an empty one. */
export function nearest(times: readonly number[], t: number): number {
  return times.reduce((best, at, n) => (best < 0 || Math.abs(at - t) < Math.abs((times[best] ?? at) - t) ? n : best), -1);
}
