/** Calls of the API: one function for all, and what each one cost. */
import { asProblem, noted, Problem, problemOf } from "./problem";
import { authorization } from "./token";

export type Params = Record<string, string | number | boolean | readonly string[] | undefined | null>;

/** What a call cost, for the strip at the foot. */
export interface Cost {
  storeMs: number | null;
  totalMs: number | null;
  bytes: number;
}

/** Browsers refuse more than 64 KiB that is to outlive its page; characters may have three bytes. */
const MOST_KEPT_ALIVE = 20_000;

const costs = new WeakMap<object, Cost>();

/** The cost of the call that brought this answer. */
export function costOf(answer: object | undefined | null): Cost | null {
  return answer ? (costs.get(answer) ?? null) : null;
}

/** Parameters in a fixed order, empty ones left out: the same question has the same address. */
export function queryString(params: Params): string {
  const search = new URLSearchParams();
  for (const key of Object.keys(params).sort()) {
    const value = params[key];
    if (value === undefined || value === null || value === "") continue;
    if (Array.isArray(value)) for (const item of value) search.append(key, item);
    else search.append(key, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

export function timing(header: string | null): Pick<Cost, "storeMs" | "totalMs"> {
  const part = (name: string) => {
    const found = header?.match(new RegExp(`${name};dur=([0-9.]+)`))?.[1];
    return found === undefined ? null : Number(found);
  };
  return { storeMs: part("store"), totalMs: part("total") };
}

async function send(path: string, init: RequestInit, also?: number): Promise<Response> {
  const headers = { accept: "application/json", ...authorization(), ...(init.headers as Record<string, string> | undefined) };
  const method = init.method ?? "GET";
  const body = typeof init.body === "string" ? init.body : "";
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw noted(method, path, body, asProblem(error));
  }
  if (!response.ok && response.status !== also) throw noted(method, path, body, await problemOf(response));
  noted(method, path, body);
  return response;
}

async function parse<Answer>(response: Response): Promise<Answer> {
  const text = await response.text();
  try {
    const answer = JSON.parse(text) as Answer;
    if (typeof answer === "object" && answer !== null) {
      costs.set(answer, { ...timing(response.headers.get("server-timing")), bytes: text.length });
    }
    return answer;
  } catch {
    throw new Problem(0, { title: "unreadable", detail: "The answer is no JSON." }, response.headers.get("x-request-id"));
  }
}

/** `also`: a status beside those of success whose body is an answer. */
export async function get<Answer>(path: string, params: Params = {}, signal?: AbortSignal, also?: number): Promise<Answer> {
  return parse(await send(path + queryString(params), signal ? { signal } : {}, also));
}

/** Bytes as they are, with the headers that tell their shape. */
export async function getBytes(path: string, params: Params = {}, signal?: AbortSignal): Promise<{ bytes: Uint8Array; headers: Headers }> {
  const init = { headers: { accept: "application/octet-stream" }, ...(signal ? { signal } : {}) };
  const response = await send(path + queryString(params), init);
  return { bytes: new Uint8Array(await response.arrayBuffer()), headers: response.headers };
}

export async function sendJson<Answer>(
  method: "POST" | "PUT",
  path: string,
  body: unknown,
  params: Params = {},
  signal?: AbortSignal,
  headers: Record<string, string> = {},
  leaving = false,
): Promise<Answer> {
  const text = JSON.stringify(body);
  // A page that goes takes its calls along, but for small ones that ask not to.
  const keepalive = leaving && text.length < MOST_KEPT_ALIVE;
  const init: RequestInit = { method, body: text, keepalive, headers: { "content-type": "application/json", ...headers } };
  return parse(await send(path + queryString(params), signal ? { ...init, signal } : init));
}

export async function remove(path: string): Promise<void> {
  await send(path, { method: "DELETE" });
}

/** A file of the API, which needs the token and so cannot be a plain link. */
export async function download(path: string, name: string): Promise<void> {
  const response = await send(path, { headers: { accept: "*/*" } });
  saveBlob(await response.blob(), name);
}

export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
