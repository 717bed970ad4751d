/** For what would be asked too often. */
import { useCallback, useEffect, useRef } from "react";

/** A call that is made at once, and then at most once in a while. */
export function useThrottled(call: () => void, ms: number): () => void {
  const latest = useRef(call);
  latest.current = call;
  const state = useRef<{ at: number; timer: ReturnType<typeof setTimeout> | null }>({ at: 0, timer: null });
  useEffect(() => () => clearTimeout(state.current.timer ?? undefined), []);
  return useCallback(() => {
    const now = state.current;
    if (now.timer !== null) return;
    const wait = Math.max(0, now.at + ms - performance.now());
    now.timer = setTimeout(() => {
      now.timer = null;
      now.at = performance.now();
      latest.current();
    }, wait);
  }, [ms]);
}
