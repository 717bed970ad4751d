/** The histogram as a picture: stacks, hatch over what is not known, the coverage strip, the time axis. */
import { short } from "../design/number";
import { countTicks, ticks } from "../time/ticks";
import { drawRunLines, drawRunSigns } from "./drawRuns";
import { BAND, FOOT, height, LEFT, RIGHT, type Scale, type Stack, TOP, TYPE_COLOR, TYPES } from "./histogram";
import { type Ctx, coverageStrip, hatch, line, palette, type Stretch } from "./paint";
import { places, type RunMark, type RunPlace } from "./runs";

export interface Picture {
  bins: readonly Stack[];
  range: readonly [number, number];
  stretches: readonly Stretch[];
  runs: readonly RunMark[];
  runWords: (place: RunPlace) => string;
  label: string | null;
  /** What lies before this moment was read from the archive; null where nothing was. */
  archive: { until: number; word: string } | null;
  zone: string;
  scale: Scale;
  cursor: number | null;
  brush: readonly [number, number] | null;
}

export function drawHistogram(c: Ctx, w: number, h: number, picture: Picture): void {
  const { bins, range, scale } = picture;
  const color = palette();
  const base = h - FOOT;
  const plot = w - LEFT - RIGHT;
  const x = (t: number) => LEFT + ((t - range[0]) / (range[1] - range[0])) * plot;
  const most = Math.max(1, ...bins.map((bin) => bin.total));
  const runs = places(picture.runs, range, plot);
  grid(c, w, base, most, scale);
  drawRunLines(c, runs, x, TOP - 6, base);
  if (picture.brush) {
    c.fillStyle = color("brush");
    c.fillRect(x(picture.brush[0]), TOP - 4, x(picture.brush[1]) - x(picture.brush[0]), base - TOP + 4);
  }
  for (const bin of bins) {
    const [a, b] = [Math.max(LEFT, x(bin.from)), Math.min(w - RIGHT, x(bin.to))];
    if (b <= a) continue;
    if (bin.coverage !== "complete") hatch(c, a, TOP, b - a, base - TOP, color("hatch"), 6);
    const gap = b - a > 3 ? 1 : 0;
    let y = base;
    const whole = height(bin.total, most, base - TOP, scale);
    for (const type of TYPES) {
      const share = bin.total === 0 ? 0 : (bin.counts[type] / bin.total) * whole;
      // A worst that is there is seen, however small.
      const tall = type === "Warning" && bin.counts.Warning > 0 ? Math.max(1.5, share) : share;
      c.fillStyle = color(TYPE_COLOR[type]);
      c.globalAlpha = type === "Normal" ? 0.72 : 1;
      c.fillRect(a + gap / 2, y - tall, b - a - gap, tall);
      y -= tall;
    }
    c.globalAlpha = 1;
  }
  drawRunSigns(c, runs, picture.runWords, x, [LEFT, w - RIGHT], BAND);
  axis(c, w, base, picture, x);
  if (picture.archive) archive(c, w, base, picture.archive, x);
  if (picture.brush) edges(c, base, [x(picture.brush[0]), x(picture.brush[1])]);
  if (picture.cursor !== null)
    line(c, Math.round(x(picture.cursor)) + 0.5, TOP - 4, Math.round(x(picture.cursor)) + 0.5, base, color("crosshair"), [2, 3]);
}

function grid(c: Ctx, w: number, base: number, most: number, scale: Scale): void {
  const color = palette();
  c.textAlign = "right";
  for (const value of countTicks(most, 3)) {
    const y = Math.round(base - height(value, most, base - TOP, scale)) + 0.5;
    line(c, LEFT, y, w - RIGHT, y, color(value === 0 ? "line" : "line-soft"));
    c.fillStyle = color("ink-3");
    c.fillText(short(value), LEFT - 6, y);
  }
}

function axis(c: Ctx, w: number, base: number, picture: Picture, x: (t: number) => number): void {
  const color = palette();
  const [from, to] = picture.range;
  coverageStrip(c, LEFT, base + 5, w - LEFT - RIGHT, 9, picture.range, picture.stretches);
  c.textAlign = "center";
  for (const tick of ticks(from, to, (w - LEFT) / 90, picture.zone)) {
    const at = x(tick.at);
    if (at < LEFT + 14 || at > w - 20) continue;
    c.fillStyle = color(tick.strong ? "ink-2" : "ink-3");
    c.fillText(tick.label, at, base + 26);
    line(c, Math.round(at) + 0.5, base + 16, Math.round(at) + 0.5, base + 19, color("line"));
  }
  const widest = [...picture.stretches].filter((part) => part.kind !== "unknown").sort((a, b) => b.to - b.from - (a.to - a.from))[0];
  if (picture.label && widest) {
    c.fillStyle = color(widest.kind === "gap" ? "cov-gap" : "cov-late");
    const right = x(Math.min(to, widest.to)) + 6;
    const fits = right + c.measureText(picture.label).width < w - RIGHT;
    c.textAlign = fits ? "left" : "right";
    c.fillText(picture.label, fits ? right : x(Math.max(from, widest.from)) - 6, TOP + 4);
  }
}

/** Where the tables end: a line, and the word on the side of the archive. */
function archive(c: Ctx, w: number, base: number, { until, word }: { until: number; word: string }, x: (t: number) => number): void {
  const color = palette();
  const at = Math.round(x(until)) + 0.5;
  if (at <= LEFT || at >= w - RIGHT) return;
  line(c, at, TOP - 4, at, base, color("ink-3"), [4, 3]);
  c.fillStyle = color("ink-2");
  const fits = at - 6 - c.measureText(word).width > LEFT;
  c.textAlign = fits ? "right" : "left";
  c.fillText(word, fits ? at - 6 : LEFT + 4, TOP + 16);
}

function edges(c: Ctx, base: number, places: readonly number[]): void {
  const color = palette();
  for (const at of places) {
    line(c, at, TOP - 4, at, base, color("brush-edge"));
    c.fillStyle = color("surface");
    c.beginPath();
    c.roundRect(at - 3, (TOP + base) / 2 - 9, 6, 18, 3);
    c.fill();
    c.stroke();
  }
}
