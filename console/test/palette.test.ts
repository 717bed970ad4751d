import { describe, expect, it } from "vitest";
import { snapped, stacks } from "../src/canvas/histogram";
import { boxes, markTimes, neighbourTime } from "../src/canvas/lanes";
import { timesText } from "../src/design/times";
import { translator } from "../src/i18n";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
import { cell, comparable, isWholeOf, level } from "../src/pages/fleet/cell";
import { csv } from "../src/pages/sql/cells";
import { offsetOf, pieces } from "../src/pages/sql/light";
import { difference } from "../src/pages/timeline/diff";
import { hits, readCommand } from "../src/shell/palette";
import { isCut, isSettling, isWhole, missing, stripStretches } from "../src/time/coverage";

describe("the palette's grammar", () => {
  it("finds objects by kind, part of the name, cluster, regex and not", () => {
    expect(readCommand(":node c7-r14 @hz-prod-02")).toMatchObject({
      what: "objects",
      kind: "Node",
      line: "kind:Node name:*c7-r14*",
      clusters: ["hz-prod-02"],
    });
    expect(readCommand("web-* !canary /^a/")).toMatchObject({ what: "objects", line: "name:web-* -name:*canary* name:/^a/" });
    expect(readCommand(":")).toMatchObject({ what: "objects", line: "" });
  });
  it("goes to pages with the rest as their question", () => {
    expect(readCommand(":events reason:Failed @hz")).toEqual({ what: "page", page: "events", rest: "reason:Failed", clusters: ["hz"] });
    expect(readCommand(":range 6h")).toEqual({ what: "range", since: "-6h" });
    expect(readCommand(":range six")).toEqual({ what: "unknown", word: "range" });
    expect(readCommand(":evict x")).toEqual({ what: "unknown", word: "evict" });
  });
  it("finds operations and tasks, and opens forms that act on nodes without acting", () => {
    expect(readCommand(":op 0417 @hz-prod-02")).toEqual({
      what: "find",
      in: "operations",
      text: "0417",
      labels: [],
      clusters: ["hz-prod-02"],
    });
    expect(readCommand(":task scale-up")).toEqual({ what: "find", in: "tasks", text: "scale-up", labels: [], clusters: [] });
    expect(readCommand(":drain @hz-prod-02")).toEqual({ what: "act", act: "Drain", clusters: ["hz-prod-02"] });
    expect(readCommand(":operations Held")).toMatchObject({ what: "page", page: "operations", rest: "Held" });
    expect(readCommand(":nodes")).toMatchObject({ what: "page", page: "nodes" });
    expect(readCommand(":nodes r14")).toMatchObject({ what: "objects", kind: "Node" });
  });
  it("finds operations by label, and says where there are none", () => {
    expect(readCommand(":op drain -l team=infra,!old @hz -ltier!=web")).toEqual({
      what: "find",
      in: "operations",
      text: "drain",
      labels: ["team=infra", "!old", "tier!=web"],
      clusters: ["hz"],
    });
    expect(readCommand(":pod web -l app=web @hz")).toEqual({ what: "unlabelled", line: ":pod web @hz" });
    expect(readCommand(":task -l app")).toEqual({ what: "unlabelled", line: ":task " });
  });
  it("knows every kind by its names, but where they are those of a page", () => {
    const found = (line: string) => readCommand(line) as { what: string; kind?: string; page?: string };
    for (const word of ["cm", "ConfigMap", "configmaps"]) expect(found(`:${word} web`).kind, word).toBe("ConfigMap");
    for (const word of ["events", "event", "ev"]) expect(found(`:${word} web`).page, word).toBe("events");
    expect([found(":nodes").page, found(":nodes c7").kind, found(":no").kind]).toEqual(["nodes", "Node", "Node"]);
  });
  it("marks what was asked for, and parts the tail that is seen without room", () => {
    expect(hits("hz2-c7-r14-u22", "C7-r14")).toEqual([
      { text: "hz", hit: false, tail: false },
      { text: "2-", hit: false, tail: true },
      { text: "c7-r14", hit: true, tail: true },
      { text: "-u22", hit: false, tail: true },
    ]);
    expect(hits("r22", "").map((part) => part.tail)).toEqual([true]);
  });
});

describe("completeness", () => {
  const to = Date.parse("2026-11-29T06:00:00Z");
  const part = (reason: string, from: string, until = "2026-11-29T06:00:00Z") => ({ state: "unknown", reason, from, to: until });
  it("takes the waiting end of a range for no gap, and everything else for one", () => {
    expect(isSettling(part("not_yet_proven", "2026-11-29T05:59:20Z"), to)).toBe(true);
    expect(isSettling(part("not_yet_proven", "2026-11-29T05:50:00Z"), to)).toBe(false);
    expect(isSettling(part("not_watched", "2026-11-29T05:59:20Z"), to)).toBe(false);
    expect(isSettling(part("not_yet_proven", "2026-11-29T04:00:00Z", "2026-11-29T04:00:30Z"), to)).toBe(false);
    expect(missing(undefined, to)).toEqual([]);
  });
  it("tells where there are more breaks than one answer reads", () => {
    const because = (reason: string) => ({ because: [{ state: "unknown", reason, seconds: 1, parts: 1 }] });
    expect([because("too_many_breaks"), because("not_watched"), { because: [] }].map(isCut)).toEqual([true, false, false]);
  });
  it("joins the letters of a strip", () => {
    expect(stripStretches("ccggdc", [0, 600])).toEqual([
      { from: 200, to: 400, kind: "gap" },
      { from: 400, to: 500, kind: "late" },
    ]);
  });
});

