import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { createElement } from "react";
import { renderToPipeableStream } from "react-dom/server";
import { beforeEach, expect, it, vi } from "vitest";

// What a browser has and these pages look at while they are drawn.
vi.hoisted(() => {
  const store = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
    getComputedStyle: () => ({ getPropertyValue: () => "" }),
    location: new URL("http://x"),
    localStorage: store,
    sessionStorage: store,
  });
});
// Drawn once, as text: a store has no other state on a server.
vi.mock("react", async (original) => ({
  ...(await original<typeof import("react")>()),
  useSyncExternalStore: (_: unknown, now: () => unknown) => now(),
}));

const { cache, takeUp, whenAnswered } = await import("../src/api/cache");
const { begin, PAGES, pageOf, questionsOf } = await import("../src/pages/first");
const { router } = await import("../src/router");
const { Shell } = await import("../src/shell/Shell");

const RANGE = "from=2026-11-28T00:00:00.000Z&to=2026-11-29T00:00:00.000Z";

function asked(path: string): string[] {
  return questionsOf(new URL(path, "http://x")).map((one) => JSON.stringify(one.queryKey));
}

/** Draws an address with all that is around the page, and gives the questions that it has, with their paths, and those that wait. */
async function drawn(path: string): Promise<{ all: Map<string, string>; waiting: string[] }> {
  cache.clear();
  const { pathname } = new URL(path, "http://x");
  const { validateSearch } = router.routeTree.options;
  const root = createRootRoute({ component: Shell, notFoundComponent: () => null, ...(validateSearch ? { validateSearch } : {}) });
  const page = await pageOf(pathname)?.load();
  const routeTree = page ? root.addChildren([createRoute({ getParentRoute: () => root, path: pathname, component: page.Page })]) : root;
  const history = createMemoryHistory({ initialEntries: [path] });
  const here = createRouter({ ...router.options, routeTree, history, isServer: true, origin: "http://x" } as never);
  await here.load();
  // Only now: the router would take this for a browser.
  vi.stubGlobal("document", { documentElement: {} });
  const tree = createElement(QueryClientProvider, { client: cache }, createElement(RouterProvider, { router: here }));
  try {
    await new Promise<void>((done, failed) => renderToPipeableStream(tree, { onError: failed, onAllReady: done }));
  } finally {
    vi.stubGlobal("document", undefined);
  }
  const wanted = cache.getQueryCache().getAll();
  const key = (one: { queryKey: readonly unknown[] }) => JSON.stringify(one.queryKey);
  return {
    all: new Map(wanted.map((one) => [key(one), String(one.queryKey[0])])),
    waiting: wanted.filter((one) => (one.options as { enabled?: unknown }).enabled === false).map(key),
  };
}

beforeEach(() => {
  vi.stubGlobal("navigator", { language: "en" });
  vi.stubGlobal("fetch", () => Promise.reject(new Error("nobody is asked")));
});

/** What stands around every page asks this: of the last quarter of an hour, and who asks. */
const FRAME = ["/api/v1/coverage/clusters", "/api/v1/events/histogram", "/api/v1/me"];
/** Beside the grid, once that has come: the work that goes on, and that over the axis. Of Events, the latter once the axis has come, and
 * what somebody wants who types or exports. */
const BESIDE = ["/api/v1/events/explain", "/api/v1/events/patterns", "/api/v1/operations", "/api/v1/operations", "/api/v1/space"];
const WANTED = ["/api/v1/events/estimate", "/api/v1/exports", "/api/v1/operations", "complete"];

it.each([
  ["/", BESIDE],
  ["/?from=-3d&c=a,b&baseline=1w", BESIDE],
  [`/?${RANGE}&sort=name`, BESIDE],
  ["/events", WANTED],
  ["/events?q=reason%3AFailed+kind%3APod&sev=Warning&c=a&panel=explain", ["/api/v1/events/explain", ...WANTED]],
  ["/events?from=nonsense&sev=Warning,Normal", WANTED],
  ["/events?view=patterns", ["/api/v1/events/patterns", ...WANTED]],
  ["/events?group=reason&sort=warnings", ["/api/v1/events/facets", ...WANTED]],
  ["/events?group=nothing", WANTED],
  ["/clusters?from=-7d", []],
  ["/coverage?c=a", []],
  ["/settings", ["/api/v1/queries", "/readyz", "/api/v1/space", "running"]],
  ["/nowhere", []],
])("what is asked early of %s is what its page asks, and the rest comes later", async (path, later) => {
  const { all: page } = await drawn(path);
  const early = asked(path);
  expect(early.filter((key) => !page.has(key))).toEqual([]);
  const rest = [...page].filter(([key]) => !early.includes(key)).map(([, name]) => name);
  expect(rest.sort()).toEqual([...later, ...FRAME].sort());
});

