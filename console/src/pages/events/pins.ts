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
