import { describe, expect, it } from "vitest";
import type { MachineRow } from "../src/api/types";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
import { ACTS, bodyOf, foremost, whyNot } from "../src/operation/acts";
import { PHASES, STATES } from "../src/operation/states";
import { manifest, resourceWords, yaml } from "../src/operation/yaml";
import {
  type Draft,
  EMPTY,
  flowOf,
  machineOf,
  missingOf,
  nameOf,
  readying,
  specOf,
  typeNameAbove,
  withoutLines,
} from "../src/pages/plan/draft";
import { fieldsOf, read } from "../src/pages/plan/schema";
import { flat, readKeys, retryOf, writeKeys } from "../src/pages/run/lines";
import { shell } from "../src/shell/command";

const SCHEMA = {
  type: "object",
  required: ["path"],
  properties: {
    path: { type: "string", pattern: "^/", description: "A folder." },
    script: { type: "string", minLength: 1, maxLength: 65_536 },
    hosts: { type: "array", items: { type: "string" }, default: [] },
    disk: { type: "integer", minimum: 1, maximum: 100, default: 10 },
    skew: { type: "number", minimum: 0.1 },
    force: { type: "boolean", default: false },
    mode: { enum: ["a", "b"] },
    odd: { type: "object" },
    token: { type: "string", "x-secret": true },
  },
};
const fields = fieldsOf(SCHEMA);
const field = (name: string) => fields.find((one) => one.name === name) ?? fail(name);
const fail = (name: string): never => {
  throw new Error(name);
};
const row = (line: number, ip: string | null, more: Partial<MachineRow> = {}): MachineRow => ({ line, ip, ...more }) as MachineRow;
const said = (key: string) => key;

describe("parameters out of a schema", () => {
  it("become fields of their kinds", () => {
    expect(fields.map((one) => [one.name, one.kind])).toEqual([
      ["path", "text"],
      ["script", "lines"],
      ["hosts", "list"],
      ["disk", "integer"],
      ["skew", "number"],
      ["force", "boolean"],
      ["mode", "choice"],
      ["odd", "json"],
      ["token", "text"],
    ]);
    expect(field("path").required).toBe(true);
    expect(field("token").secret).toBe(true);
    expect(field("disk").fallback).toBe("10");
    expect(fieldsOf(null)).toEqual([]);
    expect(fieldsOf({ type: "object" })).toEqual([]);
  });
  it("say what is wrong with a text, and take an empty one for nothing", () => {
    expect(read(field("disk"), "")).toEqual({ empty: true });
    expect(read(field("disk"), "7")).toEqual({ value: 7 });
    expect(read(field("disk"), "7.5")).toMatchObject({ wrong: "plan.wrong.integer" });
    expect(read(field("disk"), "101")).toMatchObject({ wrong: "plan.wrong.range", vars: { min: 1, max: 100 } });
    expect(read(field("skew"), "0.05")).toMatchObject({ wrong: "plan.wrong.range" });
    expect(read(field("skew"), "ten")).toMatchObject({ wrong: "plan.wrong.number" });
    expect(read(field("path"), "opt")).toMatchObject({ wrong: "plan.wrong.pattern" });
    expect(read(field("path"), "/opt")).toEqual({ value: "/opt" });
    expect(read(field("hosts"), "a, b\nc,,")).toEqual({ value: ["a", "b", "c"] });
    expect(read(field("force"), "false")).toEqual({ value: false });
    expect(read(field("odd"), "{")).toMatchObject({ wrong: "plan.wrong.json" });
    expect(read(field("script"), " echo 1\n")).toEqual({ value: " echo 1\n" });
  });
});

