import { describe, expect, it, vi } from "vitest";
import { drawRows, rowAt, tallOfRows, topOfRow } from "../src/canvas/drawRows";
import { drawSeries } from "../src/canvas/drawSeries";
import { extentOf, nearest, runsOf, type Series, said, slotEnd, stepOf } from "../src/canvas/series";
import { figure } from "../src/design/number";
import { COOKBOOK } from "../src/pages/sql/cookbook";
import { missingInAll, overLost, peakOf, unasked } from "../src/pages/sql/lost";
import { axisOf, plotOf } from "../src/pages/sql/plot";
import { atClock } from "../src/time/clock";
import { valueTicks } from "../src/time/ticks";

const columns = (said: string) =>
  said.split("; ").map((one) => {
    const [name = "", ...type] = one.split(" ");
    return { name, type: type.join(" ") };
  });
const plotted = (said: string, rows: unknown[][]) => {
  const drawing = plotOf(columns(said), rows);
  if ("why" in drawing) throw new Error(drawing.why);
  return drawing.plot;
};
const why = (said: string, rows: unknown[][]) => {
  const drawing = plotOf(columns(said), rows);
  return "why" in drawing ? [drawing.why, drawing.column] : [];
};
const told = (series: readonly Pick<Series, "name" | "values">[]) => series.map(({ name, values }) => [name, ...values.values()]);
const HOUR = 3_600_000;
const NOON = Date.parse("2026-11-29T12:00:00Z");

