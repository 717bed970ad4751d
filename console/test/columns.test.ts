import { expect, it } from "vitest";
import { readColumns, toggled } from "../src/pages/events/columns";

it("the usual columns are those of an address that names none", () => {
  const usual = readColumns(undefined);
  expect(usual.list).toEqual(["time", "type", "cluster", "object", "reason", "message", "count"]);
  for (const text of ["", "time", "nonsense,", "count,message,reason,object,cluster,type"]) expect(readColumns(text), text).toEqual(usual);
});

it("columns keep their order, the time stands in each row, and what is no column is left out", () => {
  const { list, has, isUsual } = readColumns("message,node,nonsense,type");
  expect(list).toEqual(["time", "type", "node", "message"]);
  expect([has.time, has.node, has.cluster, isUsual]).toEqual([true, true, false, false]);
});

it("one column takes what is left of the width", () => {
  expect(readColumns("reason,message").tracks).toBe("var(--c-time) var(--c-reason) minmax(0, 1fr)");
  expect(readColumns("reason,node").tracks).toBe("var(--c-time) var(--c-node) minmax(0, 1fr)");
});

it("a choice is undone by itself, and the last column stays", () => {
  const more = toggled(readColumns(""), "node");
  expect(more).toBe("type,cluster,object,node,reason,message,count");
  expect(toggled(readColumns(more), "node")).toBe("");
  expect(toggled(readColumns("reason"), "reason")).toBe("reason");
});
