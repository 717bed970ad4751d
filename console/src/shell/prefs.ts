/** What a person chose for this browser: theme, language, density, folded navigation, keys of one letter, how a
 * list begins, what stands on top. It changes no answer, so it need not be in the address. */
import { useSyncExternalStore } from "react";

export interface Prefs {
  theme: "system" | "light" | "dark";
  lang: "system" | "en" | "zh";
  density: "compact" | "normal" | "comfortable";
  folded: boolean;
  /** Keys of one sign without Ctrl, Meta or Alt beside it. Who speaks to the computer may press one with each word. */
  letters: boolean;
  /** Columns of the list of Events, as in its address; empty for the usual ones. */
  cols: string;
  /** Uids of the clusters that stand on top of the fleet. */
  favourites: readonly string[];
}

const KEY = "beidou.prefs";
const DEFAULTS: Prefs = { theme: "system", lang: "system", density: "normal", folded: false, letters: true, cols: "", favourites: [] };
const listeners = new Set<() => void>();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** What is stored over what the page has. */
function load(known: Prefs): Prefs {
  try {
    return { ...known, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return known;
  }
}

let current = load(DEFAULTS);

export function setPrefs(patch: Partial<Prefs>): void {
  // Another tab may have chosen something since.
  current = { ...load(current), ...patch };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that stores nothing keeps the choice as long as the page.
  }
  tell();
}

function tell(): void {
  apply();
  for (const listener of listeners) listener();
}

/** What another tab chose is seen here at once. */
function stored({ key }: StorageEvent): void {
  if (key !== KEY) return;
  current = load(current);
  tell();
}

export const prefsNow = (): Prefs => current;

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, prefsNow);
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener("storage", stored);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function themeOf(prefs: Prefs): "light" | "dark" {
  return prefs.theme === "system" ? (dark.matches ? "dark" : "light") : prefs.theme;
}

export function langOf(prefs: Prefs): "en" | "zh" {
  if (prefs.lang !== "system") return prefs.lang;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function apply(): void {
  const root = document.documentElement;
  root.dataset.theme = themeOf(current);
  root.dataset.density = current.density;
  root.lang = langOf(current) === "zh" ? "zh-CN" : "en";
}

dark.addEventListener("change", () => {
  current = { ...current };
  tell();
});
