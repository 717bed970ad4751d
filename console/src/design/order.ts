/** How many of so many ascending values are at most `most`, found by halves. */
export function upTo(count: number, value: (index: number) => number | undefined, most: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((value(middle) ?? 0) <= most) low = middle + 1;
    else high = middle;
  }
  return low;
}
