/** The live tail at work: one stream, drawn at most once a frame. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Params, queryString } from "../../api/client";
import type { Problem } from "../../api/problem";
import { follow, type Message, type StreamState } from "../../api/stream";
import type { Event, Page } from "../../api/types";
import { Tail, type TailState } from "./tail";

export interface LiveTail extends TailState {
  stream: StreamState;
  since: number;
  pause: () => void;
  resume: () => void;
  /** Why nothing more comes; null while it does, or is tried. */
  refused: Problem | null;
  /** The list has been asked anew. */
  settle: (first: Page<Event>) => void;
}

const NEVER = new Tail();

/** A stream that was lost stays lost, since the first moment, until it is open again: tries do not make it fresher. */
export function merged(
  before: { state: StreamState; since: number },
  next: StreamState,
  since: number,
): { state: StreamState; since: number } {
  if (next === "open" || next === "refused" || before.state !== "lost") return { state: next, since };
  return before;
}

/** Follows while `on`; a new question begins a new tail. */
export function useTail(on: boolean, params: Params): LiveTail {
  const key = JSON.stringify(params);
  const tail = useRef(NEVER);
  const [state, setState] = useState<TailState>(NEVER.state());
  const [stream, setStream] = useState<{ state: StreamState; since: number }>({ state: "connecting", since: Date.now() });
  const [refused, setRefused] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  const parked = state.parked;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new question is a new tail
  useEffect(() => {
    tail.current = new Tail();
    setState(tail.current.state());
  }, [key, on]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the parameters, the round for going on
  useEffect(() => {
    if (!on || parked) return;
    const stop = new AbortController();
    const mine = tail.current;
    let waiting: Message[] = [];
    let frame = 0;
    const flush = () => {
      frame = 0;
      setState(mine.state());
    };
    const onMessages = (messages: Message[], lastId: string) => {
      waiting = messages;
      mine.take(waiting, lastId);
      if (frame === 0) frame = requestAnimationFrame(flush);
    };
    const { from: _from, to: _to, ...filters } = params;
    const url = `/api/v1/events/tail${queryString(filters)}`;
    void follow({
      url,
      after: mine.lastId,
      onMessages,
      onState: (next, since, problem) => {
        setStream((before) => merged(before, next, since));
        setRefused(problem ?? null);
      },
      signal: stop.signal,
    });
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [on, key, parked, round]);

  const pause = useCallback(() => {
    if (tail.current.state().paused) return;
    tail.current.pause();
    setState(tail.current.state());
  }, []);
  const resume = useCallback(() => {
    const wasParked = tail.current.state().parked;
    tail.current.resume();
    setState(tail.current.state());
    if (wasParked) setRound((n) => n + 1);
  }, []);
  const settle = useCallback((first: Page<Event>) => {
    tail.current.settle(first);
    setState(tail.current.state());
  }, []);
  return useMemo(
    () => ({ ...state, stream: stream.state, since: stream.since, refused, pause, resume, settle }),
    [state, stream, refused, pause, resume, settle],
  );
}
