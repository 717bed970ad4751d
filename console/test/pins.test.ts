import { expect, it } from "vitest";
import { MOST_PINS, readPins, rowKey, toggledPin } from "../src/pages/events/pins";

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
