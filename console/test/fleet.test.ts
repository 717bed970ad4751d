import { expect, it } from "vitest";
import { ordered, toggledFavourite } from "../src/pages/fleet/order";

const line = (uid: string, cluster: string, worst: number) => ({ cluster: { cluster_uid: uid, cluster }, worst });
const LINES = [line("1", "hz", 5), line("2", "bj", 900), line("3", "sz", 5), line("4", "cd", 0)];

it("clusters stand by how bad they are or by name, favourites of either order before all others", () => {
  expect(ordered(LINES, "worst", []).join()).toBe("2,1,3,4");
  expect(ordered(LINES, "name", []).join()).toBe("2,4,1,3");
  expect(ordered(LINES, "worst", ["4", "3"]).join()).toBe("3,4,2,1");
  expect(ordered(LINES, "name", ["4", "3", "gone"]).join()).toBe("4,3,2,1");
});

it("a favourite is one until it is chosen again", () => {
  expect(toggledFavourite(["1"], "2")).toEqual(["1", "2"]);
  expect(toggledFavourite(["1", "2"], "1")).toEqual(["2"]);
});
