/** One run: its detail, its live stream, its matrix, its film. Everything that the page shows comes through here. */
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useSyncExternalStore } from "react";
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
/** Between two tries at what failed. */
const TRIES_MS = 3000;

export interface Run {
  detail: OperationDetail;
  store: RunStore;
  snapshot: Snapshot;
  over: boolean;
  /** The question for the matrix of the shown moment. */
  matrix: UseQueryResult<unknown>;
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

  useFollow<OperationMessage>(`${OPERATIONS}/${id}/stream`, !over, {
    onMessages: (messages) => {
      store.take(messages);
      const summary = messages.findLast((message) => message.summary)?.summary;
      client.setQueryData<OperationDetail>([OPERATIONS, id], (old) => (old && summary ? { ...old, summary } : old));
      refresh();
    },
    onState: (state) => store.setStream(state),
  });
  // What was told between the page and its stream, and after a run's end, is asked for once more.
  useEffect(() => {
    if (over) store.setStream("none");
    if (over || snapshot.stream === "open") refresh();
  }, [over, snapshot.stream, refresh, store]);
  const live = useMatrix(id, null, snapshot.opened + snapshot.holes, true);
  useEffect(() => {
    if (live.data) store.setLive(live.data.bytes, live.data.seq);
  }, [live.data, store]);
  useEffect(() => {
    if (over) return;
    const timer = setInterval(() => store.second(), 1000);
    return () => clearInterval(timer);
  }, [over, store]);
  useEffect(() => () => store.stop(), [store]);

  const wanted = snapshot.replay || plan.hosts.length * plan.steps.length <= FILM_AT_ONCE;
  // A film that began before the stream would lack what was told between them.
  const begins = wanted && (over || snapshot.opened > 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: behind a hole it is asked for anew
  useEffect(() => {
    if (!begins || store.snapshot.filmReady) return;
    const gone = new AbortController();
    store.filming();
    void loadFilm(id, store, gone.signal);
    return () => {
      gone.abort();
      store.unfilmed();
    };
  }, [begins, id, store, snapshot.holes]);
  // Until the film is here, the matrix of the moment stands in for it.
  const asksThen = snapshot.replay && !snapshot.filmReady;
  const then = useMatrix(id, new Date(snapshot.asked).toISOString(), 0, asksThen);
  useEffect(() => {
    if (asksThen && (then.data || then.isError)) store.setThen(then.data?.bytes ?? null);
  }, [asksThen, then.data, then.isError, store]);
  return { detail, store, snapshot, over, matrix: asksThen ? then : live, refresh };
}

/** Asks for the matrix of a moment, and again until it comes; another turn is another question. */
function useMatrix(id: string, t: string | null, turn: number, enabled: boolean) {
  return useQuery({
    queryKey: [OPERATIONS, id, "matrix", t, turn],
    queryFn: ({ signal }) => matrixAt(id, t, signal),
    enabled,
    refetchInterval: (query) => (query.state.status === "error" ? TRIES_MS : false),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
}

/** All changes behind those that the film has, page by page. A page that failed is asked for again. */
async function loadFilm(id: string, store: RunStore, signal: AbortSignal): Promise<void> {
  const { last } = store.film;
  const from = last === null ? undefined : new Date(last - 1).toISOString();
  let cursor: string | null = null;
  for (;;) {
    try {
      const answer: Awaited<ReturnType<typeof matrixChanges>> = await matrixChanges(id, { from, cursor }, signal);
      if (signal.aborted) return;
      const base = Date.parse(answer.from);
      for (const [micros = 0, step = 0, host = 0, byte = 0] of answer.changes) store.film.add(base + micros / 1000, step, host, byte);
      cursor = answer.next ?? null;
      if (cursor === null) return store.filmed();
    } catch {
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, TRIES_MS));
    }
  }
}
