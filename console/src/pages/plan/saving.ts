/** When a draft is saved, and what is said of it. Pure: what happens goes in, what is due comes out. */
import type { Problem } from "../../api/problem";
import type { DraftItem } from "../../api/types";

/** After the last change; somebody who types on is not saved at each letter. */
const STILL_MS = 2000;
/** Between two tries at a server that is away. */
const AGAIN_MS = 10_000;

export interface Saving {
  /** The draft as this page has it from the server; null before its first save. */
  known: DraftItem | null;
  /** The edits that are saved. Each edit has a number; none is -1. */
  saved: number;
  sending: boolean;
  /** A save of somebody else that this page does not have. */
  theirs: DraftItem | null;
  /** Somebody deleted the draft, or started it. */
  gone: boolean;
  /** Why the last save failed, and which edits it had. */
  failed: { problem: Problem; edits: number } | null;
}

export type Happened =
  | { is: "sent" }
  | { is: "saved"; item: DraftItem; edits: number }
  | { is: "failed"; problem: Problem; edits: number }
  | { is: "heard"; item: DraftItem }
  | { is: "gone" }
  | { is: "overwrite" }
  | { is: "anew" };

export const begin = (known: DraftItem | null): Saving => ({ known, saved: 0, sending: false, theirs: null, gone: false, failed: null });

export function next(state: Saving, happened: Happened): Saving {
  switch (happened.is) {
    case "sent":
      return { ...state, sending: true };
    case "saved":
      return { ...state, known: happened.item, saved: happened.edits, sending: false, theirs: null, failed: null };
    case "failed":
      return { ...state, sending: false, failed: { problem: happened.problem, edits: happened.edits } };
    case "heard": {
      // While a save is on its way, what is heard may be that save.
      const newer = !state.sending && state.known !== null && happened.item.version > (state.theirs ?? state.known).version;
      return newer ? { ...state, theirs: happened.item } : state;
    }
    case "gone":
      return state.known === null ? state : { ...state, sending: false, theirs: null, gone: true };
    case "overwrite":
      return state.theirs === null ? state : { ...state, known: state.theirs, theirs: null, saved: -1, failed: null };
    case "anew":
      return { ...begin(null), saved: -1 };
  }
}

/** In how many milliseconds these edits are to be saved; null where they are not. */
export function due(state: Saving, edits: number, blank: boolean): number | null {
  const { known, saved, sending, theirs, gone, failed } = state;
  if (sending || theirs !== null || gone || edits === saved) return null;
  if (saved === -1) return failed ? retry(failed, edits) : 0;
  if (known === null && blank) return null;
  return failed ? retry(failed, edits) : STILL_MS;
}

/** What the server refuses it refuses again, until something is changed. */
function retry(failed: { problem: Problem; edits: number }, edits: number): number | null {
  if (failed.problem.passing) return AGAIN_MS;
  return failed.edits === edits ? null : STILL_MS;
}
