/** What a page tells the frame: its title, the equal commands, and what the view cost. */

import { useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useSyncExternalStore } from "react";
import type { Cost } from "../api/client";

export interface Copies {
  cli: string;
  api?: string;
  sql?: string;
  kubectl?: string;
  yaml?: string;
}

export interface Chrome {
  title: string;
  mono?: boolean;
  crumbs?: ReactNode;
  copies: Copies;
  cost: Cost | null;
  costText?: string;
}

const NOTHING: Chrome = { title: "", copies: { cli: "beidou" }, cost: null };
let current = NOTHING;
const listeners = new Set<() => void>();

function put(chrome: Chrome): void {
  current = chrome;
  for (const listener of listeners) listener();
}

/** A page calls it on every render; the frame changes only when the words do, or the address, to which the crumbs lead. */
export function useChrome(chrome: Chrome): void {
  const search = useSearch({ strict: false });
  const signature = JSON.stringify([chrome.title, chrome.copies, chrome.cost, chrome.costText, search]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the words stand in the signature
  useEffect(() => {
    put(chrome);
    document.title = `${chrome.title} · Beidou`;
  }, [signature]);
}

export function useChromeNow(): Chrome {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
