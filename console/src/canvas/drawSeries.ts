/** Series over time as lines or bars, over what is not known, with the coverage strip and the time axis. */
import { figure, short } from "../design/number";
import { ticks, valueTicks } from "../time/ticks";
import { type Ctx, coverageStrip, fitted, hatch, line, palette, type Stretch } from "./paint";
import { extentOf, runsOf, type Series } from "./series";

export const LEFT = 58;
const TOP = 12;
const FOOT = 36;
const END = 16;
/** For the names at the ends of lines. */
const NAMES = 118;
const NAME_ROW = 13;

export type Form = "line" | "bar";

export interface SeriesPicture {
  series: readonly Series[];
  times: readonly number[];
  step: number | null;
  range: readonly [number, number];
  stretches: readonly Stretch[];
  zone: string;
  form: Form;
  cursor: number | null;
}

/** Where the plot ends, of a picture so wide. */
export function rightOf(w: number, { form, series }: Pick<SeriesPicture, "form" | "series">): number {
  return w - (form === "line" && series.length > 1 ? NAMES : END);
}

const axisText = (value: number): string => (value < 0 ? `−${axisText(-value)}` : value >= 1000 ? short(value) : figure(value, 3));

type Place = (value: number) => number;

export function drawSeries(c: Ctx, w: number, h: number, picture: SeriesPicture): void {
  const { range, series } = picture;
  const color = palette();
  const [right, base] = [rightOf(w, picture), h - FOOT];
  const [low, high] = extentOf(series);
  const x: Place = (t) => LEFT + ((t - range[0]) / (range[1] - range[0])) * (right - LEFT);
  const y: Place = (value) => base - ((value - low) / (high - low)) * (base - TOP);
  c.textAlign = "right";
  for (const value of valueTicks(low, high, Math.max(1, (base - TOP) / 64))) {
    const at = Math.round(y(value)) + 0.5;
    line(c, LEFT, at, right, at, color(value === 0 ? "line" : "line-soft"));
    c.fillStyle = color("ink-3");
    c.fillText(axisText(value), LEFT - 7, at);
  }
  for (const part of picture.stretches) {
    if (part.to <= range[0] || part.from >= range[1]) continue;
    const [from, to] = [x(Math.max(part.from, range[0])), x(Math.min(part.to, range[1]))];
    if (part.kind !== "late") hatch(c, from, TOP, Math.max(to - from, 3), base - TOP, color("hatch"), 6);
  }
  c.save();
  c.beginPath();
  c.rect(LEFT, 0, right - LEFT + 3, base + 2);
  c.clip();
  if (picture.form === "bar") bars(c, picture, x, y);
  else lines(c, picture, x, y);
  c.restore();
  if (picture.form === "line" && series.length > 1) names(c, picture, right, y, base);
  coverageStrip(c, LEFT, base + 6, right - LEFT, 9, range, picture.stretches);
  c.textAlign = "center";
  for (const tick of ticks(range[0], range[1], (right - LEFT) / 90, picture.zone)) {
    const at = x(tick.at);
    if (at < LEFT + 14 || at > w - 20) continue;
    c.fillStyle = color(tick.strong ? "ink-2" : "ink-3");
    c.fillText(tick.label, at, base + 27);
  }
  const at = picture.cursor === null ? undefined : picture.times[picture.cursor];
  if (at !== undefined) line(c, Math.round(x(at)) + 0.5, TOP - 4, Math.round(x(at)) + 0.5, base, color("crosshair"), [2, 3]);
}

function lines(c: Ctx, { series, step, times, cursor }: SeriesPicture, x: Place, y: Place): void {
  const color = palette();
  const dot = (at: number, value: number, r: number) => {
    c.beginPath();
    c.arc(x(at), y(value), r, 0, Math.PI * 2);
    c.fill();
  };
  for (const one of series) {
    c.strokeStyle = color(one.color);
    c.fillStyle = color(one.color);
    c.lineWidth = 1.6;
    c.lineJoin = "round";
    for (const run of runsOf(one.values, step, one.torn)) {
      const [first] = run;
      c.beginPath();
      for (const [at, value] of run) c.lineTo(x(at), y(value));
      c.stroke();
      // A line of one point would not be seen.
      if (first && run.length === 1) dot(first[0], first[1], 2.4);
    }
    const at = cursor === null ? undefined : times[cursor];
    const value = at === undefined ? undefined : one.values.get(at);
    if (at !== undefined && value !== undefined && value !== null) dot(at, value, 3.4);
  }
  c.lineWidth = 1;
}

/** Bars of all series side by side, in the width of a step. */
function bars(c: Ctx, { series, step, times, range }: SeriesPicture, x: Place, y: Place): void {
  const color = palette();
  const slot = step === null ? (x(range[1]) - x(range[0])) / (times.length * 2) : x(range[0] + step) - x(range[0]);
  const wide = Math.max(1, (slot - (slot > 4 ? 2 : 0)) / series.length);
  series.forEach((one, n) => {
    c.fillStyle = color(one.color);
    for (const [at, value] of one.values) {
      if (value === null) continue;
      const top = Math.min(y(value), y(0));
      // What is there is seen, however small.
      const tall = value === 0 ? 0 : Math.max(1, Math.abs(y(value) - y(0)));
      c.fillRect(x(at) + n * wide, top, Math.max(1, wide - (wide > 4 ? 1 : 0)), tall);
    }
  });
}

/** Each line is named where it ends, and names that would lie on one another stand below one another. */
function names(c: Ctx, { series }: SeriesPicture, right: number, y: Place, base: number): void {
  const color = palette();
  const ends = series.flatMap((one) => {
    const last = [...one.values.values()].findLast((value) => value !== null);
    return typeof last === "number" ? [{ one, at: y(last) }] : [];
  });
  ends.sort((a, b) => a.at - b.at);
  let free = TOP;
  ends.forEach(({ one, at }, n) => {
    const place = Math.min(Math.max(at, free), base - (ends.length - 1 - n) * NAME_ROW);
    free = place + NAME_ROW;
    c.fillStyle = color(one.color);
    c.beginPath();
    c.arc(right + 9, place, 3, 0, Math.PI * 2);
    c.fill();
    c.fillStyle = color("ink-2");
    c.textAlign = "left";
    c.fillText(fitted(c, one.name, NAMES - 22), right + 16, place);
  });
}
