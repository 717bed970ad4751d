/** Drafts of operations: kept at the server, for all. */
import { get, remove, sendJson } from "./client";
import { OPERATIONS } from "./operations";
import { ask, queryOptions } from "./questions";
import type { DraftBody, DraftDetail, DraftItem, DraftList } from "./types";

const DRAFTS = `${OPERATIONS}/drafts`;

export const draftList = () => ask<DraftList>(DRAFTS);

/** One draft, as it is now: an older copy would be taken for what somebody saved. */
export const draftDetail = (id: string) =>
  queryOptions({
    queryKey: [DRAFTS, id],
    queryFn: ({ signal }) => get<DraftDetail>(`${DRAFTS}/${id}`, {}, signal),
    staleTime: 0,
    gcTime: 0,
  });

/** `leaving`: the page goes, and the call is to go on. */
export const makeDraft = (body: DraftBody, leaving = false) => sendJson<DraftItem>("POST", DRAFTS, body, {}, undefined, {}, leaving);

export const saveDraft = (id: string, body: DraftBody & { version: number }, leaving = false) =>
  sendJson<DraftItem>("PUT", `${DRAFTS}/${id}`, body, {}, undefined, {}, leaving);

export const removeDraft = (id: string, version: number) => remove(`${DRAFTS}/${id}?version=${version}`);
