/** Objects that were looked at last in this browser. */
import type { ObjectRef } from "../../shell/copies";

const KEY = "beidou.recent";
const MOST = 12;

export function recent(): ObjectRef[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value)
      ? value.filter((one): one is ObjectRef => typeof one?.name === "string" && typeof one?.cluster === "string").slice(0, MOST)
      : [];
  } catch {
    return [];
  }
}

export function remember({ cluster, kind, namespace, name }: ObjectRef): void {
  const same = (one: ObjectRef) => one.cluster === cluster && one.kind === kind && one.namespace === namespace && one.name === name;
  const next = [{ cluster, kind, namespace, name }, ...recent().filter((one) => !same(one))].slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Nothing is remembered, and nothing else depends on it.
  }
}
