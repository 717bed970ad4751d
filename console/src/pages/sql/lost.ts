/** What the log lost of what is drawn: where lines are open, and which figures are lower bounds. Pure. */
import type { SqlAnswer } from "../../api/types";
import type { Stretch } from "../../canvas/paint";
import { type Series, said } from "../../canvas/series";
import { type Missing, missing } from "../../time/coverage";
import type { Counted, Plot } from "./plot";

export interface Drawn extends Counted, Series {
  /** Something of the range is missing, so that its counts might be higher, wherever they are. */
  lacks: boolean;
}

type Span = Pick<Missing, "from" | "to">;

const common = (a: Span, b: Span): Span => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) });

/** Where all of these clusters are missing at once. */
export function missingInAll(parts: readonly Missing[], clusters: readonly string[]): readonly Span[] {
  const [first = [], ...others] = clusters.map((cluster): Span[] => parts.filter((part) => part.cluster === cluster));
  return others.reduce((all, own) => all.flatMap((a) => own.map((b) => common(a, b)).filter(({ from, to }) => from < to)), first);
}

/** What an axis has beyond the range for which coverage was asked: nothing is known of it. */
export function unasked(axis: readonly [number, number], range: { from: string; to: string } | null | undefined): Stretch[] {
  const [from, to] = range ? [Date.parse(range.from), Date.parse(range.to)] : [axis[1], axis[1]];
  const ends = [
    { from: axis[0], to: Math.min(from, axis[1]), kind: "unknown" as const },
    { from: Math.max(to, axis[0]), to: axis[1], kind: "unknown" as const },
  ];
  return ends.filter((end) => end.from < end.to);
}

const EVER = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** The series over what is not known: of its own cluster where it tells of one. A line over several is open only where none is known. */
export function overLost({ series, times }: Plot, data: Pick<SqlAnswer, "coverage" | "range">, axis: readonly [number, number]) {
  const lost = data.range ? missing(data.coverage, Date.parse(data.range.to)) : [];
  const open = lost.filter(({ state }) => state !== "degraded");
  const clusters = (data.coverage ?? []).map(({ cluster }) => cluster);
  const outside = unasked(axis, data.range);
  return series.map((one): Drawn => {
    const own = clusters.filter((cluster) => cluster === one.cluster);
    const of = own.length > 0 ? own : clusters;
    const parts = lost.filter(({ cluster }) => of.includes(cluster));
    const partial = times ? [...outside, ...parts] : parts.length > 0 ? [EVER] : [];
    return { ...one, torn: missingInAll(open, of), partial: one.counts ? partial : [], lacks: one.counts && parts.length > 0 };
  });
}

/** The highest value in words, and where it is; null where none is known. A higher one may be where something is missing. */
export function peakOf(series: readonly Drawn[], until: (place: number) => number): { most: string; place: number } | null {
  let peak: { of: Drawn; value: number; place: number } | null = null;
  for (const of of series)
    for (const [place, value] of of.values) if (value !== null && (peak === null || value > peak.value)) peak = { of, value, place };
  if (peak === null) return null;
  const { of, place } = peak;
  const partial = series.some(({ lacks }) => lacks) ? [EVER] : of.partial;
  return { most: said({ values: of.values, partial }, place, until(place)), place };
}
