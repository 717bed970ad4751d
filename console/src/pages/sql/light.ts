/** SQL cut into pieces for colours. No grammar: what it is not sure of stays plain. Pure. */
const WORDS =
  "select from where group by order limit having with as and or not in like ilike between is null distinct union all join left right inner full outer cross on using asc desc offset case when then else end interval array settings prewhere final sample any global exists over partition rows".split(
    " ",
  );
const KEYWORDS = new Set(WORDS);
const PIECE =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^'\\]|\\[\s\S]|'')*(?:'|$))|(\{\w+(?::[^}]*)?\})|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;

export interface Piece {
  text: string;
  kind: "cm" | "s" | "o" | "nn" | "k" | "";
}

export function pieces(sql: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of sql.matchAll(PIECE)) {
    if (match.index > at) found.push({ text: sql.slice(at, match.index), kind: "" });
    const [text, comment, string, bound, number, word] = match;
    const after = sql.slice(match.index + text.length).trimStart()[0];
    const kind = comment
      ? "cm"
      : string
        ? "s"
        : bound
          ? "nn"
          : number
            ? "nn"
            : word && KEYWORDS.has(word.toLowerCase())
              ? "o"
              : after === "("
                ? "k"
                : "";
    found.push({ text, kind });
    at = match.index + text.length;
  }
  if (at < sql.length) found.push({ text: sql.slice(at), kind: "" });
  return found;
}

/** Where in a text its character stands that the server counted: here letters beyond the basic plane count twice. */
export function offsetOf(text: string, character: number): number {
  return Array.from(text).slice(0, character).join("").length;
}
