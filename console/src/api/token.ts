/** The bearer token. It comes once in the fragment of the address, is taken out of it at once, and lives as long as the tab. */
const KEY = "beidou.token";

/** What tabs of this origin say to one another: who has the token, and what it is. */
type Said = { wanted: true } | { token: string };
let sisters: BroadcastChannel | undefined;
let isWanted = true;

const listeners = new Set<() => void>();

/** Takes the token out of the fragment, before anything else reads the address. */
export function takeFromAddress(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return;
  if (token !== "") sessionStorage.setItem(KEY, token);
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest === "" ? "" : `#${rest}`));
}

/** A link that opens in a tab of its own takes no session storage along: there the token comes from a tab that has it. */
export function shareToken(): void {
  sisters = new BroadcastChannel(KEY);
  sisters.onmessage = ({ data }: MessageEvent<Said>) => {
    const own = token();
    if ("wanted" in data) {
      if (own !== null) sisters?.postMessage({ token: own } satisfies Said);
    } else if (own === null && isWanted) setToken(data.token);
  };
}

/** Asks other tabs, where this one has none, and nobody made it forget its own. */
export function askForToken(): void {
  if (token() === null && isWanted) sisters?.postMessage({ wanted: true } satisfies Said);
}

export function token(): string | null {
  return sessionStorage.getItem(KEY);
}

export function setToken(value: string | null): void {
  isWanted = value !== null;
  if (value === null || value.trim() === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value.trim());
  for (const listener of listeners) listener();
}

export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Headers for a call; none without a token, where the server may let anybody in. */
export function authorization(): Record<string, string> {
  const value = token();
  return value === null ? {} : { authorization: `Bearer ${value}` };
}
