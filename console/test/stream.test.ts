import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { queryString, timing } from "../src/api/client";
import { follow, Splitter } from "../src/api/stream";

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

describe("a stream that is followed", () => {
  const page = () => Object.assign(new EventTarget(), { visibilityState: "visible" });
  const told = (signal: AbortSignal, said: string[]) =>
    follow({ url: "/x", after: null, signal, onMessages: () => undefined, onState: (state) => void said.push(state) });
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("sessionStorage", { getItem: () => null });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  it("is tried again where it breaks, and not where it is refused", async () => {
    vi.stubGlobal("document", page());
    const answers = [new Response(null, { status: 503 }), new Response('{"title":"no"}', { status: 403 })];
    vi.stubGlobal("fetch", async () => answers.shift());
    const said: string[] = [];
    const done = told(new AbortController().signal, said);
    await vi.advanceTimersByTimeAsync(600);
    await done;
    expect(said).toEqual(["connecting", "lost", "connecting", "refused"]);
  });
  it("gives its connection back while nobody sees the tab", async () => {
    const seen = page();
    vi.stubGlobal("document", seen);
    const look = (state: string) => {
      seen.visibilityState = state;
      seen.dispatchEvent(new Event("visibilitychange"));
    };
    const open: AbortSignal[] = [];
    vi.stubGlobal("fetch", (_: string, { signal }: { signal: AbortSignal }) => {
      open.push(signal);
      return new Promise((_done, failed) => signal.addEventListener("abort", () => failed(new Error("closed"))));
    });
    const [stop, said] = [new AbortController(), [] as string[]];
    const done = told(stop.signal, said);
    await vi.advanceTimersByTimeAsync(0);
    look("hidden");
    await vi.advanceTimersByTimeAsync(9000);
    look("visible");
    await vi.advanceTimersByTimeAsync(9000);
    expect(open.map((one) => one.aborted)).toEqual([false]);
    look("hidden");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(open.map((one) => one.aborted)).toEqual([true]);
    look("visible");
    await vi.advanceTimersByTimeAsync(0);
    expect(open.map((one) => one.aborted)).toEqual([true, false]);
    expect(said).toEqual(["connecting", "connecting"]);
    stop.abort();
    await done;
  });
});
