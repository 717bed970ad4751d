/** Answers that stay while they cannot be had anew, and answers that are put together from several. */
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../src/api/problem";
import { type Memory, oldest, standing } from "../src/api/useHeld";

vi.stubGlobal("sessionStorage", { getItem: () => null });
const { ready } = await import("../src/api/questions");
const { states } = await import("../src/api/states");
const { momentOf, stateAt } = await import("../src/pages/timeline/at");
const { coverageWord } = await import("../src/time/coverage");
const { knownCount, rateOf } = await import("../src/canvas/histogram");

const NOTHING = { data: undefined, dataUpdatedAt: 0, isPlaceholderData: false, isError: false, error: null };
const [away, refused] = [new Problem(0, {}, null), new Problem(403, {}, null)];

describe("an answer that is asked for anew", () => {
  let memory: Memory<string>;
  const see = (question: string, more: object) => standing(memory, question, { ...NOTHING, ...more } as never);
  beforeEach(() => {
    memory = {};
    expect(see("a", { data: "old", dataUpdatedAt: 7 })).toBeUndefined();
  });
  it("stays while nobody answers, also while that is tried again, until there is a new one", () => {
    expect(see("a", { isError: true, error: away })).toEqual({ question: "a", answer: "old", at: 7 });
    expect(see("a", { data: "old", isPlaceholderData: true })?.at).toBe(7);
    expect(see("a", { data: "new", dataUpdatedAt: 9 })).toBeUndefined();
    expect(memory.old?.answer).toBe("new");
  });
  it("does not stay once it is refused, nor for another question", () => {
    expect(see("a", { isError: true, error: refused })).toBeNull();
    expect(see("b", { isError: true, error: away })).toBeNull();
  });
  it("is as old as the oldest of those beside it", () => {
    expect(oldest({ asOf: null }, { asOf: 9 }, { asOf: 7 })).toBe(7);
    expect(oldest({ asOf: null })).toBeNull();
  });
});

describe("an object at a moment", () => {
  it("is that of another moment until it is there, and never that of another object", async () => {
    vi.stubGlobal("fetch", async (url: string) => new Response(JSON.stringify({ t: new URL(url, "http://x").searchParams.get("t") })));
    const seen = new QueryObserver(new QueryClient(), stateAt("/a", 1000));
    const leave = seen.subscribe(() => undefined);
    const at = () => ({ of: seen.getCurrentResult().data && momentOf(seen.getCurrentResult().data as never), old: isOld() });
    const isOld = () => seen.getCurrentResult().isPlaceholderData;
    const ask = (url: string, moment: number | null) => {
      seen.setOptions(stateAt(url, moment));
      return at();
    };
    await vi.waitFor(() => expect(at()).toEqual({ of: 1000, old: false }));
    expect(ask("/a", 2000)).toEqual({ of: 1000, old: true });
    await vi.waitFor(() => expect(at()).toEqual({ of: 2000, old: false }));
    expect(ask("/a", null), "nothing is asked").toEqual({ of: undefined, old: false });
    expect(ask("/b", 2000)).toEqual({ of: undefined, old: false });
    leave();
  });
});

describe("answers of the API", () => {
  const run = <Answer>(question: { queryFn?: unknown }) => (question.queryFn as (context: object) => Promise<Answer>)({});
  it("have states of an Event until the wanted one is there, and no more", async () => {
    const asked: string[] = [];
    const page = (begin: number) => ({
      items: Array.from({ length: 50 }, (_, n) => ({ uid: "u", resource_version: String(begin - n) })),
      next: String(begin - 50),
    });
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return new Response(JSON.stringify(page(Number(/cursor=(\d+)/.exec(url)?.[1] ?? 900))));
    });
    const found = await run<{ items: { resource_version: string }[]; next: string }>(states("c", "u", "777", 50));
    expect([found.items.length, found.next, asked.length]).toEqual([150, "750", 3]);
    expect((await run<{ items: object[] }>(states("c", "u", "no such", 50))).items.length).toBe(1000);
  });
  it("tell what a server waits for that is not ready", async () => {
    const body = { ready: false, parts: { projector: "catches up" } };
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(body), { status: 503 }));
    expect(await run(ready())).toEqual(body);
    vi.stubGlobal("fetch", async () => new Response("{}", { status: 500 }));
    await expect(run(ready())).rejects.toBeInstanceOf(Problem);
  });
});

describe("what is not known", () => {
  const bin = (states: number, coverage: string) => ({ states, coverage });
  const told = (...bins: ReturnType<typeof bin>[]) => rateOf(bins, 10);
  it("is no zero in a rate, nor in a picture", () => {
    const lost = [bin(0, "gap"), bin(7, "gap"), bin(0, "unknown")];
    expect(lost.map((one) => knownCount(one, one.states))).toEqual([null, null, null]);
    expect(lost.map((one) => told(one))).toEqual([null, null, null]);
    expect(told(bin(30, "complete"), ...lost)).toEqual({ perSecond: 3, whole: true });
    expect(told()).toBeNull();
  });
  it("makes a lower bound of what was found of it", () => {
    expect([bin(7, "unknown"), bin(0, "degraded"), bin(0, "complete")].map((one) => knownCount(one, one.states))).toEqual([7, 0, 0]);
    expect(told(bin(30, "unknown"), bin(0, "unknown"), bin(0, "gap"))).toEqual({ perSecond: 1.5, whole: false });
    expect(told(bin(30, "degraded"))).toEqual({ perSecond: 3, whole: false });
    expect(told(bin(0, "complete"))).toEqual({ perSecond: 0, whole: true });
  });
  it("has a word of its own", () => {
    expect(["complete", "gap", "nonsense"].map(coverageWord)).toEqual(["cov.complete", "cov.gap", "cov.unknown"]);
  });
});
