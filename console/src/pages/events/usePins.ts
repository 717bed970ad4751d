/** The pinned Events, wherever in time they lie: each is asked for once, unless it was pinned out of a list that has it. */
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { retryOfNew } from "../../api/cache";
import { get } from "../../api/client";
import { queryOptions } from "../../api/questions";
import type { Event, Neighbours } from "../../api/types";
import type { View } from "../../shell/view";
import { MOST_PINS, readPins, rowKey, toggledPin } from "./pins";

export interface Pinned {
  key: string;
  /** Missing until it has come, and where it cannot be had. */
  event: Event | undefined;
  error: unknown;
  retry: () => void;
}

export interface Pins {
  items: readonly Pinned[];
  isFull: boolean;
  toggle: (event: Event) => void;
  drop: (key: string) => void;
}

/** One state of an Event without its JSON, and next to nothing around it. A state never changes, and a live one is not in the tables
 * at once. */
function stateOf(key: string) {
  const [cluster = "", uid = "", version = ""] = key.split("~");
  const path = `/api/v1/events/${encodeURIComponent(cluster)}/${encodeURIComponent(uid)}/neighbours`;
  const params = { resource_version: version, within: "1s", limit: 1 };
  return queryOptions<Event>({
    queryKey: [path, "state", version],
    queryFn: async ({ signal }) => (await get<Neighbours>(path, params, signal)).event,
    staleTime: Number.POSITIVE_INFINITY,
    retry: retryOfNew,
  });
}

export function usePins({ search, set }: View): Pins {
  const client = useQueryClient();
  const keys = readPins(search.pin);
  const results = useQueries({ queries: keys.map(stateOf) });
  const flip = (key: string) => set(({ pin }) => ({ pin: toggledPin(readPins(pin), key).join() }), { replace: true });
  const toggle = (event: Event) => {
    const key = rowKey(event);
    client.setQueryData(stateOf(key).queryKey, event);
    flip(key);
  };
  const items = keys.map((key, n) => ({
    key,
    event: results[n]?.data,
    error: results[n]?.error,
    retry: () => void results[n]?.refetch(),
  }));
  return { items, isFull: keys.length >= MOST_PINS, toggle, drop: flip };
}
