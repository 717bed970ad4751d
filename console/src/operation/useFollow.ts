/** Follows the stream of an operation or a task for as long as it is not over. */
import { useEffect, useRef } from "react";
import { follow, type StreamState } from "../api/stream";

interface Handlers<Message> {
  onMessages: (messages: Message[]) => void;
  onState: (state: StreamState) => void;
}

export function useFollow<Message>(url: string, enabled: boolean, handlers: Handlers<Message>): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    if (!enabled) return;
    const gone = new AbortController();
    void follow({
      url,
      after: null,
      signal: gone.signal,
      onMessages: (messages) => latest.current.onMessages(messages.map((message) => JSON.parse(message.data) as Message)),
      // A run that is not there is told by its detail.
      onState: (state) => latest.current.onState(state === "refused" ? "lost" : state),
    });
    return () => gone.abort();
  }, [url, enabled]);
}
