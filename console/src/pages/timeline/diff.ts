/** What differs between two moments of an object, as far as Events tell it. Pure. */
import type { Event } from "../../api/types";

export interface Difference {
  sign: "+" | "-" | "~";
  type: string;
  reason: string;
  message: string;
  text: string;
}

const keyOf = (event: Event) => `${event.type} ${event.reason} ${event.component ?? ""}`;

/** Types and reasons that came between T1 and T2, that changed, and that T1 alone has. */
export function difference(before: readonly Event[], after: readonly Event[]): Difference[] {
  const old = new Map(before.map((event) => [keyOf(event), event]));
  const found: Difference[] = [];
  for (const event of after) {
    const was = old.get(keyOf(event));
    old.delete(keyOf(event));
    if (!was) found.push({ sign: "+", type: event.type, reason: event.reason, message: event.message, text: `× ${event.occurrences}` });
    else if (was.id !== event.id)
      found.push({
        sign: "~",
        type: event.type,
        reason: event.reason,
        message: event.message,
        text: `× ${was.occurrences} → × ${event.occurrences}`,
      });
  }
  for (const event of old.values())
    found.push({ sign: "-", type: event.type, reason: event.reason, message: event.message, text: `× ${event.occurrences}` });
  return found;
}
