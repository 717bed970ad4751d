import { expect, it } from "vitest";
import { favouritesFirst, ordered, toggledFavourite } from "../src/pages/fleet/order";

const line = (uid: string, cluster: string, worst: number) => ({ cluster: { cluster_uid: uid, cluster }, worst });
const LINES = [line("1", "hz", 5), line("2", "bj", 900), line("3", "sz", 5), line("4", "cd", 0)];

it("clusters stand by how bad they are or by name", () => {
  expect(ordered(LINES, "worst").join()).toBe("2,1,3,4");
  expect(ordered(LINES, "name").join()).toBe("2,4,1,3");
});

it("favourites stand before all others, and the rest keeps the order that is held", () => {
  const held = ["4", "2", "3", "1"];
  expect(favouritesFirst(held, ["1", "3", "gone"]).join(), "in the held order, whenever each was chosen").toBe("3,1,4,2");
  expect(favouritesFirst(held, [])).toEqual(held);
});

it("a favourite is one until it is chosen again", () => {
  expect(toggledFavourite(["1"], "2")).toEqual(["1", "2"]);
  expect(toggledFavourite(["1", "2"], "1")).toEqual(["2"]);
});
