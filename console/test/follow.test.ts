import { describe, expect, it } from "vitest";
import { rowsUntil } from "../src/api/usePages";
import { listEnd } from "../src/pages/timeline/follow";

const mark = (from: number, to: number, states: number, shape = "density") => ({ from, to, mark: { states, shape } as never });

describe("the list of an object follows T2", () => {
  const dense = Array.from({ length: 100 }, (_, n) => mark(n * 1000, n * 1000 + 900, 50));
  it("stays where T2 is near", () => {
    expect(listEnd(dense, 99_950, null)).toBeNull();
    expect(listEnd(dense, 80_950, null)).toBeNull();
    expect(listEnd([mark(0, 99_000, 9000, "span"), mark(10, 20, 3)], 15, null)).toBeNull();
  });
  it("begins anew where it is far, with few newer rows", () => {
    const end = listEnd(dense, 10_950, null);
    expect(end).toBe(13_000);
    expect(listEnd(dense, 10_950, end), "and stays there").toBe(end);
    expect(listEnd(dense, 8000, end), "T2 a little earlier").toBe(end);
    expect(listEnd(dense, 13_000, end), "T2 goes to its end, and beyond").toBe(15_000);
    expect(listEnd(dense, 99_000, end)).toBeNull();
    expect(listEnd([mark(0, 99_000, 5000)], 50_000, null), "many in one mark").toBe(50_001);
    expect(listEnd([mark(0, 99_000, 5000)], 50_000, 50_001)).toBe(50_001);
  });
  it("finds its row among falling times", () => {
    const known = [
      [90, 80, 80, 70],
      [60, 50],
    ].map((times) => ({ rows: times.length, times: Float64Array.from(times, (time) => -time) }));
    expect([95, 90, 85, 80, 75, 60, 40].map((t2) => rowsUntil(known, -(t2 + 0.5)))).toEqual([0, 0, 1, 1, 3, 4, 6]);
  });
});
