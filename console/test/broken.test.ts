import { expect, it, vi } from "vitest";

vi.hoisted(() => Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener: () => undefined }) }));
const { isLostCode } = await import("../src/shell/Broken");

it("code that cannot be had is told from a page that broke", () => {
  for (const said of [
    "Failed to fetch dynamically imported module: http://x/assets/Palette-1.js",
    "error loading dynamically imported module: http://x/assets/Palette-1.js",
    "Importing a module script failed.",
  ])
    expect(isLostCode(new TypeError(said)), said).toBe(true);
  expect([isLostCode(new Error("undefined is no function")), isLostCode("Failed to fetch")]).toEqual([false, false]);
});
