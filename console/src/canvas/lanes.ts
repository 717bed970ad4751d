/** Lanes of an object as numbers: where marks lie, which is under a place, what comes next. Pure. */
import type { Lanes, Mark } from "../api/types";

export const LANE = 34;
export const AXIS = 40;
/** Behind the end of the range, so that a cursor there is seen. */
export const PAD = 14;
/** A change is seen however short it is. */
export const NARROWEST = 2;

export interface Box {
  lane: number;
  mark: Mark;
  from: number;
  to: number;
}

/** All marks with their times in milliseconds, spans before points so that points lie on top. */
export function boxes(lanes: Lanes): Box[] {
  return lanes.lanes.flatMap((lane, n) =>
    lane.marks.map((mark) => ({ lane: n, mark, from: Date.parse(mark.from), to: Date.parse(mark.to) })),
  );
}

/** The densest cell of a lane, for its height. */
export function densest(lanes: Lanes, lane: number): number {
  return Math.max(1, ...(lanes.lanes[lane]?.marks ?? []).flatMap((mark) => (mark.shape === "span" ? [] : [mark.states])));
}

export function heightOf(states: number, most: number, full: number): number {
  return Math.max(5, Math.sqrt(states / most) * full);
}

/** When something was said in one lane: its points and densities. */
export function markTimes(all: readonly Box[], lane: number): number[] {
  return all.filter((box) => box.lane === lane && box.mark.shape !== "span").map((box) => box.from);
}

/** The next of these times behind a moment, or before it. */
export function neighbourTime(times: readonly number[], t: number, direction: -1 | 1): number | null {
  const beyond = times.filter((time) => (direction > 0 ? time > t : time < t));
  return beyond.length === 0 ? null : direction > 0 ? Math.min(...beyond) : Math.max(...beyond);
}
