/** Lanes as a picture: what was done on top, then what was said, over what is not known; the chosen lane and two cursors. */
import type { Lanes } from "../api/types";
import { hms } from "../time/format";
import { ticks } from "../time/ticks";
import { drawRunLane } from "./drawRuns";
import { AXIS, type Box, densest, heightOf, LANE, NARROWEST, PAD } from "./lanes";
import { type Ctx, coverageStrip, hatch, line, palette, type Stretch } from "./paint";
import type { RunSpan } from "./runs";

export interface LanesPicture {
  data: Lanes;
  boxes: readonly Box[];
  range: readonly [number, number];
  stretches: readonly Stretch[];
  runs: readonly RunSpan[];
  runWords: (span: RunSpan) => string;
  /** How tall the lane of operations is. */
  top: number;
  /** The lane that keys act upon, where it is seen that they do: -1 is that of operations. */
  chosen: number | null;
  zone: string;
  t1: number | null;
  t2: number;
  brush: readonly [number, number] | null;
}

export function drawLanes(c: Ctx, w: number, h: number, picture: LanesPicture): void {
  const { data, range, stretches, top, chosen, zone, t1, t2, brush } = picture;
  const x = (at: number) => ((at - range[0]) / (range[1] - range[0])) * (w - PAD);
  const color = palette();
  if (chosen !== null) {
    const [at, tall] = chosen < 0 ? [0, top] : [top + chosen * LANE, LANE];
    c.fillStyle = color("select");
    c.fillRect(0, at, w, tall - 1);
  }
  for (const tick of ticks(range[0], range[1], w / 110, zone)) {
    c.fillStyle = color(tick.strong ? "line" : "line-soft");
    c.fillRect(Math.round(x(tick.at)), 0, 1, h - AXIS + 4);
    c.fillStyle = color("ink-3");
    c.textAlign = "center";
    if (x(tick.at) > 18 && x(tick.at) < w - 24) c.fillText(tick.label, x(tick.at), h - 10);
  }
  // What is not known of Events is known of operations: they have a log of their own.
  for (const part of stretches) {
    if (part.to <= range[0]) continue;
    const [from, to] = [x(Math.max(part.from, range[0])), x(Math.min(part.to, range[1]))];
    hatch(c, from, top, to - from, h - AXIS - top, color("hatch"), 7);
  }
  for (let n = 0; n <= data.lanes.length; n += 1) line(c, 0, top + n * LANE - 0.5, w, top + n * LANE - 0.5, color("line-soft"));
  drawRunLane(c, picture.runs, picture.runWords, x);
  c.save();
  c.translate(0, top);
  drawMarks(c, data, picture.boxes, x);
  c.restore();
  coverageStrip(c, 0, h - AXIS + 4, w - PAD, 9, range, stretches);
  if (brush) {
    c.fillStyle = color("brush");
    c.fillRect(x(Math.min(...brush)), 0, Math.abs(x(brush[1]) - x(brush[0])), h - AXIS);
  }
  if (t1 !== null) cursor(c, x(t1), h, "ink-3", `T1 ${hms(t1, zone)}`, true, w);
  cursor(c, x(t2), h, "accent", `T2 ${hms(t2, zone)}`, false, w);
}

function drawMarks(c: Ctx, data: Lanes, all: readonly Box[], x: (t: number) => number): void {
  const color = palette();
  const most = data.lanes.map((_, n) => densest(data, n));
  for (const box of all) {
    const warning = data.lanes[box.lane]?.type === "Warning";
    const top = box.lane * LANE;
    const base = top + LANE - 6;
    const [a, b] = [x(box.from), x(box.to)];
    if (box.mark.shape === "span") {
      c.fillStyle = color(warning ? "sev-warn-soft" : "sev-info-soft");
      c.beginPath();
      c.roundRect(a, top + 5, Math.max(NARROWEST, b - a), LANE - 10, 3);
      c.fill();
      c.fillStyle = color(warning ? "sev-warn" : "sev-info");
      c.fillRect(a, top + 5, 2, LANE - 10);
      continue;
    }
    c.fillStyle = color(warning ? "sev-warn" : "sev-info");
    const tall = heightOf(box.mark.states, most[box.lane] ?? 1, LANE - 13);
    c.fillRect(a, base - tall, Math.max(NARROWEST, b - a), tall);
  }
}

function cursor(c: Ctx, x: number, h: number, ink: string, label: string, dashed: boolean, w: number): void {
  const color = palette();
  const at = Math.round(x) + 0.5;
  line(c, at, 0, at, h - 20, color(ink), dashed ? [3, 3] : []);
  const wide = c.measureText(label).width + 10;
  const left = Math.min(w - wide, Math.max(0, dashed ? at - wide : at));
  c.fillStyle = color(ink);
  c.beginPath();
  c.roundRect(left, h - 19, wide, 17, 3);
  c.fill();
  c.fillStyle = color("surface");
  c.textAlign = "center";
  c.fillText(label, left + wide / 2, h - 10);
}
