import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clustersOf } from "../src/api/asked";
import { retryOfNew } from "../src/api/cache";
import { get, sendJson } from "../src/api/client";
import { owedBody } from "../src/api/operations";
import { Problem } from "../src/api/problem";

const NOON = Date.parse("2026-11-29T12:00:00Z");
const refused = (status: number) => new Response("{}", { status, headers: { "x-request-id": `r-${status}` } });

/** Asks at a moment, and gives the problem that it met with. */
async function met(minute: number, answer: () => Response, path = "/api/v1/events", params = {}): Promise<Problem | null> {
  vi.setSystemTime(NOON + minute * 60_000);
  vi.stubGlobal("fetch", async () => answer());
  return get(path, params).then(
    () => null,
    (problem: Problem) => problem,
  );
}

describe("a problem", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("sessionStorage", { getItem: () => null });
  });
  afterEach(() => vi.useRealTimers());

  it("says since when its call is not answered, and how often it was asked", async () => {
    const away = () => {
      throw new TypeError("Failed to fetch");
    };
    await met(0, away);
    const third = [await met(1, away), await met(2, () => refused(503))].at(-1);
    expect([third?.since, third?.times, third?.requestId]).toEqual([NOON, 3, "r-503"]);
    const other = await met(3, () => refused(503), "/api/v1/clusters");
    expect([other?.since, other?.times], "each call by itself").toEqual([NOON + 180_000, 1]);
    expect(await met(4, () => new Response("{}"))).toBeNull();
    expect((await met(5, () => refused(500)))?.since, "an answer ends it").toBe(NOON + 300_000);
    const [wrong, again] = [await met(6, () => refused(422)), await met(7, () => refused(422))];
    expect([wrong?.times, again?.times, again?.since], "a refusal is an answer").toEqual([1, 1, NOON + 420_000]);
  });

  it("counts what is not there as well, statements apart, and forgets the oldest of many", async () => {
    const [missing, still] = [await met(10, () => refused(404)), await met(11, () => refused(404))];
    expect([missing?.times, still?.times, still?.since]).toEqual([1, 2, NOON + 600_000]);
    const ask = async (query: string) => sendJson("POST", "/api/v1/sql", { query }).catch((problem: Problem) => problem.times);
    vi.stubGlobal("fetch", async () => refused(503));
    expect([await ask("a"), await ask("b"), await ask("a")]).toEqual([1, 1, 2]);
    for (let n = 0; n < 200; n += 1) await ask(`other ${n}`);
    expect([await ask("other 199"), await ask("a")], "the newest is noted, the oldest is not").toEqual([2, 1]);
  });

  it("leaves a command as it was sent, until somebody knows whether it came", () => {
    const variables = { why: "a" };
    const met = (status: number) => owedBody({ status: "error", error: new Problem(status, {}, null), variables });
    expect([met(0), met(504), owedBody({ status: "pending", error: null, variables })]).toEqual([variables, variables, variables]);
    expect([met(409), met(422), owedBody({ status: "idle", error: null, variables: undefined })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is tried again where it passes, and what is new where it is not there yet", () => {
    const tries = (status: number) => [0, 1, 2, 3, 4].filter((times) => retryOfNew(times, new Problem(status, {}, null))).length;
    expect([tries(503), tries(0), tries(404), tries(422)]).toEqual([2, 2, 4, 0]);
  });

  it("says which clusters were asked: these, all of them, or that it is about none", async () => {
    const of = async (path: string, params = {}) => clustersOf((await met(9, () => refused(404), path, params))?.asked ?? "");
    expect(await of("/api/v1/events", { from: "-1h", cluster: ["a", "b"] })).toEqual(["a", "b"]);
    expect(await of("/api/v1/objects/hz%2F1/Pod/ns/p/lanes", { from: "-1h" })).toEqual(["hz/1"]);
    expect(await of("/api/v1/events/%zz/uid")).toEqual(["%zz"]);
    expect(await of("/api/v1/events/histogram", { from: "-1h" })).toEqual([]);
    expect(await of("/api/v1/queries")).toBeNull();
    vi.stubGlobal("fetch", async () => refused(504));
    const sql = await sendJson("POST", "/api/v1/sql", {}, { from: "-1h" }).catch((problem: Problem) => clustersOf(problem.asked));
    expect(sql).toEqual([]);
  });
});
