import { expect, it } from "vitest";
import { laneKeys, readHidden, toggledLane } from "../src/pages/timeline/hidden";

it("lanes are hidden and shown again by their names, whatever these are", () => {
  const keys = laneKeys([
    { type: "Warning", reason: "BackOff" },
    { type: "Normal", reason: "odd, %2F/name" },
    { type: null, reason: null },
  ]);
  expect(keys).toEqual(["operations", "Warning/BackOff", "Normal/odd, %2F/name", "others"]);
  const all = keys.reduce((text, key) => toggledLane(text, key), "");
  expect(readHidden(all)).toEqual(keys);
  expect(keys.reduce((text, key) => toggledLane(text, key), all)).toBe("");
  expect(readHidden("%,,a,a")).toEqual(["a"]);
  expect(readHidden(undefined)).toEqual([]);
});
