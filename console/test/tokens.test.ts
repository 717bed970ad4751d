/** Contrast (WCAG 2.2) and colour-blindness (Machado 2009, severity 1) over the tokens, so that nobody breaks them by taste. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

type Rgb = readonly [number, number, number];
type Theme = Record<string, string>;

const css = readFileSync(new URL("../src/design/tokens.css", import.meta.url), "utf8");

function theme(name: "light" | "dark"): Theme {
  const block = css.match(new RegExp(`\\[data-theme="${name}"\\] \\{([^}]*)\\}`))?.[1] ?? "";
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((found) => [found[1], found[2]]));
}

const THEMES = { light: theme("light"), dark: theme("dark") };

function rgb(hex: string | undefined): Rgb {
  if (!hex) throw new Error("a token is missing");
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255) as unknown as Rgb;
}

const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]: Rgb) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

function contrast(a: string | undefined, b: string | undefined): number {
  const [x, y] = [luminance(rgb(a)), luminance(rgb(b))];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const VISIONS: Record<string, readonly number[]> = {
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

function seen(hex: string | undefined, matrix: readonly number[]): Rgb {
  const color = rgb(hex).map(linear);
  const row = (n: number) => [0, 1, 2].reduce((sum, k) => sum + (matrix[n * 3 + k] ?? 0) * (color[k] ?? 0), 0);
  return [0, 1, 2].map((n) => Math.min(1, Math.max(0, row(n)))) as unknown as Rgb;
}

/** CIE Lab of linear sRGB under D65. */
function lab([r, g, b]: Rgb): Rgb {
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 / 116) * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function distance(a: string | undefined, b: string | undefined, matrix: readonly number[]): number {
  const [p, q] = [lab(seen(a, matrix)), lab(seen(b, matrix))];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

const SEVERITIES = ["sev-info", "sev-warn", "sev-error", "sev-crit"];
const STATES = ["st-ok", "st-run", "st-held", "st-fail"];

describe.each(Object.entries(THEMES))("%s theme", (_, t) => {
  it("has text of 4.5:1 on every surface", () => {
    for (const ink of ["ink", "ink-2", "ink-3"])
      for (const on of ["surface", "bg", "inset", "raised"]) expect(contrast(t[ink], t[on]), `${ink} on ${on}`).toBeGreaterThanOrEqual(4.5);
    for (const ink of ["ink", "ink-2"])
      for (const on of ["select", "hover"]) expect(contrast(t[ink], t[on]), `${ink} on ${on}`).toBeGreaterThanOrEqual(4.5);
    for (const on of ["surface", "raised", "select"]) expect(contrast(t.accent, t[on]), `accent on ${on}`).toBeGreaterThanOrEqual(4.5);
    expect(contrast(t["on-accent"], t["accent-solid"])).toBeGreaterThanOrEqual(4.5);
    for (const syntax of ["syn-key", "syn-str", "syn-num", "syn-op", "syn-com"])
      expect(contrast(t[syntax], t.inset), syntax).toBeGreaterThanOrEqual(4.5);
  });
  it("has severity and state text of 4.5:1 on panes and tints", () => {
    for (const name of [...SEVERITIES, ...STATES])
      for (const on of ["surface", `${name}-soft`])
        expect(contrast(t[`${name}-ink`], t[on]), `${name}-ink on ${on}`).toBeGreaterThanOrEqual(4.5);
    for (const sign of ["add", "del"]) expect(contrast(t[`diff-${sign}-ink`], t[`diff-${sign}`]), sign).toBeGreaterThanOrEqual(4.5);
    expect(contrast(t["on-crit"], t["sev-crit"])).toBeGreaterThanOrEqual(4.5);
  });
  it("has marks of 3:1 on panes", () => {
    const marks = [
      ...SEVERITIES,
      ...STATES,
      "st-unknown",
      "line-ctl",
      "focus",
      "cov-full",
      "cov-late",
      "cov-gap",
      "cat-1",
      "cat-2",
      "cat-3",
      "cat-4",
      "cat-5",
      "cat-6",
    ];
    for (const mark of marks) expect(contrast(t[mark], t.surface), mark).toBeGreaterThanOrEqual(3);
  });
  it.each(Object.entries(VISIONS))("keeps severities and states apart under %s", (_name, matrix) => {
    for (const row of [SEVERITIES, STATES])
      for (let n = 1; n < row.length; n += 1) {
        const [a, b] = [row[n - 1] ?? "", row[n] ?? ""];
        expect(distance(t[a], t[b], matrix), `${a} and ${b}`).toBeGreaterThanOrEqual(16);
      }
    for (const [a, b] of [
      ["cov-full", "cov-gap"],
      ["cov-full", "cov-late"],
      ["cov-late", "cov-gap"],
    ] as const)
      expect(distance(t[a], t[b], matrix), `${a} and ${b}`).toBeGreaterThanOrEqual(16);
  });
});

describe("the file", () => {
  it("is the only one that writes a colour", () => {
    const src = fileURLToPath(new URL("../src", import.meta.url));
    const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
      (name) => /\.(css|tsx?)$/.test(name) && !/tokens\.css$|gen\.ts$/.test(name),
    );
    expect(files.length).toBeGreaterThan(10);
    for (const name of files) expect(readFileSync(join(src, name), "utf8"), name).not.toMatch(/#[0-9a-fA-F]{3,8}\b(?![^<]*>)|rgba?\(/);
  });
});
