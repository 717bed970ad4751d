import { beforeAll, describe, expect, it, vi } from "vitest";
import type { OperationMessage } from "../src/api/types";
import { RunStore } from "../src/pages/run/store";

const BEGIN = Date.parse("2026-11-30T10:00:00Z");
const store = () => new RunStore(["up"], 3, [{ step: "up", host_ranges: [[0, 3]] }], BEGIN, BEGIN + 60_000);
const time = (seq: number) => new Date(BEGIN + seq * 1000).toISOString();
const message = (seq: number, changes: number[][], more = false) =>
  ({ seq, time: time(seq), changes, more_changes: more, summary: {} }) as unknown as OperationMessage;
const bytes = (run: RunStore) => run.bytes() && [...(run.bytes() as Uint8Array)];

beforeAll(() => void vi.stubGlobal("cancelAnimationFrame", () => undefined));

describe("the live matrix of a run", () => {
  it("is unknown until it comes, and is followed by what the stream told meanwhile", () => {
    const run = store();
    expect(run.bytes()).toBeNull();
    run.setStream("open");
    run.take([message(4, [[0, 0, 2]]), message(5, [[0, 0, 3]])]);
    expect(run.bytes()).toBeNull();
    run.setLive(new Uint8Array([2, 1, 1]), 4);
    expect(bytes(run)).toEqual([3, 1, 1]);
  });
  it("is asked for again when the stream opens: facts of before never come with it", () => {
    const run = store();
    run.setLive(new Uint8Array([1, 1, 1]), 3);
    const asked = run.snapshot.opened + run.snapshot.holes;
    run.setStream("open");
    expect(run.snapshot.opened + run.snapshot.holes).toBe(asked + 1);
    // Fact 4 was told before the stream began; the matrix that is asked for now has it.
    run.take([message(5, [[0, 2, 2]])]);
    run.setLive(new Uint8Array([1, 4, 2]), 5);
    expect(bytes(run)).toEqual([1, 4, 2]);
    expect(run.snapshot.holes).toBe(0);
  });
  it("is asked for again where a fact is missing, tells more than it says, or the run is over", () => {
    const run = store();
    run.setStream("open");
    run.setLive(new Uint8Array([1, 1, 1]), 3);
    run.take([message(4, [[0, 0, 2]])]);
    expect(run.snapshot.holes).toBe(0);
    run.take([message(6, [[0, 1, 2]]), message(7, [[0, 1, 3]])]);
    expect([run.snapshot.holes, bytes(run)]).toEqual([1, [2, 1, 1]]);
    run.setLive(new Uint8Array([4, 2, 1]), 6);
    expect(bytes(run)).toEqual([4, 3, 1]);
    run.take([message(8, [[0, 0, 2]], true)]);
    expect(run.snapshot.holes).toBe(2);
    // An answer that is older than what is known takes nothing back.
    run.setLive(new Uint8Array([1, 1, 1]), 2);
    expect(bytes(run)).toEqual([2, 3, 1]);
    run.setStream("none");
    expect(run.snapshot.holes).toBe(3);
  });
});

describe("how a stage stands", () => {
  it("is told by the matrix until the film is here, and unknown without both", () => {
    const run = store();
    expect(run.counts(0)).toBeNull();
    run.setLive(new Uint8Array([3, 4, 2]), 1);
    expect(run.counts(0)).toEqual({ running: 1, bad: 1, through: 1 });
    run.seek(BEGIN + 1000);
    expect(run.counts(0)).toBeNull();
    run.setThen(new Uint8Array([3, 1, 1]));
    expect(run.counts(0)).toEqual({ running: 0, bad: 0, through: 1 });
    run.film.add(BEGIN, 0, 0, 2);
    run.filmed();
    expect(run.counts(0)).toEqual({ running: 1, bad: 0, through: 0 });
  });
});

describe("the matrix of a moment", () => {
  it("is unknown where it cannot be had: the live one never stands in for it", () => {
    const run = store();
    run.setLive(new Uint8Array([3, 3, 3]), 9);
    run.seek(BEGIN + 1000);
    expect(run.bytes()).toBeNull();
    run.setThen(new Uint8Array([2, 1, 1]));
    expect(bytes(run)).toEqual([2, 1, 1]);
    run.setThen(null);
    expect(run.bytes()).toBeNull();
    run.live();
    expect(bytes(run)).toEqual([3, 3, 3]);
  });
  it("comes from the film, which has what was told while it was asked for, and nothing of before", () => {
    const run = store();
    run.setStream("open");
    run.setLive(new Uint8Array([1, 1, 1]), 1);
    run.take([message(2, [[0, 0, 2]])]);
    run.filming();
    run.take([message(3, [[0, 1, 2]])]);
    run.filmed();
    run.take([message(4, [[0, 2, 2]])]);
    run.seek(BEGIN + 4000);
    // Fact 2 is for the server to tell: nobody asked for a film when it came, so it was not kept.
    expect(bytes(run)).toEqual([1, 2, 2]);
  });
  it("is not taken from a film that lacks a fact", () => {
    const run = store();
    run.setStream("open");
    run.setLive(new Uint8Array([1, 1, 1]), 1);
    run.filming();
    run.filmed();
    run.take([message(3, [[0, 0, 2]])]);
    expect(run.snapshot.filmReady).toBe(false);
    run.seek(BEGIN + 4000);
    expect(run.bytes()).toBeNull();
  });
});
