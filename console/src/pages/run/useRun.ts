/** One run: its detail, its live stream, its matrix, its film. Everything that the page shows comes through here. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { matrixAt, matrixChanges, OPERATIONS, operationDetail } from "../../api/operations";
import type { OperationDetail, OperationMessage } from "../../api/types";
import { isOver } from "../../operation/states";
import { useFollow } from "../../operation/useFollow";
import { useThrottled } from "../../operation/useThrottled";
import { RunStore, type Snapshot } from "./store";

/** A run of at most so many cells has its film at once; a larger one when somebody replays it. */
const FILM_AT_ONCE = 30_000;
/** Answers of one page are asked again at most so often. */
const AGAIN_MS = 1200;

export interface Run {
  detail: OperationDetail;
  store: RunStore;
  snapshot: Snapshot;
  over: boolean;
  /** Asks for the detail anew: after an act, or a message. */
  refresh: () => void;
}

export function useRunQuery(id: string) {
  return useQuery({ ...operationDetail(id), staleTime: 0 });
}

export function useRun(id: string, detail: OperationDetail): Run {
  const client = useQueryClient();
  const { summary, plan, stages } = detail;
  const over = isOver(summary.phase);
  const [created, ended] = [Date.parse(summary.created), over && summary.ended ? Date.parse(summary.ended) : null];
  // biome-ignore lint/correctness/useExhaustiveDependencies: a plan never changes; what else moves is set on the store
  const store = useMemo(
    () =>
      new RunStore(
        plan.steps.map((step) => step.name),
        plan.hosts.length,
        stages,
        created,
        ended,
      ),
    [id],
  );
  store.setEnded(ended);
  const snapshot = useSyncExternalStore(store.subscribe, () => store.snapshot);
  const refresh = useThrottled(() => void client.invalidateQueries({ queryKey: [OPERATIONS, id], exact: true }), AGAIN_MS);

  const loadMatrix = useCallback(() => {
    matrixAt(id, null)
      .then(({ bytes, seq }) => store.setLive(bytes, seq))
      .catch(() => store.setStream("lost"));
  }, [id, store]);
  useEffect(loadMatrix, [loadMatrix]);

  useFollow<OperationMessage>(`${OPERATIONS}/${id}/stream`, !over, {
    onMessages: (messages) => {
      store.take(messages);
      const last = messages.at(-1);
      if (!last) return;
      client.setQueryData<OperationDetail>([OPERATIONS, id], (old) => (old ? { ...old, summary: last.summary } : old));
      if (messages.some((message) => message.more_changes)) loadMatrix();
      refresh();
    },
    onState: (state) => store.setStream(state),
  });
  // What was told between the page and its stream, and after a run's end, is asked for once more.
  useEffect(() => {
    if (over) store.setStream("none");
    if (over || snapshot.stream === "open") refresh();
    if (over) loadMatrix();
  }, [over, snapshot.stream, refresh, loadMatrix, store]);
  useEffect(() => {
    if (over) return;
    const timer = setInterval(() => store.second(), 1000);
    return () => clearInterval(timer);
  }, [over, store]);
  useEffect(() => () => store.stop(), [store]);

  const wanted = snapshot.replay || plan.hosts.length * plan.steps.length <= FILM_AT_ONCE;
  useEffect(() => {
    if (!wanted || store.snapshot.filmReady) return;
    const gone = new AbortController();
    void loadFilm(id, store, gone.signal);
    return () => gone.abort();
  }, [wanted, id, store]);
  // Until the film is here, the matrix of the moment stands in for it.
  useEffect(() => {
    if (!snapshot.replay || snapshot.filmReady) return;
    const gone = new AbortController();
    matrixAt(id, new Date(snapshot.asked).toISOString(), gone.signal)
      .then(({ bytes }) => store.setThen(bytes))
      .catch(() => undefined);
    return () => gone.abort();
  }, [id, store, snapshot.replay, snapshot.filmReady, snapshot.asked]);
  return { detail, store, snapshot, over, refresh };
}

const TRIES_MS = 3000;

/** All changes, page by page. A page that failed is asked for again. */
async function loadFilm(id: string, store: RunStore, signal: AbortSignal): Promise<void> {
  let cursor: string | null = null;
  for (;;) {
    try {
      const answer: Awaited<ReturnType<typeof matrixChanges>> = await matrixChanges(id, { cursor }, signal);
      if (signal.aborted) return;
      const from = Date.parse(answer.from);
      for (const [micros = 0, step = 0, host = 0, byte = 0] of answer.changes) store.film.add(from + micros / 1000, step, host, byte);
      cursor = answer.next ?? null;
      if (cursor === null) return store.filmed();
    } catch {
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, TRIES_MS));
    }
  }
}
