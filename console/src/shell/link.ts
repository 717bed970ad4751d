/** Short links: the server keeps an address that is too long to be passed on, and `/s/ID` leads to it. */
import { sendJson } from "../api/client";
import type { LinkItem } from "../api/types";

/** Longer ones are cut or wrapped by chats and mails. */
const LONG = 200;

export function isLong(address: string): boolean {
  return address.length > LONG;
}

/** A short link to this page: path and query, never the fragment, in which a token may come. */
export async function shortLink(): Promise<string> {
  const { id } = await sendJson<LinkItem>("POST", "/api/v1/links", { address: location.pathname + location.search });
  return `${location.origin}/s/${id}`;
}
