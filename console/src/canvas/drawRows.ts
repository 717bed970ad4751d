/** Numbers of rows as bars that lie, each row with its name: names are long, and many. */
import { type Ctx, fitted, line, palette } from "./paint";
import { extentOf, type Series, said } from "./series";

const BAR = 9;
const TOP = 4;
const SPACE = 10;
/** For the figure behind the longest bar. */
const FIGURE = 76;
/** Beside the names. */
const SIDE = 28;

export interface RowsPicture {
  names: readonly string[];
  series: readonly Series[];
  cursor: number | null;
}

export const tallOfRow = (series: number) => Math.max(24, series * BAR + SPACE);
export const topOfRow = (n: number, series: number) => TOP + n * tallOfRow(series);
export const tallOfRows = (names: number, series: number) => topOfRow(names, series) + TOP;

/** The row at a height; null where there is none. */
export function rowAt(y: number, names: number, series: number): number | null {
  const n = Math.floor((y - TOP) / tallOfRow(series));
  return n >= 0 && n < names ? n : null;
}

interface Labels {
  most: number;
  /** As wide as the widest needs, and no more than `most`. */
  wide: number;
  texts: readonly string[];
}

/** A row under the pointer draws all anew: names are measured once for each list of them, and width. */
const measured = new WeakMap<readonly string[], Labels>();

function labelsOf(c: Ctx, names: readonly string[], most: number): Labels {
  const known = measured.get(names);
  if (known?.most === most) return known;
  const widest = names.reduce((wide, name) => Math.max(wide, c.measureText(name).width), 0);
  const wide = Math.min(most, widest) + SIDE;
  const labels = { most, wide, texts: names.map((name) => fitted(c, name, wide - SIDE + 4)) };
  measured.set(names, labels);
  return labels;
}

export function drawRows(c: Ctx, w: number, h: number, { names, series, cursor }: RowsPicture): void {
  const color = palette();
  const { wide: label, texts } = labelsOf(c, names, Math.min(w * 0.42, 320));
  const tall = tallOfRow(series.length);
  const [low, high] = extentOf(series);
  const x = (value: number) => label + ((value - low) / (high - low)) * (w - label - FIGURE);
  texts.forEach((text, n) => {
    const top = topOfRow(n, series.length);
    const middle = top + tall / 2;
    if (n === cursor) {
      c.fillStyle = color("select");
      c.fillRect(0, top, w, tall);
    }
    c.fillStyle = color("ink-2");
    c.textAlign = "left";
    c.fillText(text, 16, middle);
    series.forEach((one, k) => {
      const value = one.values.get(n) ?? null;
      const y = middle - (series.length * BAR) / 2 + k * BAR;
      c.fillStyle = color(one.color);
      if (value !== null && value !== 0) c.fillRect(Math.min(x(value), x(0)), y, Math.max(1, Math.abs(x(value) - x(0))), BAR - 1);
      c.fillStyle = color("ink-3");
      c.fillText(said(one, n, n + 1, 4), Math.max(x(value ?? 0), x(0)) + 6, y + BAR / 2);
    });
  });
  line(c, Math.round(x(0)) + 0.5, 0, Math.round(x(0)) + 0.5, h, color("line"));
}
