import { describe, expect, it } from "vitest";
import { cellAt, geometry, labelsAt } from "../src/canvas/drawMatrix";
import { faster, pause, play, read, seek, standing as still } from "../src/operation/clock";
import { Film } from "../src/operation/film";
import { axisOf, ghosts, holdsAt, rowsOf, type Stage } from "../src/operation/gantt";
import { countsAt, Profiles } from "../src/operation/profile";
import { nextBad, standing } from "../src/operation/standing";
import { share } from "../src/operation/states";
import { stretch } from "../src/operation/stretch";

/** A run of any size whose changes no two of which are alike. */
function filmed(steps: number, hosts: number, changes: number): { film: Film; all: [number, number, number, number][] } {
  const film = new Film(steps, hosts);
  const all: [number, number, number, number][] = [];
  for (let n = 0; n < changes; n += 1) {
    const change: [number, number, number, number] = [1000 + n * 3, (n * 7) % steps, (n * 13) % hosts, 1 + ((n * 5) % 8)];
    all.push(change);
    film.add(...change);
  }
  return { film, all };
}

function folded(all: readonly [number, number, number, number][], steps: number, hosts: number, t: number): Uint8Array {
  const bytes = new Uint8Array(steps * hosts);
  for (const [time, step, host, state] of all) if (time <= t) bytes[step * hosts + host] = state;
  return bytes;
}

describe("the film of a run", () => {
  it("gives the matrix of any moment, forwards and backwards, as a fold of all changes does", () => {
    const { film, all } = filmed(6, 40, 9000);
    const last = film.last ?? 0;
    // A walk that jumps over checkpoints in both directions.
    for (const share of [0, 1, 0.5, 0.51, 0.49, 0.99, 0.01, 0.3, 0.8, 0.79, 1]) {
      const t = 999 + (last - 999) * share;
      expect(film.at(t), String(share)).toEqual(folded(all, 6, 40, t));
    }
    expect(film.at(999).every((byte) => byte === 0)).toBe(true);
  });
  it("takes no change that is older than what it has, and none beside the matrix", () => {
    const film = new Film(2, 3);
    expect(film.add(10, 0, 0, 2)).toBe(true);
    expect(film.add(9, 0, 1, 2)).toBe(false);
    expect(film.add(11, 2, 0, 2)).toBe(false);
    expect(film.add(11, 0, 3, 2)).toBe(false);
    expect(film.add(10, 0, 1, 3)).toBe(true);
    expect([...film.at(10)]).toEqual([2, 3, 0, 0, 0, 0]);
    expect(film.count).toBe(2);
  });
  it("begins with what every cell is before its first change", () => {
    const film = new Film(1, 2, 1);
    film.add(10, 0, 0, 2);
    expect([...film.at(9)]).toEqual([1, 1]);
    expect([...film.at(10)]).toEqual([2, 1]);
    expect([...film.at(9)]).toEqual([1, 1]);
  });
  it("knows the next change in both directions", () => {
    const film = new Film(1, 4);
    for (const t of [10, 20, 20, 30]) film.add(t, 0, 0, 2);
    expect(film.neighbour(20, 1)).toBe(30);
    expect(film.neighbour(20, -1)).toBe(10);
    expect(film.neighbour(25, -1)).toBe(20);
    expect(film.neighbour(10, -1)).toBeNull();
    expect(film.neighbour(30, 1)).toBeNull();
  });
  it("plays a run of 2,000 hosts × 60 steps at 60× with little work in each frame", () => {
    const { film } = filmed(60, 2000, 360_000);
    const [first, last] = [film.first ?? 0, film.last ?? 0];
    const begin = performance.now();
    for (let n = 0; n <= 600; n += 1) film.at(first + ((last - first) * n) / 600);
    // A frame has 33 ms at 30 frames a second: the film may take a third of it, on a machine that is busy.
    expect((performance.now() - begin) / 600).toBeLessThan(11);
  }, 60_000);
});

describe("the clock of a replay", () => {
  it("runs at its speed, does not jump when that changes, and stops at the end", () => {
    let clock = play(still(1000, 30), 50);
    expect(read(clock, 60, 10_000)).toBe(1300);
    clock = faster(clock, 1, 60, 10_000);
    expect(read(clock, 60, 10_000)).toBe(1300);
    expect(read(clock, 160, 10_000)).toBe(1400);
    expect(read(clock, 1e9, 10_000)).toBe(10_000);
    clock = pause(clock, 160, 10_000);
    expect(read(clock, 999, 10_000)).toBe(1400);
    clock = seek(play(clock, 200), 5000, 300);
    expect(read(clock, 310, 10_000)).toBe(5010);
  });
});

