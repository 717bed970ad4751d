/** The nodes that Events name: put together from the most named, the most warned, and the newest Events.
 * Nobody lists the nodes themselves. Pure. */
import type { CalendarAnswer, Event, Facets, HostItem, Page } from "../../api/types";

export interface NodeRow {
  name: string;
  warnings: number;
  /** How many states name it. */
  states: number;
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
export function nodesOf(all: Facets, warned: Facets | undefined, newest: Page<Event> | undefined): NodeRow[] {
  const values = [all, warned].flatMap((facets) => ofNode(facets)?.values ?? []);
  const counted = new Map(values.map((one) => [one.value, one]));
  counted.delete("");
  const last = new Map<string, Event>();
  for (const event of newest?.items ?? []) if (event.node && !last.has(event.node)) last.set(event.node, event);
  const oldest = newest?.next ? newest.items.at(-1) : undefined;
  const before = oldest ? Date.parse(oldest.time) : null;
  const rows = [...counted].map(([name, { warnings, states }]) => ({ name, warnings, states, last: last.get(name) ?? before }));
  return rows.sort((a, b) => b.warnings - a.warnings || b.states - a.states || a.name.localeCompare(b.name));
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
