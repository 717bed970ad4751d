/** Steps and batches of a run on a time axis: bars up to the shown moment, dashes for what may come. */
import type { Ghost, Hold, Row, Stage } from "../operation/gantt";
import { type Counts, countsAt, type Profile } from "../operation/profile";
import { ticks } from "../time/ticks";
import { type Ctx, fitted, line, palette } from "./paint";

export const LABEL = 168;
export const RIGHT = 14;
export const TOP = 20;
export const ROW = 19;
/** So much stays free between the words of the cursor and those of a tick. */
const BESIDE = 8;

export interface Mark {
  at: number;
  label: string;
}

export interface GanttPicture {
  rows: readonly Row[];
  stages: readonly Stage[];
  /** How they filled, as far as that is known, and how they stand at the shown moment; null where that is not known. */
  profiles: readonly (Profile | undefined)[];
  counts: (stage: number) => Counts | null;
  coming: readonly Ghost[];
  axis: readonly [number, number];
  /** The shown moment. */
  at: number;
  live: boolean;
  over: boolean;
  /** Times in which it had stood still at the shown moment. */
  holds: readonly Hold[];
  marks: readonly Mark[];
  /** When there was a Warning on its nodes, in order of time. */
  warned: readonly number[];
  zone: string;
  /** Words of a row, of a stage at a moment, and of the cursor. */
  rowName: (row: Row) => string;
  stageWords: (stage: Stage, counts: Counts) => string;
  partWords: (row: Row) => string;
  cursor: string;
  heldWords: string;
  ghostWords: string;
}

export const xOf = (axis: readonly [number, number], width: number, t: number): number =>
  LABEL + ((t - axis[0]) / (axis[1] - axis[0])) * (width - LABEL - RIGHT);

export function drawGantt(c: Ctx, w: number, h: number, picture: GanttPicture): void {
  const color = palette();
  const { rows, axis, at } = picture;
  const x = (t: number) => xOf(axis, w, t);
  const small = c.font;
  const told = tag(c, picture, x, w);
  for (const tick of ticks(axis[0], axis[1], (w - LABEL) / 90, picture.zone)) {
    const place = Math.round(x(tick.at));
    if (place < LABEL) continue;
    c.fillStyle = color("line-soft");
    c.fillRect(place, TOP, 1, h - TOP);
    c.fillStyle = color("ink-3");
    c.textAlign = "center";
    const half = c.measureText(tick.label).width / 2 + BESIDE;
    const isFree = place + half < told.left || place - half > told.left + told.wide;
    if (isFree && place < w - 20) c.fillText(tick.label, place, 10);
  }
  c.textAlign = "left";
  rows.forEach((row, n) => {
    c.fillStyle = color(row.depth === 0 ? "ink" : "ink-2");
    c.fillText(fitted(c, picture.rowName(row), LABEL - 22 - row.depth * 12), 16 + row.depth * 12, TOP + n * ROW + ROW / 2);
  });
  c.font = small;
  drawMarks(c, h, picture, x);
  c.fillStyle = color("sev-warn");
  for (const place of notches(picture.warned, [axis[0], at], x)) c.fillRect(place, TOP - 6, 1.5, 6);
  rows.forEach((row, n) => {
    const y = TOP + n * ROW;
    if (row.part) part(c, y, picture, row, x);
    else if (row.head) head(c, y, picture, row, x);
    else
      for (const place of row.stages) {
        const free = row.stages.length === 1 ? behind(c, picture, place, x) : null;
        bar(c, y, picture, place, free, x, w);
      }
  });
  if (picture.live) drawGhosts(c, picture, x, w);
  for (const hold of picture.holds) held(c, picture, hold, x, w);
  cursor(c, h, picture, x, w);
}

type X = (t: number) => number;

/** Where the row of a stage is free again: behind what may come of it. */
function behind(c: Ctx, picture: GanttPicture, stage: number, x: X): number {
  const n = picture.live ? picture.coming.findIndex((ghost) => ghost.stage === stage) : -1;
  const ghost = picture.coming[n];
  if (!ghost) return 0;
  const words = n === picture.coming.length - 1 ? c.measureText(picture.ghostWords).width + 8 : 0;
  return x(ghost.p90) + words;
}

