import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { queries } from "../src/api/questions";
import type { QueryItem } from "../src/api/types";
import { remember } from "../src/pages/sql/History";
import { keepEdits, readEdits } from "../src/pages/sql/text";
import { asked, isSql, oneLine, opening } from "../src/query/saved";

const about = { description: "", subject: "dev", time: "2026-11-28T00:00:00Z" };
const line: QueryItem = { ...about, name: "loops", line: "reason:BackOff" };
const all: QueryItem = { ...about, name: "all", line: "" };
const sql: QueryItem = { ...about, name: "by-node", sql: "-- where?\nSELECT node\n  FROM events -- all" };

describe("a saved query", () => {
  it("is opened by the page of its form, in the present range", () => {
    expect([line, all, sql].map(isSql)).toEqual([false, false, true]);
    expect(opening(line, { from: "-7d" })).toEqual({ to: "/events", params: {}, search: { from: "-7d", q: "reason:BackOff" } });
    expect(opening(all, {})).toEqual({ to: "/events", params: {}, search: { q: "" } });
    expect(opening(sql, { from: "-7d" })).toEqual({ to: "/sql/$saved", params: { saved: "by-node" }, search: { from: "-7d" } });
  });

  it("is told on one line", () => {
    expect([line, all, sql].map(asked)).toEqual(["reason:BackOff", "", "SELECT node FROM events"]);
    expect(oneLine("SELECT 1--a\n+ 2")).toBe("SELECT 1 + 2");
  });
});

it("all saved queries are known, over the pages of their list", async () => {
  const pages = [
    { items: [all, sql], next: "p2", total: { value: 3, exact: true } },
    { items: [line], next: null, total: { value: 3, exact: true } },
  ];
  const fetched = vi.fn(async (_: string) => Response.json(pages[fetched.mock.calls.length - 1]));
  vi.stubGlobal("fetch", fetched);
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  expect((await new QueryClient().fetchQuery(queries())).items).toEqual([all, sql, line]);
  const asked = fetched.mock.calls.map(([url]) => url);
  expect(asked).toEqual(["/api/v1/queries?limit=1000", "/api/v1/queries?cursor=p2&limit=1000"]);
});

describe("edits of a statement", () => {
  const stored = new Map<string, string>();
  beforeEach(() => {
    stored.clear();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, text: string) => stored.set(key, text),
      removeItem: (key: string) => stored.delete(key),
    });
  });

  it("are kept apart by the name of the statement, and are none once they are taken back", () => {
    keepEdits(undefined, "SELECT 1");
    keepEdits("by-node", "SELECT 2");
    keepEdits("history", "");
    expect([undefined, "by-node", "history", "other"].map(readEdits)).toEqual(["SELECT 1", "SELECT 2", "", null]);
    keepEdits("by-node", null);
    expect(readEdits("by-node")).toBeNull();
    expect(stored.has("beidou.sql.history"), "the history of statements is another").toBe(false);
  });

  it("stand among those of before, unless nothing is left of them", () => {
    for (const sql of ["SELECT 1", " \n", "SELECT 2", "SELECT 1"]) remember(sql);
    expect(JSON.parse(stored.get("beidou.sql.history") ?? "")).toEqual(["SELECT 1", "SELECT 2"]);
  });

  it("are none in a browser that stores nothing", () => {
    const refuse = () => {
      throw new Error("denied");
    };
    vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
    keepEdits("by-node", "SELECT 2");
    expect(readEdits("by-node")).toBeNull();
  });
});
