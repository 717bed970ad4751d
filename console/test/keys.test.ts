/** The keyboard: what is obeyed, what belongs to fields, dialogs and controls, and what the list of keys tells of it. */
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KEY_MAP, working } from "../src/shell/keyMap";

// Preferences look at the theme of the system.
vi.hoisted(() => Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener: () => undefined }) }));
const { listen, listIn, obey, obeyed } = await import("../src/shell/keys");
const { setPrefs } = await import("../src/shell/prefs");

let layer: string | null = null;
let now = 0;
const done: string[] = [];
const stops: (() => void)[] = [];

function on(...names: string[]): void {
  stops.push(obey({ current: Object.fromEntries(names.map((name) => [name, () => void done.push(name)])) }));
}

/** Presses a key where `inside` says what the target lies in; whether the page took it. */
function press(
  key: string,
  {
    inside = "",
    ...more
  }: { inside?: string; code?: string; ctrlKey?: boolean; metaKey?: boolean; altKey?: boolean; shiftKey?: boolean } = {},
) {
  now += 100;
  const closest = (selector: string) => (inside !== "" && selector.split(", ").includes(inside) ? {} : null);
  const event = { key, timeStamp: now, target: { closest }, defaultPrevented: false, isComposing: false, preventDefault: vi.fn(), ...more };
  listen({ ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...event } as unknown as KeyboardEvent);
  return event.preventDefault.mock.calls.length > 0;
}

beforeEach(() => {
  now += 10_000;
  vi.stubGlobal("window", { addEventListener: vi.fn(), removeEventListener: vi.fn() });
  vi.stubGlobal("document", {
    querySelector: (selector: string) => (layer !== null && selector.split(", ").includes(layer) ? {} : null),
    documentElement: { dataset: {} },
    getElementById: (id: string) => ({ id, focus: () => void done.push(`focus of #${id}`) }),
  });
  vi.stubGlobal("navigator", { language: "en" });
});
afterEach(() => {
  setPrefs({ letters: true });
  for (const stop of stops.splice(0)) stop();
  done.length = 0;
  layer = null;
  vi.unstubAllGlobals();
});

describe("a key", () => {
  it("is obeyed as it is typed, and not with Ctrl, Meta or Alt beside it", () => {
    on("j", "R");
    expect([press("j"), press("R", { shiftKey: true })]).toEqual([true, true]);
    for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }]) expect(press("j", more)).toBe(false);
    expect(done).toEqual(["j", "R"]);
  });
  it("does nothing in a field, but for those with Ctrl, Meta or Alt that are meant", () => {
    on("j", "Enter", " ", "Mod+k", "Alt+1");
    for (const inside of ["input", "textarea", "select", "[contenteditable=true]"])
      for (const key of ["j", "Enter", " "]) expect(press(key, { inside }), `${key} in ${inside}`).toBe(false);
    expect([press("k", { inside: "input", ctrlKey: true }), press("1", { inside: "input", altKey: true })]).toEqual([true, true]);
  });
  it("Escape leaves a field for the list beside it, and reaches the page from anywhere else", () => {
    on("Escape");
    for (const inside of ["input", "textarea", "select"]) expect(press("Escape", { inside })).toBe(true);
    expect(press("Escape", { inside: "button" })).toBe(true);
    expect(done).toEqual(["focus of #main", "focus of #main", "focus of #main", "Escape"]);
    const list = (rects: number) => ({ getClientRects: () => new Array(rects) }) as unknown as HTMLElement;
    const node = (parentElement: unknown, own: boolean, within: readonly HTMLElement[]) =>
      ({ id: "", parentElement, matches: () => own, querySelectorAll: () => within, getClientRects: () => [0] }) as unknown as Element;
    const page = { ...node(null, false, [list(1)]), id: "main" } as Element;
    const [unseen, seen, behind] = [list(0), list(1), list(1)];
    const pane = node(page, false, [unseen, seen, behind]);
    expect(listIn(node(pane, false, []))).toBe(seen);
    const closing = { contains: (one: unknown) => one === seen } as unknown as Element;
    expect(listIn(pane, closing), "a list of the pane that closes is none").toBe(behind);
    const scroller = node(pane, true, []);
    expect(listIn(node(scroller, false, []))).toBe(scroller);
    expect(listIn(node(page, false, []))?.id).toBe("main");
  });
  it("with ⌥ is the key itself, whatever sign a Mac writes with it", () => {
    on("Alt+1");
    expect([press("¡", { code: "Digit1", altKey: true }), press("¡", { code: "Digit1" })]).toEqual([true, false]);
  });
  it("does nothing under a dialog or a menu", () => {
    on("j", "Mod+k");
    for (layer of [".modal", ".pop:not(.complete)"]) expect([press("j"), press("k", { metaKey: true })]).toEqual([false, false]);
  });
  it("presses the button in focus where it is Enter or Space, and does not reach the page", () => {
    on("Enter", " ", "j");
    for (const inside of ["button", "a[href]"]) expect([press("Enter", { inside }), press(" ", { inside })]).toEqual([false, false]);
    expect([press("Enter"), press(" "), press("j", { inside: "button" })]).toEqual([true, true, true]);
  });
  it("belongs to the frame behind g, whatever it means to the page", () => {
    on("n", "k");
    on("g n", "g k");
    for (const key of ["g", "n", "g", "k", "n"]) press(key);
    expect(done).toEqual(["g n", "g k", "n"]);
    press("g");
    now += 2000;
    press("k");
    expect(done.at(-1)).toBe("k");
  });
  it("of one sign is none where these are switched off, and is not told of; all others stay", () => {
    on("j", "?", "*", " ", "Enter", "ArrowDown", "Mod+k", "Alt+1", "g n");
    setPrefs({ letters: false });
    for (const key of ["j", "?", "*", "g", "n"]) expect(press(key), key).toBe(false);
    expect([press(" "), press("Enter"), press("ArrowDown")]).toEqual([true, true, true]);
    expect([press("k", { metaKey: true }), press("1", { code: "Digit1", altKey: true })]).toEqual([true, true]);
    expect([...obeyed()]).toEqual([" ", "Enter", "ArrowDown", "Mod+k", "Alt+1"]);
    setPrefs({ letters: true });
    expect(press("j")).toBe(true);
  });
  it("is let go with its page", () => {
    on("x");
    expect(obeyed().has("x")).toBe(true);
    stops.pop()?.();
    expect([press("x"), obeyed().has("x")]).toEqual([false, false]);
  });
});

