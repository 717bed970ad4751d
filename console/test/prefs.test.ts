import { expect, it, vi } from "vitest";

const stored = new Map<string, string>();
let told: ((event: { key: string }) => void) | undefined;
vi.hoisted(() => {
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
    document: { documentElement: { dataset: {} } },
    navigator: { language: "en" },
  });
});
vi.mock("react", () => ({
  useSyncExternalStore: (subscribe: (listener: () => void) => void, now: () => unknown) => {
    subscribe(() => undefined);
    return now();
  },
}));

/** A tab of its own over the same storage. */
async function tab() {
  vi.resetModules();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, text: string) => stored.set(key, text),
  });
  vi.stubGlobal("addEventListener", (_: string, listener: typeof told) => {
    told = listener;
  });
  return import("../src/shell/prefs");
}

it("two tabs take nothing from one another, and each sees what the other chose", async () => {
  const [one, two] = [await tab(), await tab()];
  one.setPrefs({ favourites: ["c1", "c2"], cols: "node" });
  two.setPrefs({ theme: "dark" });
  expect((await tab()).prefsNow()).toMatchObject({ favourites: ["c1", "c2"], cols: "node", theme: "dark" });
  two.usePrefs();
  one.setPrefs({ lang: "zh" });
  told?.({ key: "beidou.prefs" });
  expect(two.prefsNow()).toMatchObject({ lang: "zh", theme: "dark" });
});

it("a browser that stores nothing keeps what was chosen as long as the page", async () => {
  const one = await tab();
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  one.setPrefs({ theme: "dark" });
  one.setPrefs({ density: "compact" });
  expect(one.prefsNow()).toMatchObject({ theme: "dark", density: "compact" });
});
