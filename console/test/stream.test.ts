import { describe, expect, it } from "vitest";
import { queryString, timing } from "../src/api/client";
import { Splitter } from "../src/api/stream";

const TEXT = ': heartbeat\nid: a1\nretry: 2000\n\nid: a2\ndata: {"x":\ndata: 1}\n\nevent: gap\r\nid: a3\r\ndata: g\r\n\r\n';

describe("a stream of events", () => {
  it("is the same however it is cut", () => {
    const whole = new Splitter().push(TEXT);
    expect(whole).toEqual([
      { id: "a2", event: "message", data: '{"x":\n1}' },
      { id: "a3", event: "gap", data: "g" },
    ]);
    for (let size = 1; size < 9; size += 1) {
      const splitter = new Splitter();
      const found = [];
      for (let at = 0; at < TEXT.length; at += size) found.push(...splitter.push(TEXT.slice(at, at + size)));
      expect(found, `pieces of ${size}`).toEqual(whole);
      expect(splitter.lastId).toBe("a3");
    }
  });
  it("tells the position also of a message without data", () => {
    const splitter = new Splitter();
    expect(splitter.push("id: a1\n\n")).toEqual([]);
    expect(splitter.lastId).toBe("a1");
  });
});

describe("a call", () => {
  it("has one address for one question", () => {
    expect(queryString({ to: "now", from: "-6h", q: "", cluster: ["a", "b"], total: true })).toBe(
      "?cluster=a&cluster=b&from=-6h&to=now&total=true",
    );
  });
  it("tells what it cost", () => {
    expect(timing("store;dur=40.24, total;dur=41.00")).toEqual({ storeMs: 40.24, totalMs: 41 });
    expect(timing(null)).toEqual({ storeMs: null, totalMs: null });
  });
});
