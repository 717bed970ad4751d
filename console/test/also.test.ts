import { expect, it } from "vitest";
import { besides, MOST_ALSO, proposed, readAlso, writeAlso } from "../src/pages/timeline/also";

const ref = (name: string, kind = "Pod", namespace = "shop", cluster = "c1") => ({ cluster, kind, namespace, name });
const SELF = ref("web-1");

it("objects come back out of an address as they went in, whatever they are called", () => {
  const all = [ref("web-2"), ref("n1", "Node", "_"), ref("a,b/c%2F d", "Odd,Kind", "x/y", "c 2")];
  expect(readAlso(writeAlso(all), SELF)).toEqual(all);
  expect(writeAlso([ref("web-2")])).toBe("c1/Pod/shop/web-2");
});

it("what is no object is left out, and so is one that is there already", () => {
  const text = ["c1/pod/shop/web-1", "c1/Pod/shop/web-2", "c1/pod/shop/web-2", "c1/Pod/shop", "c1/Pod//x", "a/b/c/d/e", "%/Pod/shop/x", ""];
  expect(readAlso(text.join(), SELF)).toEqual([ref("web-2")]);
  expect(readAlso(undefined, SELF)).toEqual([]);
  expect(readAlso(writeAlso(Array.from({ length: 9 }, (_, n) => ref(`p${n}`))), SELF)).toHaveLength(MOST_ALSO);
});

it("others are proposed once each: those looked at last, then those that Events tell of", () => {
  const event = (name: string, namespace: string) => ({ ...ref(name, "Pod", namespace), uid: "u" }) as never;
  const events = [event("web-3", "shop"), event("web-1", "shop"), event("web-2", "shop"), event("web-3", "shop"), event("n1", "")];
  const found = proposed([ref("web-2", "pod"), SELF], events, [SELF]);
  expect(found.map(({ name, namespace }) => `${namespace}/${name}`)).toEqual(["shop/web-2", "shop/web-3", "_/n1"]);
});

it("those that are there already are not asked for, unless their name is typed", () => {
  const taken = [SELF, { ...SELF, cluster: "c 1 by its uid" }, ref("web-2")];
  expect(besides("kind:Pod", taken, "")).toBe("kind:Pod -name:(web-1 web-2)");
  expect(besides("name:web-2", taken, "web-2")).toBe("name:web-2 -name:web-1");
});
