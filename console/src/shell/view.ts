/** What every page reads out of the address: range, zone, cluster scope; and how it writes back. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { anchorNow, clean, onRefresh, readSearch, type Said, type Search } from "./address";

export { clean, refresh, type Search } from "./address";

/** Parts of the address that stay when the page changes. */
export function common(search: Search): Search {
  const { from, to, c, tz } = search;
  return { from, to, c, tz };
}

export function useAnchor(): number {
  return useSyncExternalStore(onRefresh, anchorNow);
}

export interface View extends Said {
  /** What follows from what is there is told as a function: the address may be ahead of what is drawn. */
  set: (patch: Search | ((before: Search) => Search), options?: { replace?: boolean }) => void;
}

export function useView(): View {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const now = useAnchor();
  const set = useCallback(
    (patch: Search | ((before: Search) => Search), options?: { replace?: boolean }) => {
      const next = (before: Search) => clean({ ...before, ...(typeof patch === "function" ? patch(before) : patch) });
      void navigate({ to: ".", search: next as never, replace: options?.replace ?? false });
    },
    [navigate],
  );
  return useMemo(() => ({ ...readSearch(search, now), set }), [search, now, set]);
}

/** The path of an object's timeline. */
export function objectPath(cluster: string, kind: string, namespace: string, name: string) {
  return {
    to: "/o/$cluster/$kind/$namespace/$name" as const,
    params: { cluster, kind, namespace: namespace === "" ? "_" : namespace, name },
  };
}
