/** An object at a moment, as a question. */
import { get } from "../../api/client";
import { queryOptions } from "../../api/questions";
import type { ObjectAt } from "../../api/types";

/** To the millisecond behind the moment: the state that happened at it belongs to it. */
const BEHIND_MS = 1;

/** The answer of another moment stands in while this one is on its way, that of another object never. `at`: null asks for nothing. */
export const stateAt = (url: string, at: number | null) =>
  queryOptions<ObjectAt>({
    queryKey: [url, "at", at === null ? null : Math.round(at)],
    queryFn: ({ signal }) => get<ObjectAt>(`${url}/at`, { t: new Date(Math.round(at ?? 0) + BEHIND_MS).toISOString() }, signal),
    placeholderData: (before, query) => (at !== null && query?.queryKey[0] === url ? before : undefined),
    enabled: at !== null,
  });

/** Of which moment an answer is. */
export const momentOf = ({ t }: Pick<ObjectAt, "t">): number => Date.parse(t) - BEHIND_MS;
