/** What people may say to an operation or a task: names, icons, what a call holds. Pure. */
import type { ActionItem } from "../api/types";
import type { IconName } from "../design/Icon";

export const ACTS = ["retry", "resume", "hold", "skip", "approve", "reject", "cancel"] as const;
export type Act = (typeof ACTS)[number];

export const ACT_ICON: Record<Act, IconName> = {
  retry: "refresh",
  resume: "play",
  hold: "pause",
  skip: "skip",
  approve: "check",
  reject: "close",
  cancel: "stop",
};

/** What a person fills in before an act. */
export interface ActWords {
  why: string;
  ticket: string;
  hosts: readonly string[];
  step: string;
}

/** The body of the call. */
export function bodyOf(act: Act, words: ActWords): object {
  const why = words.why.trim();
  switch (act) {
    case "retry":
      return { hosts: words.hosts, why };
    case "skip":
      return { step: words.step, why };
    case "approve":
    case "reject":
      return { ticket: words.ticket.trim(), why };
    default:
      return { why };
  }
}

/** Why an act is not possible; null where it is. The API says, and nothing else. */
export function whyNot(actions: readonly ActionItem[], act: Act): string | null {
  const found = actions.find((one) => one.action === act);
  if (!found) return "";
  return found.possible ? null : (found.why ?? "");
}

/** The act that the page offers first; null where none stands out. */
export function foremost(actions: readonly ActionItem[], bad: number): Act | null {
  const possible = (act: Act) => whyNot(actions, act) === null;
  if (possible("approve")) return "approve";
  if (bad > 0 && possible("retry")) return "retry";
  if (possible("resume")) return "resume";
  return null;
}
