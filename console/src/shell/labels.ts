/** Selectors of labels as k9s and kubectl write them: `-l team=infra,tier!=web,!old`. Pure. */

/** The words without the selectors, and these one by one. */
export function withLabels(text: string): { rest: string; labels: string[] } {
  const [rest, labels]: [string[], string[]] = [[], []];
  const words = text.split(/\s+/).values();
  for (const word of words) {
    if (!word.startsWith("-l")) rest.push(word);
    else labels.push(...(word.length > 2 ? word.slice(2) : (words.next().value ?? "")).split(",").filter((one) => one !== ""));
  }
  return { rest: rest.join(" "), labels };
}