describe("the list of keys", () => {
  const rows = KEY_MAP.flatMap((group) => group.rows);
  const shown = (names: string[], there: string[] = []) =>
    working(KEY_MAP, new Set(names), (selector) => there.includes(selector)).flatMap((group) => group.rows.map(({ keys }) => keys));
  it("tells those that are obeyed here, and no others", () => {
    expect(shown([])).toEqual(["Esc"]);
    expect(shown(["j", "k", "Enter"])).toEqual(["Esc", "j k", "Enter"]);
    expect(shown(["/"])).toEqual(["Esc"]);
    expect(shown(["/"], ["[data-filter]"])).toEqual(["/", "Esc"]);
    expect(shown([], [".editor textarea"])).toEqual(["Esc", "⌘↵", "⌘."]);
  });
  it("tells an open Event's neighbours from a new operation, and a row's actions from a second of a replay", () => {
    expect(shown(["n", "N"])).toEqual(["Esc", "n N"]);
    expect(shown(["n", "d"])).toEqual(["Esc", "n", "d"]);
    expect(shown([".", ","])).toEqual(["Esc", ", ."]);
  });
  it("has every key that any page obeys, and none that no page does", () => {
    const root = new URL("../src/", import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
      (name) => /\.tsx?$/.test(name) && !name.endsWith("shell/keys.ts"),
    );
    const used = new Set<string>();
    for (const file of files) {
      const text = readFileSync(new URL(file, root), "utf8");
      for (const call of text.split("useKeys({").slice(1)) {
        // Names of handlers stand at the begin of a line, or behind a brace or a comma in a call of one line.
        const body = call.slice(0, call.search(/\}\);/));
        for (const [, quoted, plain] of body.matchAll(
          /(?:^|[\n,{])\s*(?:"([^"]+)"|(\w+)): (?:\(\) =>|begin|refresh|save|start|toFault)|(?:^|\n)\s*R: refresh/g,
        ))
          used.add(quoted ?? plain ?? "R");
      }
    }
    const listed = new Set(rows.flatMap(({ names }) => names ?? []));
    expect([...used].filter((name) => !listed.has(name) && name !== "Escape").sort()).toEqual([]);
    expect([...listed].filter((name) => !used.has(name)).sort()).toEqual([]);
  });
});
