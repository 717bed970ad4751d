/** How much more or less there is than before, in one short word. */
export function timesText(now: number, before: number, gone: string): string {
  if (before === 0) return "";
  if (now === 0) return gone;
  const times = now / before;
  const less = 1 / times;
  if (times >= 1) return `${times >= 10 ? Math.round(times) : times.toFixed(1)}×`;
  return `÷ ${less >= 10 ? Math.round(less) : less.toFixed(1)}`;
}