function bar(c: Ctx, y: number, picture: GanttPicture, place: number, free: number | null, x: X, w: number): void {
  const [stage, profile, counts] = [picture.stages[place], picture.profiles[place], picture.counts(place)];
  if (!stage?.started) return;
  const color = palette();
  const from = Date.parse(stage.started);
  if (from > picture.at) return;
  const to = Math.min(stage.ended ? Date.parse(stage.ended) : picture.at, picture.at);
  const [a, b] = [x(from), Math.max(x(from) + 3, x(to))];
  const ended = stage.ended !== null && stage.ended !== undefined && Date.parse(stage.ended) <= picture.at;
  if (ended || !profile || profile.times.length === 0) {
    c.fillStyle = color(counts === null ? "st-stop" : ended ? "st-ok" : "st-run");
    c.beginPath();
    c.roundRect(a, y + 3, b - a - 0.5, ROW - 6, 2.5);
    c.fill();
    // What went wrong in it lies above, as high as its share, and never too low to be seen.
    const bad = !counts?.bad ? 0 : Math.max(3, (counts.bad / Math.max(1, stage.hosts)) * (ROW - 6));
    c.fillStyle = color("st-fail");
    c.fillRect(a, y + 3, b - a - 0.5, bad);
  } else area(c, a, b, y + 2, ROW - 4, picture, stage, profile, x);
  if (free === null || counts === null) return;
  const text = picture.stageWords(stage, counts);
  c.fillStyle = color(counts.bad > 0 ? "st-fail-ink" : "ink-2");
  beside(c, text, a, Math.max(b, free), y + ROW / 2, w);
}

/** The words behind a bar, or before it where the edge is near. */
function beside(c: Ctx, text: string, a: number, b: number, y: number, w: number): void {
  const wide = c.measureText(text).width;
  c.textAlign = "left";
  if (b + 8 + wide < w) c.fillText(text, b + 6, y + 0.5);
  else if (a - 6 - wide > LABEL) c.fillText(text, a - 6 - wide, y + 0.5);
}

/** A batch in flight: bad hosts above, running in the middle, those that are through on the baseline. */
function area(c: Ctx, a: number, b: number, y: number, h: number, picture: GanttPicture, stage: Stage, profile: Profile, x: X): void {
  const color = palette();
  const [from, to] = picture.axis;
  const [left, right] = [x(from), x(to)];
  const moment = (place: number) => from + ((place - left) / (right - left)) * (to - from);
  c.fillStyle = color("st-wait");
  c.fillRect(a, y, b - a, h);
  // Whole pixels: parts of them would let what lies under shine through.
  const [begin, end] = [Math.round(a), Math.max(Math.round(a) + 2, Math.round(b))];
  for (let place = begin; place < end; place += 1) {
    const counts = countsAt(profile, Math.min(picture.at, moment(Math.min(b, place + 1))));
    const wide = 1;
    const part = (n: number) => (n / Math.max(1, stage.hosts)) * h;
    const bad = counts.bad > 0 ? Math.max(2, part(counts.bad)) : 0;
    const [run, done] = [part(counts.running), Math.min(h - bad, part(counts.through))];
    c.fillStyle = color("st-ok");
    c.fillRect(place, y + h - done, wide, done);
    c.fillStyle = color("st-run");
    c.fillRect(place, y + Math.max(bad, h - done - run), wide, Math.min(run, h - done - bad));
    c.fillStyle = color("st-fail");
    c.fillRect(place, y, wide, bad);
  }
}

function head(c: Ctx, y: number, picture: GanttPicture, row: Row, x: X): void {
  const own = row.stages.flatMap((place) => picture.stages[place] ?? []);
  const begins = own.flatMap((stage) => (stage.started ? [Date.parse(stage.started)] : []));
  if (begins.length === 0) return;
  const open = own.some((stage) => !stage.ended) && !picture.over;
  const ends = own.flatMap((stage) => (stage.ended ? [Date.parse(stage.ended)] : []));
  span(c, y, Math.min(...begins), open ? picture.at : Math.max(...ends, ...begins), picture, x);
}

function part(c: Ctx, y: number, picture: GanttPicture, row: Row, x: X): void {
  if (!row.part?.started) return;
  const color = palette();
  const from = Date.parse(row.part.started);
  const to = row.part.ended ? Date.parse(row.part.ended) : picture.at;
  if (from > picture.at) return;
  span(c, y, from, to, picture, x);
  c.fillStyle = color("ink-3");
  c.fillText(picture.partWords(row), Math.max(x(from) + 4, x(Math.min(to, picture.at))) + 6, y + ROW / 2);
}

function span(c: Ctx, y: number, from: number, to: number, picture: GanttPicture, x: X): void {
  if (from > picture.at) return;
  c.fillStyle = palette()("st-stop");
  c.fillRect(x(from), y + ROW / 2 - 1.5, Math.max(2, x(Math.min(to, picture.at)) - x(from)), 3);
}