describe("a draft", () => {
  const draft: Draft = {
    ...EMPTY,
    name: "ops/one",
    cluster: " hz-prod-02 ",
    bundle: "scale-up",
    values: { path: "/opt", disk: "20", token: "hunter2" },
    secrets: { token: { secret: "ssh", key: "password" } },
    batches: { canary: "1", size: "", holdAtPercent: "5" },
    dryRun: true,
  };
  const rows = [row(1, "10.0.0.1", { name: "n1", role: null }), row(2, "10.0.0.2"), row(3, null, { name: "n3" })];
  it("becomes a specification that names secrets and holds none", () => {
    const spec = specOf(draft, ["preCheck", "scaleUp"], fields, rows);
    expect(spec).toEqual({
      clusterName: "hz-prod-02",
      operationType: "ScaleUp",
      bundle: "scale-up",
      operationFlow: ["preCheck", "scaleUp"],
      operationMachines: [{ ip: "10.0.0.1", name: "n1" }, { ip: "10.0.0.2" }, { name: "n3" }],
      parameters: { path: "/opt", disk: 20 },
      secrets: [{ parameter: "token", secret: "ssh", key: "password" }],
      batches: { canary: 1, holdAtPercent: 5 },
      dryRun: true,
    });
    expect(manifest("Operation", draft.name, spec)).not.toContain("hunter2");
  });
  it("says all that is missing, and by which step", () => {
    const missing = (patch: Partial<Draft>, flow = ["a"], machines = { rows, bad: 0 }) =>
      missingOf({ ...draft, ...patch }, flow, fields, machines, said).map((one) => `${one.step} ${one.key}`);
    expect(missing({})).toEqual([]);
    expect(missing({ cluster: " " })).toEqual(["1 plan.need.cluster"]);
    expect(missing({ bundle: "" })).toEqual(["1 plan.need.bundle"]);
    expect(missing({}, [])).toEqual(["1 plan.need.flow"]);
    expect(missing({}, ["a"], { rows: [], bad: 0 })).toEqual(["2 plan.need.machines"]);
    expect(missing({}, ["a"], { rows, bad: 2 })).toEqual(["2 plan.need.lines"]);
    expect(missing({ values: { disk: "0" } })).toEqual(["3 plan.need.parameter"]);
    expect(missing({ batches: { size: "-1" } })).toEqual(["3 plan.need.parameter"]);
    expect(missing({ secrets: { token: { secret: "ssh", key: "" } } })).toEqual(["3 plan.need.secret"]);
    for (const name of ["", "a/b/c", "a b", "/a", "a/"]) expect(missing({ name }), name).toEqual(["1 plan.need.name"]);
    for (const name of ["a", "ops/scale-up_1.2"]) expect(missing({ name }), name).toEqual([]);
  });
  it("drops bad lines and keeps the others as they were", () => {
    expect(withoutLines("a\nb \n\nc", [1, 3])).toBe("b \nc");
    expect(withoutLines("a", [])).toBe("a");
  });
  it("has its machines readied by steps that nobody chose", () => {
    const steps = [{ name: "prepare" }, { name: "scaleUp", prepare: "prepare" }, { name: "leave", prepare: null }];
    expect([...readying(steps, ["scaleUp", "leave"])]).toEqual(["prepare"]);
    expect(readying(steps, ["prepare", "leave"]).size).toBe(0);
  });

  it("asks for the name of the cluster above 20 hosts, or above a tenth of its nodes", () => {
    expect([0, 5, 60, 199, 5000].map(typeNameAbove)).toEqual([20, 0, 6, 19, 20]);
  });
  it("has a name that says what and when, and the steps that its bundle takes by itself", () => {
    expect(nameOf("NodeRemove", new Date(2026, 10, 9, 8, 7, 6))).toBe("node-remove-20261109-080706");
    expect(flowOf({ flow: ["cordon", "drain"] })).toEqual(["cordon", "drain"]);
    expect(machineOf(row(3, "10.0.0.3", { user: "root", port: 2222 }))).toEqual({ ip: "10.0.0.3", user: "root", port: 2222 });
  });
});

describe("YAML", () => {
  it("writes text that another reader would take for something else in quotation marks", () => {
    for (const text of [
      "yes",
      "no",
      "null",
      "~",
      "1.0.0.1e3",
      "12",
      "0x1f",
      "1:30",
      "2026-11-29",
      "",
      " a",
      "a: b",
      "- a",
      "#a",
      "a\nb",
      "é",
      "true",
    ]) {
      const out = yaml({ a: text }).trim();
      if (text === "1.0.0.1e3") expect(out).toBe("a: 1.0.0.1e3");
      else expect(out, text).toBe(`a: ${JSON.stringify(text)}`);
    }
    for (const text of ["scale-up", "10.0.0.1", "/opt/site.yml", "hz2-c7"]) expect(yaml({ a: text })).toBe(`a: ${text}\n`);
  });
  it("nests maps and lists, and leaves out what is undefined", () => {
    expect(yaml({ a: { b: [1, { c: true, d: [] }, []], e: {}, f: undefined }, g: null })).toBe(
      "a:\n  b:\n    - 1\n    - c: true\n      d: []\n    - []\n  e: {}\ng: null\n",
    );
  });
  it("is a resource with its namespace where the name has one", () => {
    expect(manifest("Operation", "ops/one", { a: 1 })).toBe(
      "apiVersion: caas.beidou.io/v1alpha1\nkind: Operation\nmetadata:\n  name: one\n  namespace: ops\nspec:\n  a: 1\n",
    );
    expect(manifest("AutoOperationTask", "one", { a: 1 })).not.toContain("namespace");
  });
  it("is followed by kubectl where a resource asked for it, and nowhere else", () => {
    const command = (name: string, subject: string) => {
      const words = resourceWords("Operation", { name, subject });
      return words ? shell(words) : undefined;
    };
    expect(command("ops/one", "kubernetes")).toBe("kubectl --namespace=ops get operations.caas.beidou.io one --watch");
    expect(command("ops/$(id)", "kubernetes")).toBe("kubectl --namespace=ops get operations.caas.beidou.io '$(id)' --watch");
    expect([command("ops/one", "ana"), command("one", "kubernetes")]).toEqual([undefined, undefined]);
  });
});

