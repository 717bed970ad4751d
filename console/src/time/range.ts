/** The range of time in the address: two ends, each relative to now (`-6h`, `now`) or a moment of RFC 3339. */
export interface Range {
  from: string;
  to: string;
}

export const DEFAULT_RANGE: Range = { from: "-24h", to: "now" };

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A length such as `6h`, in milliseconds; null where it is none. */
export function lengthMs(text: string): number | null {
  const found = /^(\d{1,6})([smhdw])$/.exec(text);
  const unit = found?.[2] === undefined ? undefined : UNIT_MS[found[2]];
  return found && unit !== undefined ? Number(found[1]) * unit : null;
}

/** A length of time written as the API reads it, in the largest unit that divides it. */
export function lengthText(ms: number): string {
  for (const unit of ["w", "d", "h", "m"] as const) {
    const size = UNIT_MS[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms / 1000)}s`;
}

/** The moment that an end means, at this now; null where it means none. */
export function moment(end: string, now: number): number | null {
  if (end === "now") return now;
  if (end.startsWith("-")) {
    const length = lengthMs(end.slice(1));
    return length === null ? null : now - length;
  }
  if (!/^\d{4}-\d\d-\d\dT/.test(end)) return null;
  const value = Date.parse(end);
  return Number.isNaN(value) ? null : value;
}

/** A range out of an address: what is wrong there becomes the default, so that no question is without bounds. */
export function readRange(from: string | undefined, to: string | undefined, now: number): Range {
  const range = { from: from ?? DEFAULT_RANGE.from, to: to ?? DEFAULT_RANGE.to };
  const [begin, end] = [moment(range.from, now), moment(range.to, now)];
  return begin === null || end === null || begin >= end ? DEFAULT_RANGE : range;
}

export function isRelative(range: Range): boolean {
  return range.to === "now" && range.from.startsWith("-");
}

export function bounds(range: Range, now: number): [number, number] {
  return [moment(range.from, now) ?? now - 86_400_000, moment(range.to, now) ?? now];
}

export function absolute(fromMs: number, toMs: number): Range {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

/** The range moved by half its length, back or forth, but never beyond now. */
export function shifted(range: Range, direction: -1 | 1, now: number): Range {
  const [from, to] = bounds(range, now);
  const step = Math.min(((to - from) / 2) * direction, direction > 0 ? Math.max(0, now - to) : Number.POSITIVE_INFINITY);
  return absolute(from + step, to + step);
}

/** The range made longer or shorter around its middle. */
export function zoomed(range: Range, factor: number, now: number): Range {
  const [from, to] = bounds(range, now);
  const middle = (from + to) / 2;
  const half = Math.max(1000, ((to - from) / 2) * factor);
  return absolute(middle - half, Math.min(now, middle + half));
}
