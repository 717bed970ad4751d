import { describe, expect, it } from "vitest";
import { Problem } from "../src/api/problem";
import type { Message } from "../src/api/stream";
import type { Event, Page } from "../src/api/types";
import { letGo, place, rowsUntil, standsIn } from "../src/api/usePages";
import { MOST_HELD, MOST_ROWS, Tail } from "../src/pages/events/tail";
import { merged } from "../src/pages/events/useTail";

const message = (n: number): Message => ({ id: `p${n}`, event: "message", data: JSON.stringify({ id: `0.u.${n}`, cluster_uid: "c" }) });
const ids = (tail: Tail) => tail.state().rows.map((row) => row.id);

describe("the live tail", () => {
  it("shows the newest first, each state once", () => {
    const tail = new Tail();
    tail.take([message(1), message(2)], "p2");
    tail.take([message(2), message(3)], "p3");
    expect(ids(tail)).toEqual(["0.u.3", "0.u.2", "0.u.1"]);
    expect(tail.lastId).toBe("p3");
  });
  it("holds back while a person reads, and loses nothing when it goes on", () => {
    const tail = new Tail();
    tail.take([message(1)], "p1");
    tail.pause();
    tail.take([message(2), message(3)], "p3");
    expect(ids(tail)).toEqual(["0.u.1"]);
    expect(tail.state()).toMatchObject({ held: 2, paused: true });
    tail.resume();
    expect(ids(tail)).toEqual(["0.u.3", "0.u.2", "0.u.1"]);
    expect(tail.state()).toMatchObject({ held: 0, paused: false });
  });
  it("gives to the list what the list has, and keeps what it cannot have yet", () => {
    const at = (second: number) => new Date(Date.UTC(2026, 10, 30, 12, 0, second)).toISOString();
    const event = (n: number, second: number) => ({ id: `0.u.${n}`, cluster_uid: "c", time: at(second), observed: at(second) });
    const live = (n: number, second: number): Message => ({ id: `p${n}`, event: "message", data: JSON.stringify(event(n, second)) });
    const first = (items: object[], more: Partial<Page<Event>>) =>
      ({ items, range: { from: at(0), to: at(59) }, coverage: [{ cluster_uid: "c", known_until: at(20) }], ...more }) as Page<Event>;
    const tail = new Tail();
    tail.take([live(1, 10), live(2, 22), live(3, 30), live(4, 40)], "p4");
    // It has 4, and 1 behind its first page; 2 came too late to be known there, and 3 would stand on it.
    tail.settle(first([event(4, 40), event(9, 25)], { next: "more" }));
    expect(ids(tail)).toEqual(["0.u.3", "0.u.2"]);
    expect(tail.state().came).toBe(4);
    tail.take([live(9, 25), live(5, 50)], "p5");
    expect(ids(tail)).toEqual(["0.u.5", "0.u.3", "0.u.2"]);
    // Nothing is behind a list of one page.
    tail.settle(first([event(5, 50)], {}));
    expect(ids(tail)).toEqual(["0.u.3", "0.u.2"]);
  });
  it("parks when too much is held, and knows where to go on", () => {
    const tail = new Tail();
    tail.pause();
    tail.take(
      Array.from({ length: MOST_HELD }, (_, n) => message(n)),
      `p${MOST_HELD - 1}`,
    );
    expect(tail.state().parked).toBe(true);
    tail.resume();
    expect(tail.state()).toMatchObject({ parked: false, held: 0 });
    expect(tail.lastId).toBe(`p${MOST_HELD - 1}`);
  });
  it("is bounded and says what fell out", () => {
    const tail = new Tail();
    tail.take(
      Array.from({ length: MOST_ROWS + 5 }, (_, n) => message(n)),
      "p",
    );
    expect(tail.state()).toMatchObject({ dropped: 5 });
    expect(tail.state().rows).toHaveLength(MOST_ROWS);
  });
  it("counts gaps and rejects, and takes no nonsense for an Event", () => {
    const tail = new Tail();
    tail.take(
      [
        { id: "a", event: "gap", data: "{}" },
        { id: "b", event: "reject", data: "{}" },
        { id: "c", event: "message", data: "<script>" },
        { id: "d", event: "message", data: "null" },
      ],
      "d",
    );
    expect(tail.state()).toMatchObject({ gaps: 1, rejects: 1, rows: [] });
  });
});

describe("a stream that is lost", () => {
  it("stays as old as it is, whatever is tried", () => {
    const open = { state: "open" as const, since: 1 };
    const lost = merged(open, "lost", 10);
    expect(merged(merged(lost, "connecting", 20), "lost", 30)).toEqual({ state: "lost", since: 10 });
    expect(merged(lost, "open", 40)).toEqual({ state: "open", since: 40 });
  });
});

describe("pages of a list", () => {
  it("know where a row lies, also when pages are of unequal length", () => {
    const known = [
      { before: 0, rows: 200 },
      { before: 200, rows: 150 },
      { before: 350, rows: 200 },
    ];
    expect([0, 199, 200, 349, 350, 549, 550].map((n) => place(known, n))).toEqual([
      { page: 0, at: 0 },
      { page: 0, at: 199 },
      { page: 1, at: 0 },
      { page: 1, at: 149 },
      { page: 2, at: 0 },
      { page: 2, at: 199 },
      { page: 3, at: 0 },
    ]);
  });
});

describe("a list up to a moment", () => {
  it("counts the rows of pages, also of those that were let go", () => {
    const known = [
      { rows: 3, times: Float64Array.from([1, 2, 3]) },
      { rows: 2, times: Float64Array.from([3, 9]) },
    ];
    expect([0, 1, 2.5, 3, 8, 9, 99].map((t) => rowsUntil(known, t))).toEqual([0, 1, 2, 4, 4, 5, 5]);
    expect(rowsUntil([], 5)).toBe(0);
  });
});

describe("an old answer", () => {
  const [away, refused] = [new Problem(0, {}, null), new Problem(403, {}, null)];
  it("stands in while the next one is asked for, and for its own question while the server is away", () => {
    expect(standsIn(undefined, "a", undefined)).toBe(false);
    expect(standsIn({ question: "b" }, "a", undefined)).toBe(true);
    expect(standsIn({ question: "a" }, "a", away)).toBe(true);
  });
  it("is not shown for a question that failed, nor once it is refused", () => {
    expect(standsIn({ question: "b" }, "a", away)).toBe(false);
    expect(standsIn({ question: "a" }, "a", refused)).toBe(false);
  });
});

describe("the pages that are held", () => {
  it("are those last seen, and no more than a few beside those that are shown", () => {
    const held: number[] = [];
    const gone = Array.from({ length: 100 }, (_, n) => letGo(held, [n, n + 1])).flat();
    expect(held.length).toBeLessThanOrEqual(10);
    expect(held.slice(-2)).toEqual([99, 100]);
    expect(new Set([...gone, ...held]).size).toBe(101);
    expect(gone.some((page) => held.includes(page))).toBe(false);
  });
  it("come to the end again when they are seen again", () => {
    const held = [1, 2, 3];
    expect(letGo(held, [1])).toEqual([]);
    expect(held).toEqual([2, 3, 1]);
  });
});