describe("what an answer is drawn over", () => {
  it("is a time before the first number, and what stands beside it tells series apart", () => {
    const rows = [
      ["hz", "2026-11-29 13:00:00", 3],
      ["hz", "2026-11-29 12:00:00", 1],
      ["sz", "2026-11-29 12:00:00", "7"],
    ];
    const plot = plotted("cluster LowCardinality(String); hour DateTime('UTC'); n UInt64", rows);
    expect([plot.axis, plot.measures, plot.times, plot.step]).toEqual(["hour", ["n"], [NOON, NOON + HOUR], HOUR]);
    expect(told(plot.series), "in the order of time").toEqual([
      ["hz", 1, 3],
      ["sz", 7],
    ]);
    expect(plot.series.map(({ color }) => color)).toEqual(["cat-1", "cat-2"]);
    const two = plotted("hour Nullable(DateTime64(6, 'UTC')); a Float64; b Nullable(Int8)", [
      ["2026-11-29 12:00:00.000000", 0.5, null],
      [null, 1, 1],
    ]);
    expect(told(two.series)).toEqual([
      ["a", 0.5],
      ["b", null],
    ]);
    expect(two.restRows, "a row of no moment has no place").toBe(1);
  });

  it("is its rows where a time only tells of them, in the order of the statement", () => {
    const rows = [
      ["b", "hz", 9, 2, "2026-11-29 12:00:00"],
      ["a", "sz", 4, 1, "2026-11-29 12:00:00"],
    ];
    const plot = plotted("image String; cluster String; failures UInt64; pods UInt64; first_seen DateTime", rows);
    expect([plot.axis, plot.times, plot.names]).toEqual(["image · cluster", null, ["b · hz", "a · sz"]]);
    expect(told(plot.series)).toEqual([
      ["failures", 9, 4],
      ["pods", 2, 1],
    ]);
    expect(plotted("n UInt64; reason String", [[1, "x"]]).names, "a number may come first").toEqual(["x"]);
    expect(plotted("year UInt16; n UInt64", [[2026, 5]]).names, "numbers alone: the first says by what").toEqual(["2026"]);
    const many = Array.from({ length: 300 }, (_, n) => [`r${n}`, n]);
    expect([plotted("reason String; n UInt64", many).names.length, plotted("reason String; n UInt64", many).restRows]).toEqual([200, 100]);
  });

  it("has the six largest series, and says how many are left out", () => {
    const rows = Array.from({ length: 9 }, (_, n) => ["2026-11-29", `n${n}`, n]);
    const plot = plotted("day Date; node String; n UInt64", rows);
    expect(plot.series.map(({ name }) => name)).toEqual(["n8", "n7", "n6", "n5", "n4", "n3"]);
    expect(plot.restSeries).toBe(3);
  });

  it("is none for a reason that is told", () => {
    const twice = [
      ["2026-11-29 12:00:00", 1],
      ["2026-11-29 12:00:00", 2],
    ];
    expect(why("n UInt64", [])).toEqual(["sql.noRows", ""]);
    expect(why("reason String; all Array(UInt64)", [["x", [1]]])).toEqual(["sql.noNumber", ""]);
    expect(why("n UInt64", [[1]])).toEqual(["sql.noAxis", ""]);
    expect(why("reason String; n Nullable(Float64)", [["x", null]])).toEqual(["sql.noValue", "n"]);
    expect(why("time DateTime; n UInt64", twice)).toEqual(["sql.sameTime", "time"]);
  });

  it("lies in the zone of the column, and spans the range to which the statement is bound", () => {
    expect(plotted("hour DateTime('Asia/Shanghai'); n UInt8", [["2026-11-29 20:00:00", 1]]).times).toEqual([NOON]);
    expect(atClock(Date.parse("2026-11-01T00:30:00Z"), "America/New_York")).toBe(Date.parse("2026-11-01T04:30:00Z"));
    expect(plotted("hour DateTime('Mars/Base'); n UInt8", [["2026-11-29 20:00:00", 1]]).times, "an unknown zone is no time").toBeNull();
    const plot = plotted("hour DateTime; n UInt8", [
      ["2026-11-29 12:00:00", 1],
      ["2026-11-29 13:00:00", 4],
    ]);
    const range = { from: "2026-11-29T12:20:00Z", to: "2026-11-29T18:00:00Z" } as never;
    expect(axisOf(plot, range)).toEqual([NOON, NOON + 6 * HOUR]);
    const at = (text: string) => Date.parse(`2026-11-29T${text}Z`);
    const unknown = { kind: "unknown" };
    expect(unasked(axisOf(plot, range), range), "the first slot begins before the range").toEqual([
      { ...unknown, from: NOON, to: at("12:20:00") },
    ]);
    expect(unasked([NOON, at("13:00:00")], { from: "2026-11-29T12:10:00Z", to: "2026-11-29T12:50:00Z" })).toEqual([
      { ...unknown, from: NOON, to: at("12:10:00") },
      { ...unknown, from: at("12:50:00"), to: at("13:00:00") },
    ]);
    expect(unasked([0, NOON], range), "nothing of it was asked for").toEqual([{ ...unknown, from: 0, to: NOON }]);
    expect(unasked([0, NOON], null)).toEqual([{ ...unknown, from: 0, to: NOON }]);
    expect(axisOf(plot, null), "the last step is all seen").toEqual([NOON, NOON + 2 * HOUR]);
    expect(axisOf({ ...plot, times: [NOON], step: null }, null)).toEqual([NOON - HOUR / 2, NOON + HOUR / 2]);
    const uneven = { ...plot, times: [NOON, NOON + 3 * HOUR, NOON + 5 * HOUR], step: null };
    expect(axisOf(uneven, null), "nor is the last bar cut where steps differ").toEqual([NOON, NOON + 6 * HOUR]);
  });

  it("tells values apart that look alike", () => {
    const rows = [null, "", "NULL", "x".repeat(130), `${"x".repeat(129)}y`].map((pod, n) => ["2026-11-29 12:00:00", pod, n]);
    const { series } = plotted("hour DateTime; pod Nullable(String); n UInt64", rows);
    expect(series.map(({ name }) => name.slice(0, 4))).toEqual(["NULL", "", "NULL", "xxxx", "xxxx"]);
    expect(new Set(series.map(({ id }) => id)).size).toBe(5);
  });
});

