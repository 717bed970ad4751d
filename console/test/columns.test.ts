import { expect, it } from "vitest";
import { lettersIn, maybeCut, readColumns, toggled } from "../src/pages/events/columns";

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
  expect(readColumns("reason,message").tracks).toBe("var(--c-time) var(--c-reason) var(--c-message)");
  expect(readColumns("reason,node").tracks).toBe("var(--c-time) var(--c-node) minmax(0, 1fr)");
});

it("a choice is undone by itself, and the last column stays", () => {
  const more = toggled(readColumns(""), "node");
  expect(more).toBe("type,cluster,object,node,reason,message,count");
  expect(toggled(readColumns(more), "node")).toBe("");
  expect(toggled(readColumns("reason"), "reason")).toBe("reason");
});

it("no more of a message is drawn than the other columns leave room for, and what may be cut says so", () => {
  const [few, usual] = [readColumns("message"), readColumns("")];
  const many = readColumns("type,cluster,namespace,object,node,reason,component,message,count");
  expect([few, usual, many].map((columns) => lettersIn(columns, 900))).toEqual([200, 120, 40]);
  expect(lettersIn(many, 300), "the message keeps some room").toBe(40);
  expect(lettersIn(usual, 0), "of a list that is not seen nobody knows").toBe(400);
  // 160 px: some 25 letters.
  expect([maybeCut("x".repeat(24), 40), maybeCut("x".repeat(10), 40)]).toEqual([true, false]);
});