describe("how stages fill", () => {
  it("counts running, bad and through at any moment, and grows with the film", () => {
    const film = new Film(2, 4);
    const profiles = new Profiles(
      film,
      ["a", "b"],
      [
        { step: "a", host_ranges: [[0, 1]] },
        { step: "a", host_ranges: [[1, 4]] },
        { step: "b", host_ranges: [[0, 4]] },
      ],
    );
    for (const host of [0, 1, 2, 3]) film.add(10, 0, host, 2);
    film.add(20, 0, 1, 3);
    film.add(25, 0, 2, 4);
    profiles.update();
    expect(countsAt(profiles.of[1], 9)).toEqual({ running: 0, bad: 0, through: 0 });
    expect(countsAt(profiles.of[1], 10)).toEqual({ running: 3, bad: 0, through: 0 });
    expect(countsAt(profiles.of[1], 24)).toEqual({ running: 2, bad: 0, through: 1 });
    expect(countsAt(profiles.of[1], 99)).toEqual({ running: 1, bad: 1, through: 1 });
    expect(countsAt(profiles.of[0], 99)).toEqual({ running: 1, bad: 0, through: 0 });
    // A retry takes the failure back.
    film.add(30, 0, 2, 2);
    film.add(40, 0, 2, 3);
    profiles.update();
    expect(countsAt(profiles.of[1], 40)).toEqual({ running: 1, bad: 0, through: 2 });
    expect(countsAt(profiles.of[1], 26)).toEqual({ running: 1, bad: 1, through: 1 });
  });
});

const stage = (step: string, batch: number, more: Partial<Stage> = {}): Stage => ({
  step,
  batch,
  canary: false,
  hosts: 10,
  soak_ms: 0,
  host_ranges: [[0, 10]],
  ...more,
});
const iso = (ms: number) => new Date(ms).toISOString();

describe("the rows of the Gantt", () => {
  it("are steps, with the batches of a step under it where it has several", () => {
    const rows = rowsOf([stage("pre", 0), stage("up", 0, { canary: true }), stage("up", 1), stage("post", 0)]);
    expect(rows.map((row) => [row.name, row.batch, row.depth, row.head])).toEqual([
      ["pre", null, 0, false],
      ["up", null, 0, true],
      ["up", 0, 1, false],
      ["up", 1, 1, false],
      ["post", null, 0, false],
    ]);
  });
  it("are batches where a batch takes all its steps before the next one", () => {
    const rows = rowsOf([stage("cordon", 0), stage("drain", 0), stage("cordon", 1), stage("drain", 1)]);
    expect(rows.map((row) => [row.batch, row.stages])).toEqual([
      [0, [0, 1]],
      [1, [2, 3]],
    ]);
  });
  it("share a row for the batches of a step where there would be too many", () => {
    const many = Array.from({ length: 60 }, (_, n) => stage("up", n));
    expect(rowsOf([stage("pre", 0), ...many]).map((row) => row.name)).toEqual(["pre", "up"]);
  });
  it("stand under their step of the task", () => {
    const task = [
      { step: "ScaleUpPreCheck", state: "done", operation: "other" },
      { step: "ScaleUp", state: "running", operation: "me" },
      { step: "UncordonNodes", state: "waiting" },
    ];
    const rows = rowsOf([stage("up", 0)], task, "me");
    expect(rows.map((row) => [row.name, row.depth])).toEqual([
      ["ScaleUpPreCheck", 0],
      ["ScaleUp", 0],
      ["up", 1],
      ["UncordonNodes", 0],
    ]);
  });
  it("stand under the turn of their bundle where a task names several", () => {
    const task = [
      { step: "ScaleUp", bundle: "node-join", state: "done", operation: "other" },
      { step: "ScaleUp", bundle: "command", state: "running", operation: "me" },
    ];
    const rows = rowsOf([stage("command", 0)], task, "me");
    expect(rows.map((row) => row.name)).toEqual(["ScaleUp/node-join", "ScaleUp/command", "command"]);
    expect(new Set(rows.map((row) => row.key)).size).toBe(3);
  });
});

describe("the times in which a run stood still", () => {
  const stood = [
    { since: "2026-11-29T10:00:00Z", until: "2026-11-29T10:01:00Z", stage: 0 },
    { since: "2026-11-29T10:05:00Z", until: null, stage: 2 },
  ];
  const at = (time: string) => holdsAt(stood, Date.parse(`2026-11-29T${time}Z`));
  it("shows none before it began, and one no longer than up to the shown moment", () => {
    expect(at("09:59:59")).toEqual([]);
    expect(at("10:00:30").map((hold) => [hold.to - hold.from, hold.open])).toEqual([[30_000, true]]);
  });
  it("keeps those that are over", () => {
    expect(at("10:06:00").map((hold) => [hold.stage, hold.to - hold.from, hold.open])).toEqual([
      [0, 60_000, false],
      [2, 60_000, true],
    ]);
  });
});

