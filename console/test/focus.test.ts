import { expect, it } from "vitest";
import { followed, NO_FOCUS } from "../src/shell/focus";

const of = (keys: readonly (string | undefined)[]) => [keys.length, (place: number) => keys[place]] as const;

it("a row keeps the focus where others come before it, or go", () => {
  const focus = { place: 1, key: "b" };
  expect(followed(focus, ...of(["a", "b", "c"]))).toBe(focus);
  expect(followed(focus, ...of(["x", "y", "z", "a", "b", "c"]))).toEqual({ place: 4, key: "b" });
  expect(followed(focus, ...of(["b", "c"]))).toEqual({ place: 0, key: "b" });
});

it("of a row that is gone nothing is meant, and who is not known yet is waited for", () => {
  expect(followed({ place: 1, key: "b" }, ...of(["a", "c"]))).toBe(NO_FOCUS);
  expect(followed({ place: 2, key: "b" }, ...of([]))).toBe(NO_FOCUS);
  const behind = { place: 2, key: "b" };
  expect(followed(behind, ...of(["a", "c", undefined]))).toBe(behind);
  expect(followed({ place: 2, key: null }, ...of(["a", "c", "d"]))).toEqual({ place: 2, key: "d" });
  expect(followed(NO_FOCUS, ...of(["a"]))).toBe(NO_FOCUS);
});
