/** The answers that the tab knows, by their questions. */
import { QueryCache, QueryClient, type QueryFunction } from "@tanstack/react-query";
import { asProblem } from "./problem";
import { onToken } from "./token";

/** What the frame asks at its door: it shows the gate when this is refused. */
const DOOR = "/api/v1/clusters";

/** What passes by itself is tried again; a wrong question is not. */
const retry = (times: number, error: unknown): boolean => times < 2 && asProblem(error).passing;

/** Of what is so new that the tables may not have it yet. */
export const retryOfNew = (times: number, error: unknown): boolean => retry(times, error) || (asProblem(error).status === 404 && times < 4);

export const cache = new QueryClient({
  queryCache: new QueryCache({
    // A token that opens nothing any more is told at the door, whoever noticed it.
    onError: (error, query) => {
      if (asProblem(error).status === 401 && query.queryKey[0] !== DOOR) void cache.invalidateQueries({ queryKey: [DOOR] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry,
      retryDelay: (times) => 600 * 2 ** times,
    },
  },
});

onToken(() => void cache.invalidateQueries());

/** Takes up an answer that was asked for before there was a cache. It is taken once: another try asks anew. */
export function takeUp(question: { queryKey: readonly unknown[]; queryFn?: unknown }, answer: Promise<unknown>): void {
  const again = question.queryFn as QueryFunction;
  let early: Promise<unknown> | null = answer;
  const queryFn: QueryFunction = (context) => {
    const found = early ?? again(context);
    early = null;
    return found;
  };
  void cache.prefetchQuery({ ...question, queryFn });
}

/** Begins this once, when all that was asked for has come; what it gives back ends it. */
export function whenAnswered(begin: () => () => void): () => void {
  let end: (() => void) | undefined;
  const look = () => {
    if (cache.isFetching() > 0) return;
    leave();
    end = begin();
  };
  const leave = cache.getQueryCache().subscribe(look);
  look();
  return () => {
    leave();
    end?.();
  };
}