describe("what may come", () => {
  const like = { p50_ms: 1000, p90_ms: 1500 };
  it("follows one after the other from now on, with soaking, and late ends add up", () => {
    const stages = [
      stage("pre", 0, { started: iso(0), ended: iso(500), ...like }),
      stage("up", 0, { started: iso(600), ...like }),
      stage("up", 1, { soak_ms: 200, ...like }),
      stage("post", 0, like),
    ];
    expect(ghosts(stages, 1000)).toEqual([
      { stage: 1, from: 1000, to: 1600, p90: 2100 },
      { stage: 2, from: 1600, to: 2600, p90: 3600 },
      { stage: 3, from: 2800, to: 3800, p90: 5300 },
    ]);
  });
  it("ends where no like run is known, and never lies in the past", () => {
    expect(ghosts([stage("up", 0, { started: iso(0), ...like }), stage("post", 0)], 9000)).toEqual([
      { stage: 0, from: 9000, to: 9000, p90: 9000 },
    ]);
    expect(ghosts([stage("up", 0, { p50_ms: null })], 0)).toEqual([]);
  });
  it("lies on the axis, which has room for a short run too", () => {
    const [from, to] = axisOf(0, 1000, [{ stage: 0, from: 1000, to: 50_000, p90: 80_000 }], null);
    expect(from).toBeLessThan(0);
    expect(to).toBeGreaterThan(80_000);
    expect(axisOf(0, 100, [], 100)[1]).toBeGreaterThan(10_000);
  });
});

describe("where hosts stand", () => {
  //            host: 0  1  2  3
  const bytes = new Uint8Array([3, 3, 4, 1, 6, 2, 1, 1]);
  it("is bad before running, running before through", () => {
    expect(standing(bytes, 2, 4)).toEqual({ bad: 1, running: 1, through: 1, waiting: 1 });
    expect(nextBad(bytes, 2, 4, -1)).toEqual({ host: 2, step: 0 });
    expect(nextBad(bytes, 2, 4, 2)).toEqual({ host: 2, step: 0 });
    expect(nextBad(new Uint8Array(8), 2, 4, 0)).toBeNull();
  });
  it("is a share of all hosts in the counts of the API, which count a host in each step", () => {
    const steps: { hosts: Record<string, number> }[] = [{ hosts: { ok: 8, failed: 2 } }, { hosts: { running: 5, waiting: 5 } }];
    expect(share({ bad: 2, through: 1, total: 10 }, steps)).toEqual({
      bad: 2,
      cancelled: 0,
      running: 5,
      through: 1,
      waiting: 2,
      total: 10,
    });
    expect(share({ bad: 2, through: 8, total: 10 }, steps)).toMatchObject({ running: 0, waiting: 0 });
    const stopped: { hosts: Record<string, number> }[] = [{ hosts: { ok: 3, failed: 1, cancelled: 6 } }, { hosts: { waiting: 10 } }];
    expect(share({ bad: 7, through: 0, total: 10 }, stopped)).toMatchObject({ bad: 1, cancelled: 6, waiting: 3 });
  });
});

describe("the matrix on the screen", () => {
  it("finds the cell under a place, whether hosts are wide or share pixels", () => {
    for (const hosts of [5, 40, 2000]) {
      const shape = {
        steps: ["a", "b", "c"],
        hosts,
        groups: [
          { label: "", from: 0, to: 2 },
          { label: "", from: 2, to: hosts },
        ],
      };
      const at = geometry(shape, 900);
      for (const host of [0, 1, 2, hosts - 1]) {
        const found = cellAt(shape, 900, at.x(host) + at.cell / 2, at.y(1) + 2);
        expect(found?.step).toBe(1);
        expect(Math.abs((found?.host ?? -99) - host)).toBeLessThanOrEqual(hosts > 900 ? 1 : 0);
      }
      expect(cellAt(shape, 900, 10, at.y(1) + 2)).toBeNull();
      expect(cellAt(shape, 900, at.x(0) + 1, 5)).toBeNull();
    }
  });
});

describe("labels over the matrix", () => {
  const group = (from: number, to: number) => ({ label: "", from, to });
  const shape = (groups: { label: string; from: number; to: number }[]) => ({ steps: ["a"], hosts: groups.at(-1)?.to ?? 0, groups });
  it("stand over their groups, and behind one that is wider than its own", () => {
    const groups = [group(0, 1), group(1, 21), group(21, 41)];
    const at = geometry(shape(groups), 900);
    expect(labelsAt(groups, at, [40, 40, 40])).toEqual([at.x(0), at.x(0) + 48, at.x(21)]);
  });
  it("are left out where they would stand over another group", () => {
    const groups = Array.from({ length: 60 }, (_, n) => group(n, n + 1));
    const at = geometry(shape(groups), 900);
    const shown = labelsAt(groups, at, Array<number>(60).fill(40)).filter((left) => left !== null);
    expect(shown.length).toBeLessThan(20);
    for (const [n, left] of shown.entries()) expect(left - (shown[n - 1] ?? -99)).toBeGreaterThanOrEqual(48);
  });
});

describe("a stretch of rows", () => {
  it("goes both ways, over rows of another kind, and never over what is not known", () => {
    const shown = ["a", null, "b", "c", undefined, "d"];
    expect(stretch(shown, "a", "c")).toEqual(["a", "b", "c"]);
    expect(stretch(shown, "c", "b")).toEqual(["b", "c"]);
    expect(stretch(shown, "b", "b")).toEqual(["b"]);
    expect([stretch(shown, "c", "d"), stretch(shown, "a", "x"), stretch(shown, "", "a")]).toEqual([null, null, null]);
  });
});
