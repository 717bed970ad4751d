/** Which Events are pinned over the list, as the address has them. Pure. */
import type { Event } from "../../api/types";

/** More would leave no room for the list. */
export const MOST_PINS = 6;

/** What tells a row in the address: cluster, Event and version. */
export function rowKey(event: Event): string {
  return `${event.cluster_uid}~${event.uid}~${event.resource_version}`;
}

/** Each once, in the order in which they were pinned; what names no row is left out. */
export function readPins(text: string | undefined): string[] {
  const rows = (text ?? "").split(",").filter((key) => /^[^~]+~[^~]+~[^~]+$/.test(key));
  return [...new Set(rows)].slice(0, MOST_PINS);
}

/** Unpins what is pinned, and pins what is not, while there is room. */
export function toggledPin(pins: readonly string[], key: string): string[] {
  if (pins.includes(key)) return pins.filter((one) => one !== key);
  return pins.length < MOST_PINS ? [...pins, key] : [...pins];
}

/** Where the focus is once others are pinned: whoever is pinned on top moves the rows of the list, not the eye. */
export function focusAfter(focus: number, before: readonly string[], now: readonly string[]): number {
  if (focus < 0) return focus;
  const key = before[focus];
  if (key === undefined) return focus + now.length - before.length;
  return now.includes(key) ? now.indexOf(key) : focus;
}
