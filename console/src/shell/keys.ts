/** The keyboard map: what `?` lists, and the one listener that obeys it. */
import { useEffect, useRef } from "react";
import type { Key } from "../i18n";

export interface KeyGroup {
  title: Key;
  keys: readonly (readonly [string, Key])[];
}

export const KEY_MAP: readonly KeyGroup[] = [
  {
    title: "keys.anywhere",
    keys: [
      [": ⌘K", "keys.palette"],
      ["?", "keys.help"],
      ["/", "keys.filter"],
      ["t", "keys.time"],
      ["⇧← ⇧→", "keys.shift"],
      ["R", "keys.refresh"],
      ["[", "keys.fold"],
      ["c", "keys.copy"],
      ["Esc", "keys.close"],
    ],
  },
  {
    title: "keys.go",
    keys: [
      ["g f", "nav.fleet"],
      ["g e", "nav.events"],
      ["g t", "nav.timelines"],
      ["g a", "nav.sql"],
      ["g o", "nav.operations"],
      ["g k", "nav.tasks"],
      ["g n", "nav.nodes"],
      ["g c", "nav.clusters"],
      ["g v", "nav.coverage"],
      ["g s", "nav.settings"],
    ],
  },
  {
    title: "keys.lists",
    keys: [
      ["j k", "keys.rows"],
      ["Enter", "keys.open"],
      ["l", "keys.tail"],
      ["p", "keys.patterns"],
      [".", "keys.actions"],
      ["d", "keys.drafts"],
      ["n N", "keys.neighbours"],
    ],
  },
  {
    title: "keys.run",
    keys: [
      ["Space", "keys.play"],
      [", .", "keys.second"],
      ["⇧, ⇧.", "keys.change"],
      ["f", "keys.nextBad"],
      ["x", "keys.choose"],
      ["⇧x", "keys.stretch"],
      ["h", "keys.hold"],
      ["r", "keys.retry"],
    ],
  },
  {
    title: "keys.charts",
    keys: [
      ["← →", "keys.bin"],
      ["⇧← ⇧→", "keys.brush"],
      ["Enter", "keys.apply"],
      ["⌥← ⌥→", "keys.t1"],
    ],
  },
  {
    title: "keys.sql",
    keys: [
      ["⌘↵", "keys.runSql"],
      ["⌘.", "keys.cancel"],
      ["⌘S", "keys.keepSql"],
      ["F8", "keys.fault"],
    ],
  },
];

/** Whether the key was meant for a field, not for the page. */
export function typing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  if (!target) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** A dialog or menu is open: keys belong to it. */
export function layered(): boolean {
  return document.querySelector(".pop, .modal") !== null;
}

export type Handlers = Record<string, (event: KeyboardEvent) => void>;

/** Keys of a page. `g` waits for a second key; capital letters and `⇧` come as they are typed. */
export function useKeys(handlers: Handlers, enabled = true): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  const first = useRef<{ key: string; at: number } | null>(null);
  useEffect(() => {
    if (!enabled) return;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const name = nameOf(event);
      const chord = name.startsWith("Mod+");
      if (!chord && (typing(event) || layered())) return;
      const waits = first.current && Date.now() - first.current.at < 1200 ? `${first.current.key} ${name}` : name;
      first.current = name === "g" && waits === name ? { key: "g", at: Date.now() } : null;
      const handler = latest.current[waits] ?? (waits === name ? undefined : latest.current[name]);
      if (!handler) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [enabled]);
}

function nameOf(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? "Mod+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return mod + alt + shift + event.key;
}
