/** What is asked for Events that are folded: grouped by a field, or to templates of their messages. Pure. */
import type { Params } from "../../api/client";
import type { Search } from "../../shell/view";

/** So many values, and so many templates, the server counts at the most. */
const MOST = 50;
const MOST_PATTERNS = 200;

export type GroupSort = "states" | "warnings";

export type GroupParams = Params & { fields: readonly [string]; top: number; sort: GroupSort };

/** `search`: which of them come first. */
export function groupParams(params: Params, field: string, { sort }: Search): GroupParams {
  return { ...params, fields: [field], top: MOST, sort: sort === "warnings" ? "warnings" : "states" };
}

export type PatternParams = Params & { top: number };

export const patternParams = (params: Params): PatternParams => ({ ...params, top: MOST_PATTERNS });
