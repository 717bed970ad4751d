/** Rows grouped by a field, out of two answers of the server: all that match, and the Warnings among them. Pure. */
import type { Facet } from "../../api/types";

/** So many values the server counts at the most. */
export const MOST_GROUPS = 50;

export interface Group {
  /** The value as a query line has it: of a cluster its present name. */
  text: string;
  value: string;
  states: number;
  occurrences: number;
  /** Null where it is not known. */
  warnings: number | null;
}

/** `warned`: the same question for Warnings; "none" where the filter has none, undefined while that is not known. Who is not among the
 * most warned has no Warning if these are all that have one. */
export function groupsOf(all: Facet, warned: Facet | "none" | undefined): Group[] {
  const known = warned === undefined || warned === "none" ? [] : warned.values;
  const found = new Map(known.map((one) => [one.value, one.states]));
  const rest = warned === "none" ? 0 : warned && warned.different <= warned.values.length ? 0 : null;
  return all.values.map(({ value, label, states, occurrences }) => ({
    text: label ?? value,
    value,
    states,
    occurrences,
    warnings: found.get(value) ?? rest,
  }));
}
