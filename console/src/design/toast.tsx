/** A word at the edge that something was done: "copied as SQL". */
import { useSyncExternalStore } from "react";

let current = "";
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function put(text: string): void {
  current = text;
  for (const listener of listeners) listener();
}

export function toast(text: string): void {
  put(text);
  clearTimeout(timer);
  timer = setTimeout(() => put(""), 2500);
}

export async function copy(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without the clipboard's permission the old way still works.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(done);
}

export function Toast() {
  const text = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return (
    <div role="status" aria-live="polite">
      {text === "" ? null : <div className="toast">{text}</div>}
    </div>
  );
}
