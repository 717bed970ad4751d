/** How the list of an object follows T2, however many rows lie before it: it walks to what is near, and begins anew at what is far. The
 * marks of the lanes say how many rows lie between: each state is counted in one of them. Pure. */
import type { Box } from "../../canvas/lanes";

/** So many rows the list walks, in pages. */
const NEAR = 1000;
/** So many rows newer than T2 it shows when it begins anew, at the most. */
const NEWER = 100;

type Said = Pick<Box, "mark" | "from" | "to">;

const counted = (all: readonly Said[], t2: number) => all.filter(({ mark, to }) => mark.shape !== "span" && to > t2);

/** Before which moment the list's rows are, null for the end of the range: where it now is, if T2 is near behind that. */
export function listEnd(all: readonly Said[], t2: number, now: number | null): number | null {
  const later = counted(all, t2);
  const between = later.reduce((sum, { mark, from }) => sum + (now === null || from < now ? mark.states : 0), 0);
  return (now === null || t2 < now) && between <= NEAR ? now : around(later, t2);
}

/** A moment behind T2 with few rows in between; null where there are few up to the end. */
function around(later: readonly Said[], t2: number): number | null {
  let rows = 0;
  for (const { mark, from } of later.toSorted((a, b) => a.from - b.from)) {
    rows += mark.states;
    if (rows > NEWER) return Math.max(t2 + 1, from);
  }
  return null;
}
