/** Server-sent events over fetch: EventSource cannot send the token. Goes on behind the last id after every break. */
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

export type StreamState = "connecting" | "open" | "lost";

export interface StreamOptions {
  url: string;
  after: string | null;
  onMessages: (messages: Message[], lastId: string) => void;
  onState: (state: StreamState, since: number) => void;
  signal: AbortSignal;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;
/** The server sends a comment every 15 seconds; without one for so long the connection is dead. */
const SILENT_MS = 40_000;

/** Follows a stream until the signal; connects again, ever slower, and passes the last id so that nothing is lost. */
export async function follow(options: StreamOptions): Promise<void> {
  let last = options.after;
  let pause = RETRY_FIRST_MS;
  while (!options.signal.aborted) {
    options.onState("connecting", Date.now());
    try {
      last = await once(options, last, () => {
        pause = RETRY_FIRST_MS;
      });
    } catch {
      // Every break is treated alike: tell it, wait, go on behind the last id.
    }
    if (options.signal.aborted) return;
    options.onState("lost", Date.now());
    await sleep(pause, options.signal);
    pause = Math.min(pause * 2, RETRY_MOST_MS);
  }
}

async function once(options: StreamOptions, after: string | null, opened: () => void): Promise<string | null> {
  let last = after;
  const dead = new AbortController();
  const stop = () => dead.abort();
  options.signal.addEventListener("abort", stop);
  let watchdog = setTimeout(stop, SILENT_MS);
  try {
    const headers: Record<string, string> = { accept: "text/event-stream", ...authorization() };
    if (after) headers["last-event-id"] = after;
    const response = await fetch(options.url, { headers, signal: dead.signal, cache: "no-store" });
    if (!response.ok || !response.body) return last;
    opened();
    options.onState("open", Date.now());
    const splitter = new Splitter();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return last;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENT_MS);
      const messages = splitter.push(value);
      if (splitter.lastId !== "") last = splitter.lastId;
      if (messages.length > 0 && !options.signal.aborted) options.onMessages(messages, last ?? "");
    }
  } catch {
    return last;
  } finally {
    clearTimeout(watchdog);
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
