import { describe, expect, it, vi } from "vitest";
import type { Event, RunEvents } from "../src/api/types";
import { drawGantt, notches } from "../src/canvas/drawGantt";
import { explorer, mayGrow, nodeLine, toldUntil, upToMoment, warned } from "../src/pages/run/runEvents";
import { valuesOf } from "../src/query/edit";

const BEGIN = Date.parse("2026-11-29T06:40:00Z");

function event(second: number, type = "Normal", node = "node-a"): Event {
  return { id: `1.${second}.${type}`, time: new Date(BEGIN + second * 1000).toISOString(), type, node } as Event;
}

function answer(items: Event[], truncated = false): RunEvents {
  const range = { from: "2026-11-29T06:39:00.123456Z", to: "2026-11-29T06:52:10.987654Z" };
  return { items, truncated, range, watched: true, coverage: [] };
}

describe("Events beside a run", () => {
  it("are asked for again as long as any can come", () => {
    expect(mayGrow(null, BEGIN)).toBe(true);
    expect(mayGrow(BEGIN, BEGIN + 359_000)).toBe(true);
    expect(mayGrow(BEGIN, BEGIN + 360_000)).toBe(false);
  });
  it("are all told live and at the end of a run, else up to the moment", () => {
    expect(upToMoment(false, BEGIN, null)).toBeNull();
    expect(upToMoment(true, BEGIN, null)).toBe(BEGIN);
    expect(upToMoment(true, BEGIN, BEGIN + 1)).toBe(BEGIN);
    expect(upToMoment(true, BEGIN + 1, BEGIN + 1)).toBeNull();
  });
  it("count as told with their own moment, also where several have it", () => {
    const items = [event(-30), event(0), event(5), event(5, "Warning"), event(9)];
    const told = (second: number) => toldUntil(items, BEGIN + second * 1000);
    expect([-31, -30, 4.999, 5, 8, 9, 99].map(told)).toEqual([0, 1, 2, 4, 4, 5, 5]);
    expect(toldUntil(items, null)).toBe(5);
    expect(toldUntil([], BEGIN)).toBe(0);
  });
  it("notch the axis where there was a Warning, once where they would lie upon one another", () => {
    expect(warned([event(1), event(2, "Warning"), event(3), event(4, "Warning")])).toEqual([BEGIN + 2000, BEGIN + 4000]);
    expect(notches([5, 10, 11, 12, 13, 40, 90], [10, 50], (time) => 100 + time)).toEqual([110, 113, 140]);
    expect(notches([], [0, 1], (time) => time)).toEqual([]);
  });
});

describe("the way from a run to its Events", () => {
  it("is a line that asks for each node once", () => {
    expect(nodeLine(["node-a"])).toBe("node:node-a");
    const odd = ["10.86.77.1", 'a "b"', "OR", "10.86.77.1"];
    const line = nodeLine(odd) ?? "";
    expect(valuesOf(line, "node")).toEqual(odd.slice(0, 3));
  });
  it("is no line where that would be too long", () => {
    const names = (count: number, length: number) => Array.from({ length: count }, (_, n) => String(n).padStart(length, "n"));
    expect(nodeLine([])).toBeNull();
    expect(nodeLine(names(200, 10))).not.toBeNull();
    expect(nodeLine(names(201, 10))).toBeNull();
    expect(nodeLine(names(100, 41))).toBeNull();
  });
  it("loses nothing of the range", () => {
    const search = explorer(answer([]), "hz-prod-02", ["node-a", "node-b"], true);
    expect(search).toEqual({
      c: "hz-prod-02",
      from: "2026-11-29T06:39:00.123Z",
      to: "2026-11-29T06:52:10.988Z",
      q: "node:(node-a node-b)",
      sev: "Warning",
    });
    const further = explorer(answer([event(1)], true), "hz-prod-02", ["node-a"], false, event(1).time);
    expect(further).toMatchObject({ from: "2026-11-29T06:40:01.000Z", q: "node:node-a", sev: undefined });
  });
  it("names the nodes that told something where all are too many, and none where that would hide one", () => {
    const many = Array.from({ length: 500 }, (_, n) => `node-${n}`);
    const items = [event(1, "Normal", "node-7"), event(2, "Normal", ""), event(3, "Normal", "node-7")];
    expect(explorer(answer(items), "c", many, false).q).toBe("node:node-7");
    expect(explorer(answer(items, true), "c", many, false).q).toBeUndefined();
    expect(explorer(answer(items), "c", many, false, event(3).time).q).toBeUndefined();
    expect(explorer(answer([]), "c", many, false).q).toBeUndefined();
  });
});

describe("the axis of a run", () => {
  it("has no tick where the words of the cursor stand, however long they are", () => {
    vi.stubGlobal("document", {});
    vi.stubGlobal("getComputedStyle", () => ({ getPropertyValue: (name: string) => name }));
    const width = (text: string) => 6 * text.length;
    const said: { text: string; at: number }[] = [];
    const own: Record<string, unknown> = {
      measureText: (text: string) => ({ width: width(text) }),
      fillText: (text: string, at: number) => said.push({ text, at }),
    };
    const c = new Proxy(own, { get: (_, name: string) => own[name] ?? (() => undefined), set: () => true }) as never;
    const nothing = { rows: [], stages: [], profiles: [], counts: () => null, coming: [], holds: [], marks: [], warned: [] };
    const words = { rowName: () => "", stageWords: () => "", partWords: () => "", heldWords: "", ghostWords: "", zone: "UTC" };
    for (const cursor of ["06:52:22", "now 06:52:22", "the moment is 06:52:22"]) {
      for (let second = 0; second < 120; second += 1) {
        said.length = 0;
        const axis = [BEGIN, BEGIN + 120_000] as const;
        drawGantt(c, 1389, 200, { ...nothing, ...words, axis, at: BEGIN + second * 1000, live: false, over: false, cursor });
        const told = said.find(({ text }) => text === cursor);
        const near = said.filter(
          ({ text, at }) => text !== cursor && Math.abs(at - (told?.at ?? 0)) < (width(text) + width(cursor) + 12) / 2 + 7,
        );
        expect(near, `${cursor} at ${second} s`).toEqual([]);
        expect(said.length).toBeGreaterThan(8);
      }
    }
    vi.unstubAllGlobals();
  });
});
