/** Drawing on canvas with the tokens: colours by name, hatch, the coverage strip. */
import { middle } from "../design/visible";

export type Ctx = CanvasRenderingContext2D;

/** The colours of the present theme; a new one for each drawing, so that a change of theme shows at once. */
export function palette(): (name: string) => string {
  const style = getComputedStyle(document.documentElement);
  const known = new Map<string, string>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) {
      value = style.getPropertyValue(`--${name}`).trim();
      known.set(name, value);
    }
    return value;
  };
}

export function hatch(c: Ctx, x: number, y: number, w: number, h: number, color: string, step = 5, width = 1): void {
  if (w <= 0 || h <= 0) return;
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = color;
  c.lineWidth = width;
  c.beginPath();
  // Lines lie on one grid for the whole canvas, so that neighbours join.
  for (let i = Math.floor((x - h) / step) * step; i < x + w; i += step) {
    c.moveTo(i, y + h);
    c.lineTo(i + h, y);
  }
  c.stroke();
  c.restore();
}

export interface Stretch {
  from: number;
  to: number;
  kind: "gap" | "late" | "unknown";
}

/** The strip under a time axis: a line where the log is complete; dotted where intermediate states are lost, hatched where all may be. */
export function coverageStrip(
  c: Ctx,
  x: number,
  y: number,
  w: number,
  h: number,
  range: readonly [number, number],
  stretches: readonly Stretch[],
): void {
  const color = palette();
  const at = (t: number) => x + ((t - range[0]) / (range[1] - range[0])) * w;
  const middle = y + h / 2 - 1.5;
  c.fillStyle = color("cov-full");
  c.fillRect(x, middle, w, 3);
  for (const part of stretches) {
    const a = Math.max(x, at(part.from));
    const b = Math.min(x + w, Math.max(at(part.to), a + 3));
    if (b <= a) continue;
    c.clearRect(a, y - 1, b - a, h + 2);
    if (part.kind === "late") {
      c.fillStyle = color("cov-late");
      for (let i = a; i < b - 1; i += 4) c.fillRect(i, middle, 2, 3);
      continue;
    }
    const ink = color(part.kind === "gap" ? "cov-gap" : "st-unknown");
    hatch(c, a, y, b - a, h, ink, 4, 1.2);
    c.strokeStyle = ink;
    c.lineWidth = 1;
    c.strokeRect(a + 0.5, y + 0.5, Math.max(1, b - a - 1), h - 1);
  }
}

export function line(c: Ctx, x0: number, y0: number, x1: number, y1: number, color: string, dash: number[] = []): void {
  c.strokeStyle = color;
  c.setLineDash(dash);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
  c.setLineDash([]);
}

/** A name as wide as there is room, cut in its middle. */
export function fitted(c: Pick<Ctx, "measureText">, text: string, most: number): string {
  if (c.measureText(text).width <= most) return text;
  // The most letters that have room lie between these two.
  let [fits, over] = [2, text.length];
  while (over - fits > 1) {
    const letters = (fits + over) >> 1;
    if (c.measureText(middle(text, letters)).width <= most) fits = letters;
    else over = letters;
  }
  return middle(text, fits);
}
