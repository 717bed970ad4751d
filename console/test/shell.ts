/** Takes a command apart as a POSIX shell does: blanks, quotation marks of three kinds, backslashes. What a shell would act upon or expand
 * outside of them is refused, but for the one variable that is meant. */
const utf8 = (text: string) => [...new TextEncoder().encode(text)];

/** What may stand at a place, and the bytes that it means. */
const FORMS: readonly (readonly [RegExp, (inner: string) => number[]])[] = [
  [/^'([^']*)'/, utf8],
  [/^"((?:[^"\\$`!]|\$BEIDOU_TOKEN)*)"/, utf8],
  [/^\$'((?:[^'\\]|\\[0-7]{3}|\\[nt])*)'/, (inner) => (inner.match(/\\[0-7]{3}|\\[nt]|[^\\]/gsu) ?? []).flatMap(spelled)],
  [/^\\([^\n])/, utf8],
  [/^([A-Za-z0-9_./:@%+=,-]+)/, utf8],
];

function spelled(sign: string): number[] {
  if (!sign.startsWith("\\")) return utf8(sign);
  return sign === "\\n" ? [10] : sign === "\\t" ? [9] : [Number.parseInt(sign.slice(1), 8)];
}

export function split(line: string): string[] {
  const found: number[][] = [];
  let open = false;
  for (let rest = line; rest !== ""; ) {
    if (rest.startsWith(" ")) {
      open = false;
      rest = rest.slice(1);
      continue;
    }
    const [form, read] = FORMS.find(([pattern]) => pattern.test(rest)) ?? [];
    const part = form?.exec(rest);
    if (!part || !read) throw new Error(`a shell acts on ${JSON.stringify(rest.slice(0, 20))} of ${JSON.stringify(line)}`);
    if (!open) found.push([]);
    open = true;
    found.at(-1)?.push(...read(part[1] ?? ""));
    rest = rest.slice(part[0].length);
  }
  return found.map((bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)));
}
