/** From one row to another in the order that is shown, both with them. Rows of another kind are null and left out; null where an end is
 * not shown, or a row between them is not known. Pure. */
export function stretch(shown: readonly (string | null | undefined)[], from: string, to: string): string[] | null {
  const ends = [shown.indexOf(from), shown.indexOf(to)].sort((a, b) => a - b);
  const [first = -1, last = -1] = ends;
  if (first < 0) return null;
  const within = shown.slice(first, last + 1);
  return within.includes(undefined) ? null : within.filter((one) => typeof one === "string");
}