describe("what the log lost", () => {
  const time = (hour: number) => new Date(NOON + hour * HOUR).toISOString();
  const gap = (cluster: string, from: number, to: number) => ({
    cluster,
    parts: [{ state: "gap", reason: "not_watched_yet", from: time(from), to: time(to) }],
  });
  const data = { range: { from: time(0), to: time(3) }, coverage: [gap("hz", 0, 2), gap("sz", 1, 3)] } as never;
  const drawn = (said: string, named: readonly (string | null)[]) => {
    const rows = named.flatMap((name) => [12, 13, 14].map((hour) => [`2026-11-29 ${hour}:00:00`, ...(name === null ? [] : [name]), hour]));
    const plot = plotted(said, rows);
    const all = overLost(plot, data, axisOf(plot, null));
    return { all, peak: (series = all) => peakOf(series, (at) => at + HOUR)?.most };
  };
  const hours = (parts: readonly { from: number; to: number }[]) => parts.map(({ from, to }) => [(from - NOON) / HOUR, (to - NOON) / HOUR]);

  it("tears the line of its cluster, and one over all where all lost it", () => {
    const { all } = drawn("hour DateTime; cluster String; n UInt64", ["hz", "sz", "bj"]);
    expect(all.map(({ torn }) => hours(torn))).toEqual([[[0, 2]], [[1, 3]], [[1, 2]]]);
    expect(drawn("hour DateTime; n UInt64", [null]).all.map(({ torn }) => hours(torn))).toEqual([[[1, 2]]]);
    expect(missingInAll([], [])).toEqual([]);
  });

  it("makes counts lower bounds, and no means", () => {
    const words = (one: Series | undefined) => [0, 1, 2].map((n) => one && said(one, NOON + n * HOUR, NOON + (n + 1) * HOUR));
    const { all, peak } = drawn("hour DateTime; cluster String; n UInt64", ["hz", "sz"]);
    expect(words(all[0])).toEqual(["≥ 12", "≥ 13", "14"]);
    expect(words(all[1])).toEqual(["12", "≥ 13", "≥ 14"]);
    expect([peak(), peak([])], "a higher one may be where something is lost").toEqual(["≥ 14", undefined]);
    const mean = drawn("hour DateTime; n Float64", [null]);
    expect([words(mean.all[0]), mean.peak()]).toEqual([["12", "13", "14"], "14"]);
    expect([slotEnd([0, 5], 0, null), slotEnd([0, 5], 1, null), slotEnd([0, 5], 1, 5)]).toEqual([5, Number.POSITIVE_INFINITY, 10]);
  });

  it("makes counts of rows lower bounds, too", () => {
    const plot = plotted("reason String; n UInt64", [["x", 1]]);
    const [one] = overLost(plot, data, [0, 1]);
    expect(one && said(one, 0, 1)).toBe("≥ 1");
  });
});

