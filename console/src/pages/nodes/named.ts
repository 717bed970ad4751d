/** The nodes that Events name: put together from what is counted by node, of all Events and of Warnings alone, and from the newest Events.
 * Nobody lists the nodes themselves. Pure. */
import type { CalendarAnswer, Event, Facets, HostItem, Page } from "../../api/types";

/** A count, or what it is not above. */
export interface Count {
  n: number;
  most: boolean;
}

export interface NodeRow {
  name: string;
  warnings: Count | null;
  /** How many states name it; null where that is not known. */
  states: number | null;
  /** The newest Event that names it; else the moment before which it was. */
  last: Event | number | null;
}

const ofNode = (facets: Facets | undefined) => facets?.facets.find((facet) => facet.field === "node");

/** The query line: every Event that names a node, or one whose name has this in it. */
export function lineOf(part: string): string {
  const words = part.toLowerCase().match(/[a-z0-9.*-]+/g);
  return words ? `node:*${words.join("*")}*` : "-node:_";
}

/** Most Warnings first, then who is named most. */
export function nodesOf(all: Facets, bad: Facets | undefined, newest: Page<Event> | undefined): NodeRow[] {
  const [named, warned] = [ofNode(all)?.values ?? [], ofNode(bad)?.values ?? []];
  const states = new Map(named.map((one) => [one.value, one.states]));
  const warnings = new Map(warned.map((one) => [one.value, one.states]));
  // Only so many are told, the largest: whoever is not among them has no more than the least of these.
  const rest = bad && { n: warned.length < (ofNode(bad)?.different ?? 0) ? (warned.at(-1)?.states ?? 0) : 0, most: true };
  const last = new Map<string, Event>();
  for (const event of newest?.items ?? []) if (event.node && !last.has(event.node)) last.set(event.node, event);
  const oldest = newest?.next ? newest.items.at(-1) : undefined;
  const before = oldest ? Date.parse(oldest.time) : null;
  const names = [...new Set([...warnings.keys(), ...states.keys()])].filter((name) => name !== "");
  const rows = names.map((name): NodeRow => {
    const n = warnings.get(name);
    const counted = n === undefined ? rest && { ...rest, most: rest.n > 0 } : { n, most: false };
    return { name, warnings: counted ?? null, states: states.get(name) ?? null, last: last.get(name) ?? before };
  });
  const key = ({ warnings: count }: NodeRow) => (count === null || count.most ? 0 : count.n);
  return rows.sort((a, b) => key(b) - key(a) || (b.states ?? 0) - (a.states ?? 0) || a.name.localeCompare(b.name));
}

/** How many nodes are named in all. */
export function howMany(all: Facets): number {
  return ofNode(all)?.different ?? 0;
}

type Lock = CalendarAnswer["locks"][number];

/** Which operation works on a node, as its hosts are known by name and address. Who holds the cluster is told beside the list. */
export function holderOf(locks: readonly Lock[], hosts: ReadonlyMap<string, readonly HostItem[]>): (name: string) => Lock | undefined {
  const by = new Map<string, Lock>();
  for (const one of locks) {
    for (const address of one.lock.hosts) by.set(address, one);
    for (const host of hosts.get(one.operation) ?? []) for (const name of [host.host, host.name]) if (name) by.set(name, one);
  }
  return (name) => by.get(name);
}
