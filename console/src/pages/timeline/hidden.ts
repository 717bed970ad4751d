/** Which lanes of a timeline are hidden, as the address has them. Pure. */
import type { Lane } from "../../api/types";

/** The lane on top. */
export const OPERATIONS = "operations";
/** So many lanes have a key: 1 is that of operations. */
export const KEYED = 6;

export function laneKey({ type, reason }: Pick<Lane, "type" | "reason">): string {
  return reason === null || reason === undefined ? "others" : `${type ?? ""}/${reason}`;
}

/** All lanes in their order, by key. */
export function laneKeys(lanes: readonly Pick<Lane, "type" | "reason">[]): string[] {
  return [OPERATIONS, ...lanes.map(laneKey)];
}

/** No name has a comma of its own there; what is no name is left out. */
export function readHidden(text: string | undefined): string[] {
  const read = (part: string) => {
    try {
      return part === "" ? [] : [decodeURIComponent(part)];
    } catch {
      return [];
    }
  };
  return [...new Set((text ?? "").split(",").flatMap(read))];
}

/** The address with this lane hidden, or shown again. */
export function toggledLane(text: string | undefined, key: string): string {
  const hidden = readHidden(text);
  const next = hidden.includes(key) ? hidden.filter((one) => one !== key) : [...hidden, key];
  return next.map(encodeURIComponent).join(",");
}
