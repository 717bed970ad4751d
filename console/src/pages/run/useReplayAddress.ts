/** The shown moment stands in the address as `t`, and the keys of the replay move it. */
import { useEffect, useRef } from "react";
import { useKeys } from "../../shell/keys";
import { useView } from "../../shell/view";
import type { Run } from "./useRun";

const SECOND = 1000;

export function useReplayAddress(run: Run): void {
  const { search, set } = useView();
  const { store, snapshot } = run;
  const written = useRef<string | undefined>(undefined);
  const inAddress = search.t;
  // A moment that came with the address, or with a step back in its history.
  useEffect(() => {
    if (inAddress === written.current) return;
    written.current = inAddress;
    const moment = inAddress === undefined ? Number.NaN : Date.parse(inAddress);
    if (Number.isNaN(moment)) store.live();
    else store.seek(moment);
  }, [inAddress, store]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the store may have moved since this page was drawn
  useEffect(() => {
    const now = store.snapshot;
    const text = now.replay ? new Date(Math.ceil(now.asked)).toISOString() : undefined;
    if (text === written.current) return;
    written.current = text;
    set({ t: text ?? "" }, { replace: true });
  }, [snapshot.replay, snapshot.asked, set, store]);
  useKeys({
    " ": () => store.toggle(),
    ",": () => store.seek(Math.ceil(store.moment() / SECOND) * SECOND - SECOND),
    ".": () => store.seek(Math.floor(store.moment() / SECOND) * SECOND + SECOND),
    "<": () => store.change(-1),
    ">": () => store.change(1),
  });
}
