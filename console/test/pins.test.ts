import { expect, it } from "vitest";
import { focusAfter, MOST_PINS, readPins, rowKey, toggledPin } from "../src/pages/events/pins";

const key = (n: number) => rowKey({ cluster_uid: "c1", uid: `u${n}`, resource_version: String(n) } as never);

it("pins come back out of an address as they went in, each once", () => {
  const all = [key(2), key(1)];
  expect(readPins(all.join())).toEqual(all);
  expect(readPins(`${key(1)},,nothing,a~b,a~b~c~d,~u~1,${key(1)}`)).toEqual([key(1)]);
  expect(readPins(undefined)).toEqual([]);
});

it("what is pinned is let go, what is not is put behind the others while there is room", () => {
  const full = Array.from({ length: MOST_PINS }, (_, n) => key(n));
  expect(toggledPin([key(1)], key(2))).toEqual([key(1), key(2)]);
  expect(toggledPin([key(1), key(2)], key(1))).toEqual([key(2)]);
  expect(toggledPin(full, key(99))).toEqual(full);
  expect(toggledPin(full, key(0))).toHaveLength(MOST_PINS - 1);
  expect(readPins([...full, key(99)].join())).toEqual(full);
});

it("the focus stays on its row when another is pinned or let go, by whatever button", () => {
  expect(focusAfter(5, [], ["a"])).toBe(6);
  expect(focusAfter(5, ["a", "b"], ["b"]), "a row of the list").toBe(4);
  expect(focusAfter(1, ["a", "b"], ["b"]), "a pinned one").toBe(0);
  expect(focusAfter(0, ["a", "b"], ["a", "b", "c"])).toBe(0);
  expect(focusAfter(0, ["a", "b"], ["b"]), "of one that is gone: the next one").toBe(0);
  expect(focusAfter(-1, [], ["a"]), "no row has it").toBe(-1);
});