it.each(["/", "/events", "/clusters", "/coverage"])("of %s nothing else is asked before that has come", async (path) => {
  const { all, waiting } = await drawn(path);
  const [early, rest] = [asked(path), [...all.keys()]];
  expect(rest.filter((key) => !early.includes(key) && !waiting.includes(key))).toEqual([]);
});

it("a page is found by the address that it opens, and the router has no other", () => {
  const found = (path: string) => Object.entries(PAGES).find(([, page]) => page === pageOf(path))?.[0];
  const paths = ["/", "/operations/new", "/operations/0417", "/o/c/Pod/shop/web-1", "/nowhere", "/events/x", "/sql/by-node", "/s/2k7v"];
  expect(paths.map(found)).toEqual([
    "/",
    "/operations/new",
    "/operations/$id",
    "/o/$cluster/$kind/$namespace/$name",
    undefined,
    undefined,
    "/sql/$saved",
    "/s/$id",
  ]);
  expect(
    Object.keys(router.routesByPath)
      .filter((path) => path !== "")
      .sort(),
  ).toEqual(Object.keys(PAGES).sort());
});

it("an early answer is taken up once, and another try asks anew", async () => {
  const fetched = vi.fn(async (_: string) => new Response('{"items":[]}'));
  vi.stubGlobal("fetch", fetched);
  cache.clear();
  const began = begin(new URL(`/clusters?${RANGE}`, "http://x"));
  expect(begin(new URL("/events", "http://x"))).toBe(began);
  const [list] = began;
  if (!list) throw new Error("nothing began");
  const before = fetched.mock.calls.length;
  for (const { question, answer } of began.splice(0)) takeUp(question, answer);
  await list.answer;
  await vi.waitFor(() => expect(cache.getQueryData(list.question.queryKey)).toEqual({ items: [] }));
  expect(fetched.mock.calls.length, "nothing is asked twice").toBe(before);
  expect(new Set(fetched.mock.calls.map(([url]) => url)).size).toBe(before);
  await cache.refetchQueries({ queryKey: list.question.queryKey, exact: true });
  expect(fetched.mock.calls.length).toBe(before + 1);
});

it("what nobody waits for begins once, behind the answers", async () => {
  cache.clear();
  let answer: (value: string) => void = () => undefined;
  const coming = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const [begin, end] = [vi.fn(), vi.fn()];
  void cache.prefetchQuery({ queryKey: ["slow"], queryFn: () => coming });
  const leave = whenAnswered(() => {
    begin();
    return end;
  });
  await cache.prefetchQuery({ queryKey: ["quick"], queryFn: () => "at once" });
  expect(begin).not.toHaveBeenCalled();
  answer("late");
  await vi.waitFor(() => expect(begin).toHaveBeenCalledOnce());
  await cache.prefetchQuery({ queryKey: ["again"], queryFn: () => "later" });
  leave();
  expect([begin.mock.calls.length, end.mock.calls.length]).toEqual([1, 1]);
});

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** All that a file needs before it can run, and the libraries among it. */
function needs(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(
    /^(?:import|export) (?!type )[^;]*?from "([^"]+)";|^import "([^"]+)";/gm,
  )) {
    const next = [".ts", ".tsx"].map((end) => join(dirname(file), name + end)).find((path) => name.startsWith(".") && existsSync(path));
    if (next) needs(next, found);
    else found.add(name);
  }
  return found;
}

it("the first questions wait for no library, and for few words", () => {
  const files = [...needs(join(SRC, "early.ts"))];
  expect(files.filter((file) => !file.startsWith(SRC))).toEqual([]);
  expect(files.filter((file) => file.endsWith(".tsx")).map((file) => relative(SRC, file))).toEqual([]);
  const bytes = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  expect(bytes, "bytes of source before the first questions").toBeLessThan(40_000);
});
