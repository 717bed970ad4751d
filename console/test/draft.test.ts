import { describe, expect, it } from "vitest";
import { Problem } from "../src/api/problem";
import type { DraftItem } from "../src/api/types";
import { contentOf, draftOf, isBlank } from "../src/pages/plan/content";
import { type Draft, EMPTY } from "../src/pages/plan/draft";
import { begin, due, type Happened, next, type Saving } from "../src/pages/plan/saving";
import { fieldsOf } from "../src/pages/plan/schema";

const fields = fieldsOf({
  properties: { path: { type: "string" }, disk: { type: "integer" }, token: { type: "string", "x-secret": true } },
});
const draft: Draft = {
  ...EMPTY,
  name: "ops/a",
  cluster: "c1",
  bundle: "scale-up",
  flow: ["preCheck"],
  text: "10.0.0.1 n1\nno-machine",
  values: { path: "/opt", disk: "12x", token: "hunter2" },
  secrets: { token: { secret: "ssh", key: "password" } },
  batches: { canary: "1" },
  dryRun: true,
};

describe("what is saved of a draft", () => {
  it("is read again as it was, but for a text under the name of a secret", () => {
    const saved = contentOf(draft, ["preCheck"], fields);
    expect(JSON.stringify(saved)).not.toContain("hunter2");
    expect(saved.spec).toMatchObject({ clusterName: "c1", operationFlow: ["preCheck"], parameters: { path: "/opt" } });
    expect(saved.spec.secrets).toEqual([{ parameter: "token", secret: "ssh", key: "password" }]);
    expect(saved.spec.operationMachines).toBeUndefined();
    expect(draftOf(JSON.parse(JSON.stringify(saved)))).toEqual({ ...draft, values: { path: "/opt", disk: "12x" } });
  });
  it("comes from a specification alone where somebody saved no form", () => {
    const spec = {
      clusterName: "c1",
      operationType: "Drain",
      operationMachines: [{ ip: "10.0.0.1", name: "n1", port: 2222 }, { ip: "10.0.0.2" }, { name: "n3", role: "Compute" }],
      parameters: { path: "/opt", list: ["a"] },
      secrets: [{ parameter: "token", secret: "ssh", key: "password" }],
      batches: { canary: 2, odd: 1 },
      requireApproval: true,
    };
    const read = draftOf({ name: "a", spec, form: null });
    expect(read).toMatchObject({ name: "a", cluster: "c1", type: "Drain", flow: null, requireApproval: true });
    expect(read.text).toBe("10.0.0.1 name=n1 port=2222\n10.0.0.2\nn3 role=Compute");
    expect(read.values).toEqual({ path: "/opt", list: '["a"]' });
    expect(read.secrets).toMatchObject({ token: { secret: "ssh", key: "password" } });
    expect(read.batches).toEqual({ canary: "2" });
  });
  it("breaks nothing where it has another form than this page wrote", () => {
    const form = { type: 7, flow: "a", text: ["x"], values: { a: 1, b: "2" }, secrets: { token: null }, batches: [], dryRun: "yes" };
    const read = draftOf({ name: "a", spec: "no object", form });
    expect(read).toEqual({ ...EMPTY, name: "a", values: { b: "2" }, secrets: { token: { secret: "", key: "" } } });
  });
  it("is worth it once somebody wrote something", () => {
    expect(isBlank({ ...EMPTY, name: "a", cluster: "c1", type: "Drain", text: " \n" })).toBe(true);
    for (const patch of [{ text: "10.0.0.1" }, { values: { a: "1" } }, { flow: [] }, { dryRun: true }] as Partial<Draft>[])
      expect(isBlank({ ...EMPTY, ...patch })).toBe(false);
  });
});

describe("when a draft is saved", () => {
  const item = (version: number, subject = "me"): DraftItem => ({ id: "1", title: "a", subject, time: "2026-11-29T00:00:00Z", version });
  const problem = (status: number, type = "x") => new Problem(status, { type: `/problems/${type}` }, null);
  const told = (state: Saving, ...all: Happened[]) => all.reduce(next, state);

  it("is two seconds after the last change, once there is something, and one at a time", () => {
    expect(due(begin(null), 0, false)).toBeNull();
    expect(due(begin(null), 1, true)).toBeNull();
    expect(due(begin(null), 1, false)).toBe(2000);
    const sent = told(begin(null), { is: "sent" });
    expect(due(sent, 2, false)).toBeNull();
    const saved = told(sent, { is: "saved", item: item(1), edits: 1 });
    expect(due(saved, 1, false)).toBeNull();
    // What was changed meanwhile, and what is emptied.
    expect(due(saved, 2, true)).toBe(2000);
  });
  it("is never over what somebody else saved, until that is chosen", () => {
    const theirs = told(begin(item(1)), { is: "heard", item: item(3, "you") });
    expect(theirs.theirs?.subject).toBe("you");
    expect(due(theirs, 5, false)).toBeNull();
    expect(told(theirs, { is: "heard", item: item(2) }).theirs?.version).toBe(3);
    const mine = told(theirs, { is: "overwrite" });
    expect([due(mine, 5, false), mine.known?.version, mine.theirs]).toEqual([0, 3, null]);
    expect(due(told(mine, { is: "sent" }, { is: "saved", item: item(4), edits: 5 }), 5, false)).toBeNull();
  });
  it("takes its own save for nobody else's", () => {
    const sent = told(begin(item(1)), { is: "sent" });
    expect(told(sent, { is: "heard", item: item(2) }).theirs).toBeNull();
    expect(told(sent, { is: "saved", item: item(2), edits: 1 }, { is: "heard", item: item(2) }).theirs).toBeNull();
  });
  it("is tried again while the server is away, and not where it refuses", () => {
    const failed = (status: number) => told(begin(item(1)), { is: "sent" }, { is: "failed", problem: problem(status), edits: 1 });
    expect(due(failed(0), 1, false)).toBe(10_000);
    expect(due(failed(413), 1, false)).toBeNull();
    expect(due(failed(413), 2, false)).toBe(2000);
  });
  it("makes a new one of a draft that is gone, where that is wanted", () => {
    const gone = told(begin(item(1)), { is: "gone" });
    expect(due(gone, 1, false)).toBeNull();
    const anew = told(gone, { is: "anew" });
    expect([due(anew, 1, false), anew.known]).toEqual([0, null]);
  });
});
