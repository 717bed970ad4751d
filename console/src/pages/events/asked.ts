/** What the events page asks, out of its address. Pure. */
import type { Params } from "../../api/client";
import type { View } from "../../shell/view";

export interface Question {
  q: string;
  types: string[];
  params: Params;
}

export function question({ search, scope }: Pick<View, "search" | "scope">): Question {
  const q = search.q ?? "";
  const types = (search.sev ?? "").split(",").filter((type) => type !== "");
  return { q, types, params: { ...scope, q, type: types } };
}
