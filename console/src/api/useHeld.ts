/** A question that is asked anew as time goes on, whose last answer stays while it cannot be had: see `standsIn`. */
import { type QueryKey, type UseQueryOptions, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { type Old, standsIn } from "./usePages";

/** What is remembered between two turns of a question. */
export interface Memory<Answer> {
  old?: Old<Answer> | undefined;
  lost?: { question: string; error: unknown } | undefined;
}

interface Seen<Answer> {
  data: Answer | undefined;
  dataUpdatedAt: number;
  isPlaceholderData: boolean;
  isError: boolean;
  error: unknown;
}

/** Takes in how a question fares. Gives the answer that stands in where it cannot be had anew: null where it is refused, undefined where
 * it fares well, or has not been answered yet. */
export function standing<Answer>(memory: Memory<Answer>, question: string, seen: Seen<Answer>): Old<Answer> | null | undefined {
  if (seen.data !== undefined && !seen.isPlaceholderData) memory.old = { question, answer: seen.data, at: seen.dataUpdatedAt };
  // What failed stays failed while it is asked for once more.
  if (seen.isError) memory.lost = { question, error: seen.error };
  else if (seen.data !== undefined && !seen.isPlaceholderData) memory.lost = undefined;
  if (memory.lost?.question !== question) return undefined;
  if (memory.old && standsIn(memory.old, question, memory.lost.error)) return memory.old;
  return seen.isError ? null : undefined;
}

/** `asOf`: of when the answer is that could not be had anew; null where it is no older than it must be. */
export type Held<Answer> = UseQueryResult<Answer> & { asOf: number | null };

const TOLD = ["data", "dataUpdatedAt", "error", "isError", "isPending", "isPlaceholderData", "isFetched"] as const;

/** The last part of the key is the moment at which it is asked. */
export function useHeld<Answer, Key extends QueryKey>(options: UseQueryOptions<Answer, Error, Answer, Key>): Held<Answer> {
  const query = useQuery({ ...options, notifyOnChangeProps: [...TOLD] });
  const memory = useRef<Memory<Answer>>({});
  const old = standing(memory.current, JSON.stringify(options.queryKey.slice(0, -1)), query);
  if (old === undefined) return { ...query, asOf: null };
  const held = old ? { status: "success", data: old.answer, asOf: old.at } : { status: "error", data: undefined, asOf: null };
  const shown = { isError: !old, isSuccess: old !== null, isPending: false, isPlaceholderData: false };
  return { ...query, ...shown, ...held } as Held<Answer>;
}

/** Of when the oldest of several answers is. */
export function oldest(...all: readonly { asOf: number | null }[]): number | null {
  const times = all.flatMap(({ asOf }) => (asOf === null ? [] : [asOf]));
  return times.length === 0 ? null : Math.min(...times);
}
