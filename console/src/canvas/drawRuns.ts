/** Operations on a time axis: signs above what they may have changed, bars in a lane. */
import { asPhase, PHASE_LOOK } from "../operation/states";
import { type Ctx, line, palette } from "./paint";
import { HIT, inkOf, type RunMark, type RunPlace, type RunSpan } from "./runs";

type X = (t: number) => number;

/** Dotted lines down to the axis, for behind the bars. */
export function drawRunLines(c: Ctx, all: readonly RunPlace[], x: X, top: number, base: number): void {
  const color = palette();
  for (const mark of all.flatMap((place) => place.marks)) {
    const at = Math.round(x(mark.at)) + 0.5;
    line(c, at, top, at, base, color(inkOf(mark)), [1, 3]);
  }
}

/** Signs around a height, and beside each place its words where there is room between it and its neighbours. */
export function drawRunSigns(
  c: Ctx,
  all: readonly RunPlace[],
  words: (place: RunPlace) => string,
  x: X,
  ends: readonly [number, number],
  y: number,
): void {
  const color = palette();
  let free = ends[0];
  all.forEach((place, n) => {
    const first = place.marks[0];
    const last = place.marks.at(-1);
    if (!first || !last) return;
    const [left, right] = [x(first.at) - 7, x(last.at) + 7];
    const next = all[n + 1];
    const room = (next ? x(next.at) - 7 : ends[1]) - right;
    const text = words(place);
    const wide = c.measureText(text).width;
    c.fillStyle = color(inkOf(last));
    const behind = wide <= room;
    if (behind || left - wide >= free) {
      c.textAlign = behind ? "left" : "right";
      c.fillText(text, behind ? right : left, y);
    }
    free = behind ? right + wide + 6 : right;
    for (const mark of place.marks) sign(c, mark, color(inkOf(mark)), Math.round(x(mark.at)) + 0.5, y);
  });
}

/** A begin is a triangle, an end a square, a halt two beams. */
function sign(c: Ctx, mark: RunMark, ink: string, x: number, y: number): void {
  c.fillStyle = ink;
  c.beginPath();
  if (mark.sign === "begin") {
    c.moveTo(x - 4.5, y - 4);
    c.lineTo(x + 4.5, y - 4);
    c.lineTo(x, y + 4);
  } else if (mark.sign === "end") c.rect(x - 3.5, y - 3.5, 7, 7);
  else {
    c.rect(x - 4, y - 4, 3, 8);
    c.rect(x + 1, y - 4, 3, 8);
  }
  c.fill();
}

/** The lane: a bar in the colour of the phase, a begin at its left where it is within the range. */
export function drawRunLane(c: Ctx, spans: readonly RunSpan[], words: (span: RunSpan) => string, x: X): void {
  const color = palette();
  for (const span of spans) {
    const tone = `st-${PHASE_LOOK[asPhase(span.run.phase)].badge}`;
    const [left, top] = [x(span.from), 5 + span.row * HIT];
    const wide = Math.max(3, x(span.to) - left);
    c.fillStyle = color(`${tone}-soft`);
    c.beginPath();
    c.roundRect(left, top + 2, wide, HIT - 4, 3);
    c.fill();
    c.fillStyle = color(`${tone}-ink`);
    c.fillRect(left, top + 2, 2, HIT - 4);
    const text = words(span);
    c.textAlign = "left";
    if (c.measureText(text).width + 12 <= wide) c.fillText(text, left + 8, top + HIT / 2);
  }
}
