import { afterEach, expect, it, vi } from "vitest";
import { isLong, shortLink } from "../src/shell/link";

afterEach(() => vi.unstubAllGlobals());

it("an address is long once it has more than 200 characters", () => {
  expect([200, 201].map((length) => isLong("/events?q=".padEnd(length, "x")))).toEqual([false, true]);
});

it("a short link is made of path and query, and of no fragment", async () => {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => new Response('{"id":"2k7v0q9d3m"}'));
  vi.stubGlobal("fetch", fetched);
  vi.stubGlobal("sessionStorage", { getItem: () => "bd_secret" });
  vi.stubGlobal("location", new URL("https://beidou.test/events?q=reason%3ABackOff&from=-6h#token=bd_secret"));
  expect(await shortLink()).toBe("https://beidou.test/s/2k7v0q9d3m");
  const [path, init] = fetched.mock.calls[0] ?? [];
  expect(path).toBe("/api/v1/links");
  expect([init?.method, JSON.parse(String(init?.body))]).toEqual(["POST", { address: "/events?q=reason%3ABackOff&from=-6h" }]);
});
