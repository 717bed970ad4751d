/** Whom a call asks, read out of its address. Pure. */

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The clusters that are asked by path and parameters; none where all are, null where the question is about none. */
export function clustersOf(asked: string): string[] | null {
  const { pathname, searchParams } = new URL(asked, "http://any");
  const own = /^\/api\/v1\/(?:objects|events)\/([^/]+)\/./.exec(pathname)?.[1];
  const named = searchParams.getAll("cluster").concat(own === undefined ? [] : unescaped(own));
  return named.length > 0 || searchParams.has("from") ? named : null;
}
