/** Nodes that Events name, and the list of those that are ticked. */
import { describe, expect, it } from "vitest";
import type { CalendarAnswer, Event, Facets, HostItem, Page } from "../src/api/types";
import { holderOf, howMany, lineOf, nodesOf } from "../src/pages/nodes/named";
import { ticked, withNodes, withoutNodes } from "../src/pages/nodes/ticked";
import { read } from "../src/query/scan";

const counted = (different: number, values: [string, number, number][]) =>
  ({
    facets: [{ field: "node", different, values: values.map(([value, states, warnings]) => ({ value, states, warnings })) }],
  }) as unknown as Facets;
const said = (node: string, time: string) => ({ node, time }) as Event;
const page = (items: Event[], next: string | null) => ({ items, next }) as unknown as Page<Event>;
const all = counted(3, [
  ["", 90, 80],
  ["n1", 50, 0],
  ["n2", 40, 0],
  ["n3", 7, 6],
]);

describe("nodes that Events name", () => {
  it("come with their Warnings first, those that are named most beside the most warned", () => {
    const rows = nodesOf(
      all,
      counted(2, [
        ["", 90, 80],
        ["n3", 7, 6],
        ["n9", 2, 2],
      ]),
      page([said("n2", "2026-11-30T10:00:00Z"), said("", "2026-11-30T09:00:00Z")], "more"),
    );
    expect(rows.map((row) => [row.name, row.warnings, row.states])).toEqual([
      ["n3", 6, 7],
      ["n9", 2, 2],
      ["n1", 0, 50],
      ["n2", 0, 40],
    ]);
    expect(rows[3]?.last).toMatchObject({ node: "n2" });
    expect(rows[0]?.last).toBe(Date.parse("2026-11-30T09:00:00Z"));
    expect(howMany(all)).toBe(3);
  });
  it("are counted while the most warned and the newest Events are not told yet", () => {
    expect(nodesOf(all, undefined, undefined).map((row) => [row.name, row.warnings, row.last])).toEqual([
      ["n3", 6, null],
      ["n1", 0, null],
      ["n2", 0, null],
    ]);
  });
  it("are looked for by a part of their name, whatever is typed", () => {
    expect([lineOf(""), lineOf("r22"), lineOf(" C7-R14 u22 ")]).toEqual(["-node:_", "node:*r22*", "node:*c7-r14*u22*"]);
    for (const typed of ["", "a b", 'x" OR (', "/re/", "-n", "名字", "a:b*"]) expect(read(lineOf(typed)).fault, typed).toBeNull();
  });
  it("are held by the operation that has the cluster, or has them by name or address", () => {
    const lock = (operation: string, scope: string, hosts: string[]) =>
      ({ operation, lock: { scope, hosts } }) as unknown as CalendarAnswer["locks"][number];
    const hosts = new Map([["a", [{ host: "10.0.0.1", name: "n1" } as HostItem]]]);
    const holder = holderOf([lock("a", "node", ["10.0.0.1"]), lock("b", "node", ["10.0.0.2"])], hosts);
    expect(["n1", "10.0.0.1", "10.0.0.2", "n2"].map((name) => holder(name)?.operation)).toEqual(["a", "a", "b", undefined]);
    expect(holderOf([lock("c", "cluster", [])], new Map())("n2"), "the lock of a cluster says nothing of one node").toBeUndefined();
  });
});

describe("the list of what is ticked", () => {
  it("has who is named in it, pasted or ticked, each once", () => {
    const pasted = "10.0.0.1 n1 Compute\n# n2\n10.0.0.3,name=n3 # n4";
    expect([...ticked(pasted)].filter((word) => /^n\d/.test(word))).toEqual(["n1", "n3"]);
    expect(withNodes(pasted, ["n1", "n2"])).toBe(`${pasted}\nn2\n`);
    expect(withNodes("", ["n1", "n2"])).toBe("n1\nn2\n");
    expect(withNodes(pasted, ["n3"])).toBe(pasted);
  });
  it("loses the line of who is ticked no more, and no other", () => {
    expect(withoutNodes("10.0.0.1 n1\nn10\nn2\n", ["n1", "n2"])).toBe("n10\n");
  });
});
