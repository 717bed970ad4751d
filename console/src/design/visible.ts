/** Text of others made harmless to the eye: control characters and marks that turn the reading order become visible. */

/** Bidirectional controls, zero-width characters, line and paragraph separators, tags, and the byte order mark. */
export const MARKS = /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
export const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x0a) return "⏎";
  if (code === 0x09) return "⇥";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟦${code.toString(16).toUpperCase()}⟧`;
}

function mark(character: string): string {
  return `⟦${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟧`;
}

/** The place at which a text is cut: not between the two halves of one character. */
export function cutAt(text: string, at: number): number {
  const isHalf = /^[\udc00-\udfff]$/.test(text.charAt(at)) && /^[\ud800-\udbff]$/.test(text.charAt(at - 1));
  return isHalf ? at - 1 : at;
}

/** One line of it, at most `most` characters. */
export function visible(text: string, most = 2000): string {
  const cut = text.length > most ? `${text.slice(0, cutAt(text, most))}…` : text;
  return cut.replace(CONTROLS, picture).replace(MARKS, mark);
}

/** Several lines of it: line breaks and tabulators stay. */
export function visibleLines(text: string, most = 65_536): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return cut.replace(CONTROLS, (c) => (c === "\n" || c === "\t" ? c : picture(c))).replace(MARKS, mark);
}

/** Of an identifier that has no room so many letters at its end are seen. */
export const TAIL = 12;

/** An identifier cut in the middle: head and random tail both matter. */
export function middle(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) * 0.55);
  return `${text.slice(0, cutAt(text, head))}…${text.slice(cutAt(text, text.length - (most - 1 - head)))}`;
}
