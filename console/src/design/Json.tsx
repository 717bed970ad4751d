/** JSON in colours, as text: nothing in it is ever markup. */
import { type ReactNode, useMemo } from "react";
import { visibleLines } from "./visible";

const PIECE = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/g;
/** Beyond so many pieces the colours end; the text goes on. */
const MOST_PIECES = 4000;

export function Json({ value }: { value: unknown }) {
  const parts = useMemo(() => coloured(visibleLines(JSON.stringify(value, null, 2) ?? "null", 200_000)), [value]);
  return <pre className="code">{parts}</pre>;
}

function coloured(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  let pieces = 0;
  for (const found of text.matchAll(PIECE)) {
    pieces += 1;
    if (pieces > MOST_PIECES) break;
    if (found.index > at) parts.push(text.slice(at, found.index));
    const [whole, string, colon] = found;
    const kind = string === undefined ? "nn" : colon === undefined ? "s" : "k";
    parts.push(
      <span key={found.index} className={kind}>
        {string === undefined ? whole : string}
      </span>,
    );
    if (colon !== undefined) parts.push(colon);
    at = found.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}
