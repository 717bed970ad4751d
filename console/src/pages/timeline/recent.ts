/** Objects that were looked at last in this browser. */
import type { Ref } from "./TimelinePage";

const KEY = "beidou.recent";
const MOST = 12;

export function recent(): Ref[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value)
      ? value.filter((one): one is Ref => typeof one?.name === "string" && typeof one?.cluster === "string").slice(0, MOST)
      : [];
  } catch {
    return [];
  }
}

export function remember({ cluster, kind, namespace, name }: Ref): void {
  const same = (one: Ref) => one.cluster === cluster && one.kind === kind && one.namespace === namespace && one.name === name;
  const next = [{ cluster, kind, namespace, name }, ...recent().filter((one) => !same(one))].slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Nothing is remembered, and nothing else depends on it.
  }
}
