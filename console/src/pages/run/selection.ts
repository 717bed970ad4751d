/** Hosts that a person chose for a retry. The choice is of one run, and is gone with the page. */
import { useSyncExternalStore } from "react";

let of = "";
let chosen: readonly string[] = [];
const NOTHING: readonly string[] = [];
const listeners = new Set<() => void>();

export function choose(id: string, hosts: readonly string[]): void {
  of = id;
  chosen = hosts;
  for (const listener of listeners) listener();
}

export function toggle(id: string, host: string): void {
  const now = of === id ? chosen : NOTHING;
  choose(id, now.includes(host) ? now.filter((one) => one !== host) : [...now, host]);
}

export function useSelection(id: string): readonly string[] {
  const now = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => chosen,
  );
  return of === id ? now : NOTHING;
}
