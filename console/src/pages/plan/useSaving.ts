/** Saves a draft at the server while it is written, and hears of those who write on it too. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useReducer, useRef } from "react";
import { draftDetail, makeDraft, removeDraft, saveDraft } from "../../api/drafts";
import { asProblem, Problem } from "../../api/problem";
import type { DraftItem } from "../../api/types";
import { type Content, isBlank } from "./content";
import type { Draft } from "./draft";
import { begin, due, next, type Saving } from "./saving";

/** How often it is asked whether somebody else saved it. */
const ASK_MS = 15_000;

export interface Saver {
  state: Saving;
  overwrite: () => void;
  anew: () => void;
  /** The operation is started: the draft is of no more use. */
  finish: () => void;
}

interface Wanted {
  opened: DraftItem | null;
  draft: Draft;
  content: Content;
  edits: number;
  /** Which parameters are secret is known, so that none is sent. */
  ready: boolean;
  onMade: (id: string) => void;
}

export function useSaving(wanted: Wanted): Saver {
  const [state, tell] = useReducer(next, wanted.opened, begin);
  const latest = useRef({ ...wanted, state });
  latest.current = { ...wanted, state };
  const flying = useRef<Promise<void> | null>(null);
  const over = useRef(false);
  const here = useRef(true);
  const { edits, ready } = wanted;
  const wait = ready ? due(state, edits, isBlank(wanted.draft)) : null;

  const save = useRef(async (leaving: boolean) => {
    const { state, content, edits, onMade } = latest.current;
    tell({ is: "sent" });
    try {
      const { known } = state;
      const item = known ? await saveDraft(known.id, { ...content, version: known.version }, leaving) : await makeDraft(content, leaving);
      latest.current.state = next(latest.current.state, { is: "saved", item, edits });
      tell({ is: "saved", item, edits });
      if (known === null && here.current) onMade(item.id);
    } catch (error) {
      const problem = asProblem(error);
      tell({ is: "failed", problem, edits });
    }
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: each edit begins the wait anew
  useEffect(() => {
    if (wait === null || over.current) return;
    const timer = setTimeout(() => {
      flying.current = save.current(false).finally(() => {
        flying.current = null;
      });
    }, wait);
    return () => clearTimeout(timer);
  }, [wait, edits, state.failed]);

  useEffect(() => {
    here.current = true;
    const leave = () => {
      const { state, edits, draft, ready } = latest.current;
      if (over.current || !ready || due(state, edits, isBlank(draft)) === null) return;
      flying.current = save.current(true);
    };
    const hidden = () => (document.visibilityState === "hidden" ? leave() : undefined);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      here.current = false;
      document.removeEventListener("visibilitychange", hidden);
      leave();
    };
  }, []);

  const id = state.known?.id ?? "";
  const heard = useQuery({ ...draftDetail(id), enabled: id !== "" && !state.gone && !over.current, refetchInterval: ASK_MS });
  const { refetch } = heard;
  useEffect(() => {
    // What was heard while a save was on its way is looked at when it has come back.
    if (heard.data && heard.data.id === id && !state.sending) tell({ is: "heard", item: heard.data });
  }, [heard.data, id, state.sending]);
  const refused = state.failed?.problem.slug;
  useEffect(() => {
    if (refused === "draft-changed" || refused === "unknown-draft") void refetch();
  }, [refused, refetch]);
  const lost = heard.error instanceof Problem && heard.error.slug === "unknown-draft";
  useEffect(() => {
    if (lost) tell({ is: "gone" });
  }, [lost]);

  const finish = () => {
    over.current = true;
    void (async () => {
      await flying.current;
      const { known } = latest.current.state;
      // What somebody else saved meanwhile stays.
      if (known) await removeDraft(known.id, known.version).catch(() => undefined);
    })();
  };
  return { state, overwrite: () => tell({ is: "overwrite" }), anew: () => tell({ is: "anew" }), finish };
}
