/** The list of nodes as a text, one a line: who is ticked stands in it, whether it was ticked or pasted. Pure. */

/** What a line names: its words without a comment, and without what they are called. */
function wordsOf(line: string): string[] {
  const said = line.trimStart().startsWith("#") ? "" : (line.split(" #")[0] ?? "");
  return said.split(/[\s,;|]+/).flatMap((word) => (word === "" ? [] : [word.replace(/^name=/, "")]));
}

export function ticked(text: string): Set<string> {
  return new Set(text.split("\n").flatMap(wordsOf));
}

/** Those that are not there yet, each on a line of its own behind what is. */
export function withNodes(text: string, names: readonly string[]): string {
  const there = ticked(text);
  const added = names.filter((name) => !there.has(name));
  if (added.length === 0) return text;
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${added.join("\n")}\n`;
}

export function withoutNodes(text: string, names: readonly string[]): string {
  const gone = new Set(names);
  return text
    .split("\n")
    .filter((line) => !wordsOf(line).some((word) => gone.has(word)))
    .join("\n");
}
