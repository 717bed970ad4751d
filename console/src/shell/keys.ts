/** The keyboard: one listener that obeys what the frame and the page registered, and leads out of a field by Escape. `keyMap.ts` has the words for it. */
import { useEffect, useRef } from "react";
import { prefsNow } from "./prefs";

export type Handlers = Record<string, (event: KeyboardEvent) => void>;

type Modified = Pick<KeyboardEvent, "ctrlKey" | "metaKey" | "altKey">;

/** With such a key beside it, a letter is none. */
export function modified(event: Modified): boolean {
  return event.ctrlKey || event.metaKey || event.altKey;
}

function within(event: KeyboardEvent, selector: string): boolean {
  return (event.target as HTMLElement | null)?.closest?.(selector) != null;
}

/** Whether the key was meant for a field, not for the page. */
export function typing(event: KeyboardEvent): boolean {
  return within(event, "input, textarea, select, [contenteditable=''], [contenteditable=true]");
}

const LIST = ".scroll[tabindex='0']:not([hidden])";

/** The list that something stands beside, where rows obey keys; where there is none, the page. Lists of a pane that closes are none. */
export function listIn(around: Element | null | undefined, closing?: Element | null): HTMLElement | null {
  for (let at = around; at && at.id !== "main"; at = at.parentElement) {
    const lists = at.matches(LIST) ? [at as HTMLElement] : [...at.querySelectorAll<HTMLElement>(LIST)];
    const list = lists.find((one) => one.getClientRects().length > 0 && !closing?.contains(one));
    if (list) return list;
  }
  return document.getElementById("main");
}

/** Enter and Space press what has the focus. */
function pressing(event: KeyboardEvent): boolean {
  return (event.key === "Enter" || event.key === " ") && within(event, "button, a[href], summary");
}

/** A dialog or menu is open: keys belong to it. Proposals under a field are none. */
export function layered(): boolean {
  return document.querySelector(".pop:not(.complete), .modal") !== null;
}

/** The name of a key that is one sign alone, or such a one behind `g`. */
const LETTER = /^(g )?\S$/;

/** Whether such a key is none, because somebody switched them off. */
const isOff = (name: string) => !prefsNow().letters && LETTER.test(name);

const registered: { current: Handlers }[] = [];
/** Until when a second key behind `g` is waited for. It belongs to the frame, whatever it means to the page. */
let until = 0;
const SECOND_MS = 1200;

export function listen(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || layered()) return;
  if (event.key === "Escape" && typing(event)) {
    event.preventDefault();
    listIn((event.target as HTMLElement).parentElement)?.focus();
    return;
  }
  if (!modified(event) && (typing(event) || pressing(event))) return;
  const key = nameOf(event);
  if (isOff(key)) return;
  const name = event.timeStamp < until && !modified(event) ? `g ${key}` : key;
  until = name === "g" ? event.timeStamp + SECOND_MS : 0;
  const handler = registered.map((one) => one.current[name]).find((one) => one !== undefined);
  if (!handler) return;
  event.preventDefault();
  handler(event);
}

/** Obeys these handlers until the returned function is called. */
export function obey(handlers: { current: Handlers }): () => void {
  if (registered.length === 0) window.addEventListener("keydown", listen);
  registered.push(handlers);
  return () => {
    registered.splice(registered.indexOf(handlers), 1);
    if (registered.length === 0) window.removeEventListener("keydown", listen);
  };
}

/** Names of all keys that are obeyed now. */
export function obeyed(): ReadonlySet<string> {
  return new Set(registered.flatMap((one) => Object.keys(one.current).filter((name) => !isOff(name))));
}

/** Keys of a page. `g` waits for a second key; capital letters and `⇧` come as they are typed. */
export function useKeys(handlers: Handlers): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => obey(latest), []);
}

function nameOf(event: KeyboardEvent): string {
  // With ⌥ a Mac writes another sign: the key itself is meant.
  const digit = event.altKey ? /^Digit(\d)$/.exec(event.code)?.[1] : undefined;
  const mod = event.ctrlKey || event.metaKey ? "Mod+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return mod + alt + shift + (digit ?? event.key);
}
