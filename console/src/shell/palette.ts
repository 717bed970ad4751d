/** The grammar of the palette, after k9s: `:node c7-r14 @hz-prod-02`, `:events reason:Failed`, `/regex/`, `!not`, `-l label`. Pure. */
import { TAIL } from "../design/visible";
import { written } from "../query/edit";
import { kindOf } from "../query/tables";
import { withLabels } from "./labels";

export const PAGES = ["fleet", "events", "timelines", "sql", "operations", "tasks", "nodes", "clusters", "coverage", "settings"] as const;
export type PageName = (typeof PAGES)[number];
const PAGE_ALIASES: Record<string, PageName> = {
  home: "fleet",
  ev: "events",
  event: "events",
  tl: "timelines",
  timeline: "timelines",
  cl: "clusters",
  cov: "coverage",
  gaps: "coverage",
};

/** What opens the form of an act on nodes; nothing acts from here. */
export const NODE_ACTS = { cordon: "Cordon", uncordon: "Uncordon", drain: "Drain", reboot: "Reboot" } as const;
export type NodeAct = (typeof NODE_ACTS)[keyof typeof NODE_ACTS];
/** Words that look for operations or tasks by name, id, host or label. */
const FINDERS: Record<string, "operations" | "tasks"> = {
  op: "operations",
  operation: "operations",
  ops: "operations",
  task: "tasks",
  at: "tasks",
};

export type Command =
  | { what: "objects"; kind: string | null; line: string; text: string; clusters: string[] }
  | { what: "page"; page: PageName; rest: string; clusters: string[] }
  | { what: "find"; in: "operations" | "tasks"; text: string; labels: string[]; clusters: string[] }
  /** Asks for labels where there are none: the same line without them. */
  | { what: "unlabelled"; line: string }
  | { what: "act"; act: NodeAct; clusters: string[] }
  | { what: "new"; clusters: string[] }
  | { what: "range"; since: string }
  | { what: "theme"; theme: "light" | "dark" }
  | { what: "lang"; lang: "en" | "zh" }
  | { what: "help" }
  | { what: "unknown"; word: string };

/** What a line of the palette means. Without a colon in front it looks for objects by name. */
export function readCommand(input: string): Command {
  const text = input.trim();
  if (!text.startsWith(":")) return objects(null, text);
  const [head = "", ...tail] = text.slice(1).split(/\s+/);
  const word = head.toLowerCase();
  const rest = tail.join(" ");
  if (word === "") return objects(null, "");
  const finder = FINDERS[word];
  if (finder) {
    const { rest: words, clusters } = scoped(rest, true);
    const { rest: text, labels } = withLabels(words);
    if (labels.length > 0 && finder === "tasks") return { what: "unlabelled", line: `:${word} ${withLabels(rest).rest}` };
    return { what: "find", in: finder, text, labels, clusters };
  }
  if (word in NODE_ACTS) return { what: "act", act: NODE_ACTS[word as keyof typeof NODE_ACTS], clusters: scoped(rest, true).clusters };
  if (word === "new") return { what: "new", clusters: scoped(rest, true).clusters };
  const page = (PAGES as readonly string[]).includes(word) ? (word as PageName) : PAGE_ALIASES[word];
  // The page of Events finds them, and that of nodes lists them; `:nodes` with a part of a name looks for one.
  const kind = page && !(page === "nodes" && rest !== "") ? null : kindOf(word);
  if (kind) {
    // An Event says nothing of the labels of its object.
    const { rest: unlabelled, labels } = withLabels(rest);
    return labels.length > 0 ? { what: "unlabelled", line: `:${word} ${unlabelled}` } : objects(kind, rest);
  }
  if (page) return { what: "page", page, ...scoped(rest, page !== "sql") };
  if ((word === "range" || word === "since" || word === "last") && /^\d+[smhdw]$/.test(rest)) return { what: "range", since: `-${rest}` };
  if (word === "theme" && (rest === "dark" || rest === "light")) return { what: "theme", theme: rest };
  if (word === "lang" && (rest === "en" || rest === "zh")) return { what: "lang", lang: rest };
  if (word === "keys" || word === "help" || word === "?") return { what: "help" };
  return { what: "unknown", word };
}

function scoped(text: string, scope: boolean): { rest: string; clusters: string[] } {
  if (!scope) return { rest: text, clusters: [] };
  const clusters: string[] = [];
  const kept = text.split(/\s+/).filter((word) => {
    if (!/^@[\w.-]+$/.test(word)) return true;
    clusters.push(word.slice(1));
    return false;
  });
  return { rest: kept.join(" ").trim(), clusters };
}

/** Words become conditions on the name; the query line does the finding, on the server. */
function objects(kind: string | null, text: string): Command {
  const { rest, clusters } = scoped(text, true);
  const terms = kind ? [`kind:${kind}`] : [];
  for (const word of rest.split(/\s+/)) {
    if (word === "" || word === "!") continue;
    const [sign, name] = word.startsWith("!") ? ["-", word.slice(1)] : ["", word];
    if (/^\/.+\/$/.test(name)) terms.push(`${sign}name:${name}`);
    else if (name.includes("*") && /^[\w.*-]+$/.test(name)) terms.push(`${sign}name:${name}`);
    else if (/^[\w.-]+$/.test(name)) terms.push(`${sign}name:*${name}*`);
    else terms.push(`${sign}name:${written(name)}`);
  }
  return { what: "objects", kind, line: terms.join(" "), text: rest, clusters };
}

/** A part of a name: whether it was asked for, and whether it is seen where the name has no room. */
export interface Part {
  text: string;
  hit: boolean;
  tail: boolean;
}

/** The parts of a name that were asked for, to be marked. */
export function hits(name: string, text: string): Part[] {
  const words = text.split(/\s+/).filter((word) => /^[\w.-]+$/.test(word));
  const lower = name.toLowerCase();
  const marked = new Array<boolean>(name.length).fill(false);
  for (const word of words) {
    const at = lower.indexOf(word.toLowerCase());
    if (at >= 0) marked.fill(true, at, at + word.length);
  }
  const parts: Part[] = [];
  for (let n = 0; n < name.length; n += 1) {
    const [last, hit, tail] = [parts.at(-1), marked[n] ?? false, n >= name.length - TAIL];
    if (last && last.hit === hit && last.tail === tail) last.text += name[n];
    else parts.push({ text: name[n] ?? "", hit, tail });
  }
  return parts;
}
