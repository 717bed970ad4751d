/** Server-sent events over fetch: EventSource cannot send the token. Goes on behind the last id after every break. */
import { type Problem, problemOf } from "./problem";
import { authorization } from "./token";

export interface Message {
  id: string;
  event: string;
  data: string;
}

/** Cuts a stream into messages, whatever the pieces it comes in (the event stream format of HTML). */
export class Splitter {
  #rest = "";
  #id = "";
  #event = "";
  #data: string[] = [];
  /** The last id that stood in the stream, also in a message without data. */
  lastId = "";

  push(piece: string): Message[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    const found: Message[] = [];
    for (const line of lines) {
      const message = this.#line(line);
      if (message) found.push(message);
    }
    return found;
  }

  #line(line: string): Message | null {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch(): Message | null {
    this.lastId = this.#id;
    const data = this.#data;
    const event = this.#event || "message";
    this.#data = [];
    this.#event = "";
    return data.length === 0 ? null : { id: this.#id, event, data: data.join("\n") };
  }
}

/** `refused`: another try would be refused, too, and none is made. */
export type StreamState = "connecting" | "open" | "lost" | "refused";

export interface StreamOptions {
  url: string;
  after: string | null;
  onMessages: (messages: Message[], lastId: string) => void;
  onState: (state: StreamState, since: number, problem?: Problem) => void;
  signal: AbortSignal;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;
/** The server sends a comment every 15 seconds; without one for so long the connection is dead. */
const SILENT_MS = 40_000;
/** A tab that nobody sees gives its connection back after so long: a browser has six for all of its tabs. */
const UNSEEN_MS = 10_000;

/** Follows a stream until the signal; connects again, ever slower, and passes the last id so that nothing is lost. While nobody sees the
 * tab it waits. */
export async function follow(options: StreamOptions): Promise<void> {
  let last = options.after;
  let pause = RETRY_FIRST_MS;
  const again = () => {
    pause = RETRY_FIRST_MS;
  };
  for (;;) {
    await seen(options.signal);
    if (options.signal.aborted) return;
    options.onState("connecting", Date.now());
    // Every break is treated alike: tell it, wait, go on behind the last id.
    const end = await once(options, last, again);
    last = end.last;
    if (options.signal.aborted) return;
    if (end.refused) return options.onState("refused", Date.now(), end.refused);
    if (unseen()) continue;
    options.onState("lost", Date.now());
    await sleep(pause, options.signal);
    pause = Math.min(pause * 2, RETRY_MOST_MS);
  }
}

const unseen = (): boolean => document.visibilityState === "hidden";

/** Waits until somebody sees the tab, or for the signal. */
function seen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (unseen() && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/** Whether another try would be answered alike: the question is wrong, or not for this caller. A token may be another one by then. */
const isFinal = ({ status }: Response): boolean => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

interface End {
  last: string | null;
  refused?: Problem;
}

/** One connection, to its end. */
async function once(options: StreamOptions, after: string | null, opened: () => void): Promise<End> {
  let last = after;
  const dead = new AbortController();
  const stop = () => dead.abort();
  options.signal.addEventListener("abort", stop);
  let watchdog = setTimeout(stop, SILENT_MS);
  let goodbye: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(goodbye);
    goodbye = unseen() ? setTimeout(stop, UNSEEN_MS) : undefined;
  };
  document.addEventListener("visibilitychange", look);
  try {
    const headers: Record<string, string> = { accept: "text/event-stream", ...authorization() };
    if (after) headers["last-event-id"] = after;
    const response = await fetch(options.url, { headers, signal: dead.signal, cache: "no-store" });
    if (isFinal(response)) return { last, refused: await problemOf(response) };
    if (!response.ok || !response.body) return { last };
    opened();
    options.onState("open", Date.now());
    const splitter = new Splitter();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { last };
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENT_MS);
      const messages = splitter.push(value);
      if (splitter.lastId !== "") last = splitter.lastId;
      if (messages.length > 0 && !options.signal.aborted) options.onMessages(messages, last ?? "");
    }
  } catch {
    return { last };
  } finally {
    clearTimeout(watchdog);
    clearTimeout(goodbye);
    document.removeEventListener("visibilitychange", look);
    options.signal.removeEventListener("abort", stop);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
