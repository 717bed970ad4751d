/** What is asked for Events grouped by a field. Pure. */
import type { Params } from "../../api/client";
import type { Search } from "../../shell/view";

/** So many values the server counts at the most. */
const MOST = 50;

export type GroupSort = "states" | "warnings";

export type GroupParams = Params & { fields: readonly [string]; top: number; sort: GroupSort };

/** `search`: which of them come first. */
export function groupParams(params: Params, field: string, { sort }: Search): GroupParams {
  return { ...params, fields: [field], top: MOST, sort: sort === "warnings" ? "warnings" : "states" };
}