function drawGhosts(c: Ctx, picture: GanttPicture, x: X, w: number): void {
  const color = palette();
  picture.coming.forEach((ghost, n) => {
    const row = picture.rows.findIndex((one) => !one.head && one.stages.includes(ghost.stage));
    if (row < 0) return;
    const y = TOP + row * ROW + 4.5;
    const [a, b, late] = [x(ghost.from), x(ghost.to), x(ghost.p90)];
    c.strokeStyle = color("st-stop");
    c.setLineDash([3, 2]);
    c.strokeRect(a + 0.5, y, Math.max(2, b - a), ROW - 9);
    c.setLineDash([]);
    line(c, b, y + 5, late, y + 5, color("st-stop"));
    line(c, Math.round(late) + 0.5, y + 2, Math.round(late) + 0.5, y + 8, color("st-stop"));
    if (n !== picture.coming.length - 1) return;
    c.fillStyle = color("ink-3");
    const wide = c.measureText(picture.ghostWords).width;
    c.fillText(picture.ghostWords, late + 6 + wide < w ? late + 6 : a - 8 - wide, y + 5);
  });
}

/** A time of standing still, on the row in which it did; the one that lasts is a line through all rows, with words. */
function held(c: Ctx, picture: GanttPicture, hold: Hold, x: X, w: number): void {
  const color = palette();
  const row = picture.rows.findIndex((one) => !one.head && one.stages.includes(hold.stage));
  const at = Math.round(x(hold.from)) + 0.5;
  if (hold.open) line(c, at, TOP, at, TOP + picture.rows.length * ROW, color("st-held"));
  if (row < 0) return;
  const y = TOP + row * ROW;
  c.fillStyle = color("st-held");
  c.fillRect(x(hold.from), y + ROW - 4, Math.max(2, x(hold.to) - x(hold.from)), 3);
  if (!hold.open) {
    c.fillRect(at - 0.5, y + 1, 1, ROW - 2);
    return;
  }
  const wide = c.measureText(picture.heldWords).width;
  const clear = TOP + (picture.rows.length - 1) * ROW + ROW / 2;
  c.textAlign = "left";
  if (at - 6 - wide > LABEL) c.fillText(picture.heldWords, at - 6 - wide, clear);
  else if (x(picture.at) + 8 + wide < w) c.fillText(picture.heldWords, x(picture.at) + 8, clear);
}

function drawMarks(c: Ctx, h: number, picture: GanttPicture, x: X): void {
  const color = palette();
  for (const mark of picture.marks) {
    if (mark.at > picture.at || mark.at < picture.axis[0]) continue;
    const at = Math.round(x(mark.at)) + 0.5;
    line(c, at, TOP, at, h, color("sev-warn"), [2, 3]);
    c.fillStyle = color("sev-warn");
    c.beginPath();
    c.moveTo(at, 13);
    c.lineTo(at + 5, 21);
    c.lineTo(at - 5, 21);
    c.fill();
    c.fillStyle = color("sev-warn-ink");
    c.textAlign = "left";
    c.fillText(mark.label, at + 8, h - 7);
  }
}

/** Where the axis is notched: one place for all that would lie upon one another. */
export function notches(times: readonly number[], [from, to]: readonly [number, number], x: X): number[] {
  const places: number[] = [];
  for (const time of times) {
    if (time < from || time > to) continue;
    const place = Math.round(x(time));
    if (place - (places.at(-1) ?? Number.NEGATIVE_INFINITY) > 2) places.push(place);
  }
  return places;
}

/** Where the words of the cursor stand. */
function tag(c: Ctx, picture: GanttPicture, x: X, w: number): { left: number; wide: number } {
  const wide = c.measureText(picture.cursor).width + 12;
  return { left: Math.min(w - wide, Math.max(0, x(picture.at) - wide / 2)), wide };
}

function cursor(c: Ctx, h: number, picture: GanttPicture, x: X, w: number): void {
  const color = palette();
  const at = Math.round(x(picture.at)) + 0.5;
  c.lineWidth = 1.5;
  line(c, at, TOP - 2, at, h, color("accent"));
  c.lineWidth = 1;
  const { left, wide } = tag(c, picture, x, w);
  c.fillStyle = color("accent-solid");
  c.beginPath();
  c.roundRect(left, 2, wide, 16, 3);
  c.fill();
  c.fillStyle = color("on-accent");
  c.textAlign = "center";
  c.fillText(picture.cursor, left + wide / 2, 10.5);
}
