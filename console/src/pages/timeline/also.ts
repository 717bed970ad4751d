/** Objects that stand beside one on its timeline, as the address has them. Pure. */
import type { Event } from "../../api/types";
import { withValue } from "../../query/edit";
import type { ObjectRef } from "../../shell/copies";

/** More beside one another could not be seen at once. */
export const MOST_ALSO = 4;
/** So many are proposed. */
const MOST_FOUND = 14;

export function sameObject(a: ObjectRef, b: ObjectRef): boolean {
  return a.cluster === b.cluster && a.kind.toLowerCase() === b.kind.toLowerCase() && a.namespace === b.namespace && a.name === b.name;
}

/** No part of a name has a comma or a slash of its own there. */
function written({ cluster, kind, namespace, name }: ObjectRef): string {
  return [cluster, kind, namespace, name].map(encodeURIComponent).join("/");
}

export function writeAlso(all: readonly ObjectRef[]): string {
  return all.map(written).join(",");
}

function readOne(text: string): ObjectRef[] {
  try {
    const [cluster, kind, namespace, name, more] = text.split("/").map(decodeURIComponent);
    return cluster && kind && namespace && name && more === undefined ? [{ cluster, kind, namespace, name }] : [];
  } catch {
    return [];
  }
}

/** All but those that are in `taken`, each once. */
function others(all: readonly ObjectRef[], taken: readonly ObjectRef[]): ObjectRef[] {
  return all.filter((one, n) => [...taken, ...all.slice(0, n)].every((known) => !sameObject(one, known)));
}

/** Who stands beside `self`; what is no object is left out. */
export function readAlso(text: string | undefined, self: ObjectRef): ObjectRef[] {
  return others((text ?? "").split(",").flatMap(readOne), [self]).slice(0, MOST_ALSO);
}

/** Who may be put beside them: of which Events tell, and before these whoever is in `first`. */
export function proposed(first: readonly ObjectRef[], events: readonly Event[], taken: readonly ObjectRef[]): ObjectRef[] {
  const told = events.map(({ cluster, kind, namespace, name }) => ({ cluster, kind, namespace: namespace === "" ? "_" : namespace, name }));
  return others([...first, ...told], taken).slice(0, MOST_FOUND);
}

/** A line without those that are there already: their own Events may be the newest of all. Whoever types such a name is asked for it,
 * for another cluster or namespace may have one of the same name. */
export function besides(line: string, taken: readonly ObjectRef[], typed: string): string {
  const names = taken.map(({ name }) => name).filter((name) => !typed.includes(name));
  return names.reduce((text, name) => withValue(text, "name", name, true), line);
}
