/** The row that keys act upon, in lists that move by themselves: it is told by its key, and its place follows. Pure. */

export interface Focus {
  /** Before the first row there is none: -1. */
  place: number;
  /** Of the row; null while it is not known, and who stands at the place then is meant. */
  key: string | null;
}

export const NO_FOCUS: Focus = { place: -1, key: null };

/** So far a row is looked for from where it was: more than come between two drawings. */
const REACH = 1000;

/** Where the row is now. Of one that is gone nothing is meant: its neighbour is another row. */
export function followed(focus: Focus, count: number, keyAt: (place: number) => string | undefined): Focus {
  if (focus.place < 0) return focus;
  const there = keyAt(focus.place);
  if (there === undefined ? focus.place < count : there === focus.key) return focus;
  if (focus.key === null) return there === undefined ? NO_FOCUS : { place: focus.place, key: there };
  for (let far = 1; far <= REACH; far += 1)
    for (const place of [focus.place + far, focus.place - far])
      if (place >= 0 && place < count && keyAt(place) === focus.key) return { place, key: focus.key };
  return NO_FOCUS;
}
