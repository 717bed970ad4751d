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

const SELECTOR = /^(!?)([^=!]+)(?:(!?)==?(.*))?$/;

/** Whether all of these hold. */
export function selects(selectors: readonly string[], labels: Readonly<Record<string, string>>): boolean {
  return selectors.every((selector) => {
    const [, absent, name = "", not, value] = SELECTOR.exec(selector) ?? [];
    if (value === undefined) return name in labels !== (absent === "!");
    return (labels[name] === value) !== (not === "!");
  });
}

/** A text that stands in the labels of all that match; empty where none must. */
export function textOf(selectors: readonly string[]): string {
  for (const selector of selectors) {
    const [, absent, name = "", not, value] = SELECTOR.exec(selector) ?? [];
    if (absent === "" && not !== "!") return value || name;
  }
  return "";
}
