/** The states of one Event, as a question. */
import { get } from "./client";
import { allPages, queryOptions } from "./questions";
import type { EventState, Page } from "./types";

/** So many states of an Event come at once; each has the Event's JSON. No more than so many are looked through. */
export const STATES = 50;
const MOST_STATES = 1000;

/** The states of an Event, newest first: so many, and as many more as it takes to have the wanted one among them. */
export const states = (cluster: string, uid: string, version: string, least: number) => {
  const path = `/api/v1/events/${cluster}/${uid}`;
  const has = (items: readonly EventState[]) => items.some((one) => one.uid === uid && one.resource_version === version);
  return queryOptions<Page<EventState>>({
    queryKey: [path, version, least],
    queryFn: ({ signal }) =>
      allPages<Page<EventState>>(
        (cursor) => get(path, { limit: STATES, cursor }, signal),
        (items) => items.length >= MOST_STATES || (items.length >= least && has(items)),
      ),
    placeholderData: (before) => (before && has(before.items) ? before : undefined),
  });
};
