/** The histogram as numbers: where bins lie, which one is under a place, what a brush means. Pure. */
import type { Bin } from "../api/types";

export const TYPES = ["Warning", "Normal", "other"] as const;
export type TypeName = (typeof TYPES)[number];

/** Token of a type's colour; the worst stands on the baseline, where lengths compare. */
export const TYPE_COLOR: Record<TypeName, string> = { Warning: "sev-warn", Normal: "sev-info", other: "st-unknown" };

export const LEFT = 46;
export const RIGHT = 8;
/** The band above the bars is that of operations: nothing that is counted lies under their marks. */
export const TOP = 26;
export const BAND = 11;
export const FOOT = 34;

export interface Stack {
  from: number;
  to: number;
  counts: Record<TypeName, number>;
  total: number;
  coverage: string;
}

export function stacks(bins: readonly Bin[]): Stack[] {
  return bins.map((bin) => {
    const counts = { Warning: 0, Normal: 0, other: 0 };
    for (const one of bin.by_type) counts[one.type === "Warning" || one.type === "Normal" ? one.type : "other"] += one.states;
    return { from: Date.parse(bin.from), to: Date.parse(bin.to), counts, total: bin.states, coverage: bin.coverage };
  });
}

/** What was counted in a bin; null where that says nothing: of a gap, and where none was found of what nobody knows yet, or any more. */
export function knownCount(bin: Pick<Bin, "coverage">, count: number): number | null {
  return bin.coverage === "gap" || (bin.coverage === "unknown" && count === 0) ? null : count;
}

export interface Rate {
  perSecond: number;
  /** Whether all is known over which it is told; if not, it is a lower bound. */
  whole: boolean;
}

/** States a second over the bins that are complete, else a lower bound over those of which something is known; null where there are
 * none. */
export function rateOf(bins: readonly Pick<Bin, "states" | "coverage">[], binSeconds: number): Rate | null {
  const complete = bins.filter((bin) => bin.coverage === "complete");
  const whole = complete.length > 0;
  const over = whole ? complete : bins.filter((bin) => bin.coverage !== "gap");
  if (over.every((bin) => knownCount(bin, bin.states) === null)) return null;
  return { perSecond: over.reduce((sum, bin) => sum + bin.states, 0) / (over.length * binSeconds), whole };
}

export type Scale = "linear" | "sqrt";

export function height(value: number, most: number, full: number, scale: Scale): number {
  if (most <= 0 || value <= 0) return 0;
  return (scale === "sqrt" ? Math.sqrt(value / most) : value / most) * full;
}

/** The moment at a place of the canvas. */
export function timeAt(x: number, width: number, range: readonly [number, number]): number {
  const share = Math.min(1, Math.max(0, (x - LEFT) / Math.max(1, width - LEFT - RIGHT)));
  return range[0] + share * (range[1] - range[0]);
}

export function binAt(list: readonly Stack[], t: number): number {
  return list.findIndex((bin) => t >= bin.from && t < bin.to);
}

/** Two ends of a brush as whole bins, in order. */
export function snapped(list: readonly Stack[], a: number, b: number): [number, number] | null {
  const [low, high] = [Math.min(a, b), Math.max(a, b)];
  const inside = list.filter((bin) => bin.to > low && bin.from < high);
  const [first, last] = [inside[0], inside.at(-1)];
  return first && last ? [first.from, last.to] : null;
}
