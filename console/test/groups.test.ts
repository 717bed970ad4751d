import { expect, it } from "vitest";
import { groupsOf } from "../src/pages/events/groups";

const facet = (values: Record<string, number>, different = Object.keys(values).length) => ({
  field: "node",
  different,
  values: Object.entries(values).map(([value, states]) => ({ value, states, occurrences: 2 * states })),
});
const ALL = facet({ n1: 90, n2: 50, n3: 40 }, 700);
const warnings = (warned: Parameters<typeof groupsOf>[1]) => groupsOf(ALL, warned).map((one) => one.warnings);

it("keep the order and the counts of the server, and a cluster's name stands for its uid", () => {
  expect(groupsOf(ALL, undefined).map(({ text, states, occurrences }) => [text, states, occurrences])).toEqual([
    ["n1", 90, 180],
    ["n2", 50, 100],
    ["n3", 40, 80],
  ]);
  const cluster = { field: "cluster", different: 1, values: [{ value: "uid-1", label: "hz-1", states: 1, occurrences: 1 }] };
  expect(groupsOf(cluster, "none")[0]).toMatchObject({ value: "uid-1", text: "hz-1", warnings: 0 });
});

it("have no Warning where all that have one are known, and an unknown number where they are not", () => {
  expect(warnings(facet({ n2: 50, n9: 1 }))).toEqual([0, 50, 0]);
  expect(warnings(facet({ n2: 50, n9: 20 }, 300))).toEqual([null, 50, null]);
  expect(warnings(undefined)).toEqual([null, null, null]);
  expect(warnings("none")).toEqual([0, 0, 0]);
});