describe("acts", () => {
  const actions = [
    { action: "hold", possible: false, why: "it is held" },
    { action: "resume", possible: true, why: null },
    { action: "retry", possible: true, why: null },
  ];
  it("are possible where the API says so, and say why where not", () => {
    expect(whyNot(actions, "resume")).toBeNull();
    expect(whyNot(actions, "hold")).toBe("it is held");
    expect(whyNot(actions, "skip")).toBe("");
    expect(foremost(actions, 3)).toBe("retry");
    expect(foremost(actions, 0)).toBe("resume");
    expect(foremost([], 3)).toBeNull();
  });
  it("hold only what their call knows", () => {
    const words = { why: " so ", ticket: " CHG-1 ", hosts: ["10.0.0.1"], step: "up" };
    expect(bodyOf("retry", words)).toEqual({ hosts: ["10.0.0.1"], why: "so" });
    expect(bodyOf("skip", words)).toEqual({ step: "up", why: "so" });
    expect(bodyOf("reject", words)).toEqual({ ticket: "CHG-1", why: "so" });
    expect(bodyOf("hold", words)).toEqual({ why: "so" });
  });
  it("carry their reason, each of them", () => {
    const words = { why: " the rack is dark ", ticket: "", hosts: [], step: "up" };
    for (const act of ACTS) expect(bodyOf(act, words), act).toMatchObject({ why: "the rack is dark" });
  });
  it("and states have words in both languages", () => {
    const keys = [
      ...ACTS.flatMap((act) => ["", ".title", ".effect", ".confirm", ".done"].map((part) => `act.${act}${part}`)),
      ...STATES.map((state) => `host.${state}`),
      ...PHASES.map((phase) => `phase.${phase}`),
      ...["waiting", "running", "done", "failed"].map((state) => `taskState.${state}`),
      ...["finished", "missing", "silent", "never_claimed", "stopped", "not_stopped", "not_started"].map((end) => `attemptEnd.${end}`),
      ...["owed", "started", "done", "settled", "given_up"].map((state) => `debt.${state}`),
      ...["purpose", "task", "released"].map((why) => `settled.${why}`),
      ...["cordon", "taint", "join"].map((kind) => `undo.${kind}`),
      ...["api", "playbook"].map((by) => `undoBy.${by}`),
      ...["approval", "webhook", "open"].map((mode) => `gateMode.${mode}`),
      ...["approval", "window", "lock", "suspend"].map((guard) => `plan.guard.${guard}`),
    ];
    for (const key of keys) {
      expect(en, key).toHaveProperty([key]);
      expect(zh, key).toHaveProperty([key]);
    }
  });
});

describe("hosts by error", () => {
  const host = (name: string) => ({ host: name, place: 0, steps: [], bad: true, through: false }) as never;
  const group = (hosts: string[], code: string) =>
    ({ step: "up", state: "failed", code, task: "", message: "", remedy: "", count: hosts.length, hosts }) as never;
  it("fold into groups, the rest behind them, and a long group shows three until asked", () => {
    const items = ["a", "b", "c", "d", "e", "z"].map(host);
    const lines = flat([group(["a", "b", "c", "d", "e"], "disk")], items, []);
    expect(lines.map((line) => line.what)).toEqual(["group", "host", "host", "host", "more", "rest", "host"]);
    expect(lines[4]).toMatchObject({ n: 2, key: "up/failed/disk/" });
    expect(flat([group(["a", "b", "c", "d", "e"], "disk")], items, ["up/failed/disk/"])).toHaveLength(8);
    expect(flat([], items, []).every((line) => line.what === "host")).toBe(true);
  });
  it("say how many are not read, and a retry says how many it tries", () => {
    const items = ["a", "b", "c", "d", "e"].map(host);
    const large = { ...(group(["a", "b", "c", "d", "e"], "disk") as object), count: 900 } as never;
    const lines = flat([large], items, [], 2000);
    expect(lines.slice(-2)).toMatchObject([
      { what: "more", n: 897 },
      { what: "unread", n: 1995 },
    ]);
    expect(flat([large], items, [], 700, true).at(-2)).toMatchObject({ what: "more", n: 2 });
    expect(flat([], items, [], 7).at(-1)).toMatchObject({ what: "unread", n: 2 });
    expect(retryOf(large, 900)).toEqual({ hosts: [], n: 900 });
    expect(retryOf(large, 901)).toEqual({ hosts: ["a", "b", "c", "d", "e"], n: 5 });
  });
  it("stay unfolded in the address, whatever their tasks are called", () => {
    for (const keys of [[], ["up/failed/disk/"], ["a,b", "c\\", "\\,", "install, then start\n"]])
      expect(readKeys(writeKeys(keys))).toEqual(keys);
    expect(readKeys(undefined)).toEqual([]);
  });
});
