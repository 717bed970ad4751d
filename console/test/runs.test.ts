import { describe, expect, it, vi } from "vitest";
import { drawHistogram } from "../src/canvas/drawHistogram";
import { BAND, TOP } from "../src/canvas/histogram";
import { inkOf, openedAt, places, type RunMark, runMarks, runSpans, tallOf } from "../src/canvas/runs";

const at = (second: number) => new Date(second * 1000).toISOString();
const run = (id: string, phase: string, created: number, started: number | null, ended: number | null, since = created) =>
  ({
    id,
    phase,
    created: at(created),
    started: started === null ? null : at(started),
    ended: ended === null ? null : at(ended),
    since: at(since),
  }) as never;
const RANGE = [0, 1_000_000] as const;
const told = (marks: readonly RunMark[]) => marks.map((mark) => `${mark.run.id} ${mark.sign} ${mark.at / 1000}`);

describe("operations over an axis", () => {
  it("begin, stand still and end within the range, in order", () => {
    const all = [run("a", "Failed", 100, 110, 300), run("b", "Held", 50, 60, null, 200), run("c", "Succeeded", -90, -80, 40)];
    const marks = runMarks([...all, run("d", "Pending", 20, null, null)], RANGE);
    expect(told(marks)).toEqual(["c end 40", "b begin 60", "a begin 110", "b hold 200", "a end 300"]);
    expect(marks.map(inkOf)).toEqual(["st-ok-ink", "st-run-ink", "st-run-ink", "st-held-ink", "st-fail-ink"]);
  });
  it("share a place where a finger could not tell them apart, and none is lost", () => {
    const many = Array.from({ length: 90 }, (_, n) => run(`r${n}`, "Succeeded", n * 10, n * 10, n * 10 + 1));
    const marks = runMarks(many, RANGE);
    const found = places(marks, RANGE, 480);
    expect(found.flatMap((place) => place.marks)).toEqual(marks);
    expect(found.length).toBeLessThanOrEqual(20);
    expect(found.every((place, n) => n === 0 || place.at - (found[n - 1]?.at ?? 0) >= 50_000)).toBe(true);
    expect(places(marks.slice(0, 2), RANGE, 1_000_000).length).toBe(2);
    expect(places([], RANGE, 0)).toEqual([]);
  });
  it("are drawn in their band, and behind what is counted", () => {
    vi.stubGlobal("document", {});
    vi.stubGlobal("getComputedStyle", () => ({ getPropertyValue: (name: string) => name }));
    const log: (string | number | number[])[][] = [];
    const call =
      (name: string) =>
      (...args: never[]) => {
        log.push([name, ...args]);
        return { width: 6 * String(args[0]).length };
      };
    const c = new Proxy({}, { get: (_, name) => call(String(name)), set: () => true }) as CanvasRenderingContext2D;
    const bin = { from: 0, to: 1_000_000, counts: { Warning: 5, Normal: 5, other: 0 }, total: 10, coverage: "complete" };
    const runs = runMarks([run("a", "Succeeded", 100, 100, 500), run("b", "Failed", 510, 510, 900)], RANGE);
    const runWords = ({ marks }: { marks: readonly RunMark[] }) => `${marks.map(({ run }) => run.id)}`;
    const picture = {
      bins: [bin],
      range: RANGE,
      stretches: [],
      label: null,
      archive: { until: 400_000, word: "← old" },
      zone: "UTC",
      cursor: null,
      brush: null,
    };
    drawHistogram(c, 1000, 152, { ...picture, scale: "linear", runs, runWords });
    vi.unstubAllGlobals();
    const at = (fits: (call: (typeof log)[number]) => boolean) => log.findIndex(fits);
    const dotted = at(([name, dash]) => name === "setLineDash" && String(dash) === "1,3");
    const bar = at(([name, , , , tall]) => name === "fillRect" && Number(tall) > 10);
    expect(dotted).toBeGreaterThanOrEqual(0);
    expect(bar).toBeGreaterThan(dotted);
    const words = log.filter(([name, text]) => name === "fillText" && /^[ab](,[ab])*$/.test(String(text)));
    expect(words.map(([, text, , y]) => [text, y])).toEqual([
      ["a", BAND],
      ["a,b", BAND],
      ["b", BAND],
    ]);
    const word = log.find(([name, text]) => name === "fillText" && text === "← old");
    expect(Number(word?.[2]), "the word stands on the side of what is in the archive").toBeLessThan(46 + 0.4 * (1000 - 46));
    const squares = log.filter(([name]) => name === "rect");
    expect(squares.length).toBe(2);
    expect(squares.every(([, , top, , tall]) => Number(top) >= 0 && Number(top) + Number(tall) <= TOP - 6)).toBe(true);
  });
  it("lie beside one another in a lane where they overlap, within the range", () => {
    const [old, gone] = [run("old", "Succeeded", -500, -400, 100), run("gone", "Succeeded", -500, -400, -1)];
    const [short, next] = [run("short", "Succeeded", 150, 150, 151), run("next", "Failed", 160, 160, 170)];
    const spans = runSpans([run("late", "Running", 900, 950, null), old, short, next, gone], RANGE, 480);
    expect(spans.map((span) => [span.run.id, span.from / 1000, span.to / 1000, span.row])).toEqual([
      ["old", 0, 100, 0],
      ["short", 150, 151, 0],
      ["next", 160, 170, 1],
      ["late", 950, 1000, 0],
    ]);
    expect([tallOf([]), tallOf(spans)]).toEqual([34, 58]);
    const nine = Array.from({ length: 9 }, (_, n) => run(`${n}`, "Running", 0, 0, null));
    expect(Math.max(...runSpans(nine, RANGE, 480).map(({ row }) => row))).toBe(3);
  });
  it("open at the moment that is looked at, where they were there then", () => {
    const [old, late] = runSpans([run("old", "Succeeded", 100, 100, 200), run("late", "Running", 800, 800, null)], RANGE, 480);
    if (!old || !late) throw new Error("no spans");
    expect([50, 150, 900].map((second) => openedAt(old, second * 1000))).toEqual([100_000, 150_000, 200_000]);
    expect([50, 900, 1000].map((second) => openedAt(late, second * 1000))).toEqual([800_000, 900_000, null]);
  });
});