describe("series", () => {
  it("are open where a step has no row, where nothing is known, and over what was lost", () => {
    const of = (...all: [number, number | null][]) => new Map(all);
    const ends = (runs: readonly (readonly (readonly [number, number])[])[]) => runs.map((run) => run.map(([at]) => at));
    expect([stepOf([0, 5, 15, 20]), stepOf([0, 3, 7]), stepOf([4])], "an uneven axis has none").toEqual([5, null, null]);
    expect(ends(runsOf(of([0, 1], [5, 2], [15, 3], [20, 4]), 5, []))).toEqual([
      [0, 5],
      [15, 20],
    ]);
    expect(ends(runsOf(of([0, 1], [7, 2], [15, null], [20, 4]), null, []))).toEqual([[0, 7], [20]]);
    expect(ends(runsOf(of([0, 1], [5, 2], [10, 3]), 5, [{ from: 6, to: 7 }]))).toEqual([[0, 5], [10]]);
  });

  it("compare from zero, on round values", () => {
    const series = (...all: (number | null)[]) => ({ values: new Map(all.map((one, n) => [n, one])) });
    expect(extentOf([series(3, null), series(9)])).toEqual([0, 9]);
    expect(extentOf([series(-2, 4)])).toEqual([-2, 4]);
    expect(extentOf([series(0)])).toEqual([0, 1]);
    expect(valueTicks(0, 9, 3)).toEqual([0, 5]);
    expect(valueTicks(-2, 4, 3)).toEqual([-2, 0, 2, 4]);
    expect(valueTicks(0, 0.3, 3).map((value) => figure(value, 3))).toEqual(["0", "0.1", "0.2", "0.3"]);
    expect([figure(1234567), figure(-0.333333333), figure(12.5)]).toEqual(["1,234,567", "−0.333333", "12.5"]);
    expect([nearest([0, 10, 20], 14), nearest([0, 10, 20], 99), nearest([], 1)]).toEqual([1, 2, -1]);
  });

  it("are drawn, each in its colour, and bars of rows are found under the pointer", () => {
    vi.stubGlobal("document", {});
    vi.stubGlobal("getComputedStyle", () => ({ getPropertyValue: (name: string) => name }));
    const inks = new Set<unknown>();
    const c = new Proxy({ measureText: () => ({ width: 40 }) } as Record<string, unknown>, {
      get: (own, name: string) => own[name] ?? (() => undefined),
      set: (_, name, value) => {
        if (name === "fillStyle" || name === "strokeStyle") inks.add(value);
        return true;
      },
    }) as never;
    const values = new Map<number, number | null>([
      [0, 1],
      [HOUR, null],
      [2 * HOUR, 3],
    ]);
    const series = ["cat-1", "cat-2"].map((color) => ({ id: color, name: color, color, values, torn: [], partial: [] }));
    const stretches = [{ from: 0, to: HOUR, kind: "gap" as const }];
    const axis = { times: [0, HOUR, 2 * HOUR], step: HOUR, range: [0, 3 * HOUR] as const, zone: "UTC" };
    const picture = { ...axis, series, stretches, cursor: 0 };
    for (const form of ["line", "bar"] as const) {
      inks.clear();
      drawSeries(c, 800, 300, { ...picture, form });
      for (const ink of ["cat-1", "cat-2", "hatch", "cov-gap", "crosshair"]) expect(inks, `${ink} of ${form}`).toContain(`--${ink}`);
    }
    inks.clear();
    drawRows(c, 800, 300, { names: ["a", "b", "c"], series, cursor: 1 });
    expect(inks).toContain("--cat-2");
    expect(inks).toContain("--select");
    // A row under the pointer measures no name anew, and a long name is not tried letter by letter.
    const measure = vi.fn((text: string) => ({ width: text.length * 7 }));
    const counted = new Proxy(c as unknown as Record<string, unknown>, {
      get: (own, name: string) => (name === "measureText" ? measure : own[name]),
    }) as never;
    const long = Array.from({ length: 50 }, (_, n) => `${n}-${"x".repeat(200)}`);
    drawRows(counted, 800, 300, { names: long, series, cursor: 1 });
    expect(measure.mock.calls.length).toBeLessThan(50 * 12);
    measure.mockClear();
    drawRows(counted, 800, 300, { names: long, series, cursor: 2 });
    expect(measure).not.toHaveBeenCalled();
    expect([rowAt(topOfRow(2, 1) + 1, 3, 1), rowAt(0, 3, 1), rowAt(tallOfRows(3, 1), 3, 1)]).toEqual([2, null, null]);
  });
});

it("each question to begin with is bound to the range", () => {
  for (const { title, view, sql } of COOKBOOK) {
    expect(sql, title).toContain("{from}");
    expect(sql, title).toContain("{to}");
    expect(sql, title).toContain(`FROM ${view}`);
    expect(sql, "a zero for an hour of which nothing is known").not.toContain("WITH FILL");
  }
});