describe("charts", () => {
  it("snap a brush to whole bins", () => {
    const bin = (n: number) => ({
      from: new Date(n * 1000).toISOString(),
      to: new Date((n + 1) * 1000).toISOString(),
      states: 3,
      occurrences: 3,
      coverage: "complete",
      incomplete_clusters: 0,
      by_type: [
        { type: "Warning", states: 1, occurrences: 1 },
        { type: "Odd", states: 2, occurrences: 2 },
      ],
    });
    const list = stacks([bin(0), bin(1), bin(2)]);
    expect(list[0]?.counts).toEqual({ Warning: 1, Normal: 0, other: 2 });
    expect(snapped(list, 2100, 1200)).toEqual([1000, 3000]);
    expect(snapped(list, 9000, 9500)).toBeNull();
  });
  it("step from mark to mark in a lane", () => {
    const mark = (second: number, shape: "point" | "span") => ({
      shape,
      x: 0,
      to_x: 1,
      from: new Date(second * 1000).toISOString(),
      to: new Date(second * 1000).toISOString(),
      states: 1,
      occurrences: 1,
    });
    const all = boxes({
      lanes: [{ different: 1, states: 3, occurrences: 3, marks: [mark(0, "span"), mark(1, "point"), mark(5, "point")] }],
    } as never);
    const times = markTimes(all, 0);
    expect([neighbourTime(times, 1000, 1), neighbourTime(times, 1000, -1), neighbourTime(times, 5000, -1)]).toEqual([5000, null, 1000]);
  });
  it("give a level only to a rise that is large and no chance", () => {
    expect([level(120, 100, 5), level(200, 100, 40), level(500, 100, 200), level(9000, 10, 5000), level(10, 100, 500)]).toEqual([
      0, 1, 2, 3, 0,
    ]);
    expect(comparable(undefined)).toBe(false);
  });
  it("count exactly where all is known, also the seconds that only wait", () => {
    const part = (reason: string, from: string) => ({ state: "unknown", reason, from, to: "2026-11-28T01:00:00Z" });
    const cluster = (cluster_uid: string, ...parts: object[]) => ({ cluster_uid, cluster: cluster_uid, parts });
    const waits = part("not_yet_proven", "2026-11-28T00:59:40Z");
    const coverage = [cluster("a"), cluster("b", waits), cluster("c", part("not_watched", "2026-11-28T00:20:00Z"), waits)] as never;
    const range = { to: "2026-11-28T01:00:00Z" };
    expect(["a", "b", "c", "imported"].map((uid) => isWholeOf({ coverage, range }, uid))).toEqual([true, true, false, false]);
    expect(isWhole(coverage, range)).toBe(false);
  });
});

describe("the object at two moments", () => {
  const event = (reason: string, id: string, occurrences = 1) =>
    ({ reason, id, occurrences, type: "Warning", component: "kubelet", message: "m" }) as never;
  it("tells what came, went and changed", () => {
    const found = difference([event("A", "1"), event("B", "1")], [event("B", "2", 5), event("C", "1")]);
    expect(found.map(({ sign, reason, text }) => [sign, reason, text])).toEqual([
      ["~", "B", "× 1 → × 5"],
      ["+", "C", "× 1"],
      ["-", "A", "× 1"],
    ]);
  });
});

describe("SQL", () => {
  it("is coloured without losing a character", () => {
    const sql = "SELECT 'it''s', count() -- x\nFROM events WHERE time >= {from} LIMIT 10 /* open";
    expect(
      pieces(sql)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(sql);
    expect(pieces("SELECT 1 FROM x").map((piece) => piece.kind)).toEqual(["o", "", "nn", "", "o", "", ""]);
  });
  it("has its faults where the server counted them", () => {
    expect([0, 2, 4, 9].map((character) => offsetOf("a🙂bc", character))).toEqual([0, 3, 5, 5]);
  });
  it("becomes CSV that no spreadsheet runs", () => {
    expect(
      csv(
        ["a", "b"],
        [
          ['x,"y"', null],
          ["=1+1", -2],
          [{ k: 1 }, "\n"],
        ],
      ),
    ).toBe('a,b\r\n"x,""y""",\r\n\'=1+1,-2\r\n"{""k"":1}","\n"');
  });
});

describe("languages", () => {
  it("have the same keys and the same blanks to fill", () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    const blanks = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();
    for (const key of Object.keys(en) as (keyof typeof en)[]) expect(blanks(zh[key]), key).toEqual(blanks(en[key]));
    expect(translator("zh")("time.last", { length: "6 h" })).toBe("最近 6 h");
  });
});

describe("more or less than before", () => {
  it("is one short word, and never infinite", () => {
    expect([
      timesText(30, 10, "gone"),
      timesText(1200, 10, "gone"),
      timesText(10, 41, "gone"),
      timesText(0, 9, "gone"),
      timesText(5, 0, "gone"),
    ]).toEqual(["3.0×", "120×", "÷ 4.1", "gone", ""]);
  });
  it("of a cluster of imports alone is a lower bound, and nothing found is not zero", () => {
    const range = { from: "2026-11-27T00:00:00Z", to: "2026-11-28T00:00:00Z" };
    const answer = {
      range,
      baseline: range,
      coverage: [],
      baseline_coverage: [],
      signals: [{ line: "type:Warning", clusters: { u: { states: 7, states_before: 0, score: 900 } } }],
    };
    expect(cell(answer, 0, "u")).toEqual({ now: 7, before: null, level: 0, complete: false });
    expect(cell(answer, 0, "v")).toBeNull();
  });
});
