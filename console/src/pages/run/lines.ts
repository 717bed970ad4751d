/** The list of hosts by error as lines: a head for each group, some of its hosts, and then all others. Pure. */
import type { HostErrorGroup, HostItem } from "../../api/types";

export type Line =
  | { what: "group"; group: HostErrorGroup }
  | { what: "host"; host: HostItem }
  | { what: "more"; n: number; key: string }
  | { what: "rest" }
  | { what: "unread"; n: number };

/** So many hosts of a group are shown before somebody asks for more. */
const FIRST = 3;

export function keyOf(group: HostErrorGroup): string {
  return `${group.step}/${group.state}/${group.code}/${group.task}`;
}

/** Keys of groups that are shown in full, as the address holds them. */
export function writeKeys(keys: readonly string[]): string {
  return keys.map((key) => key.replace(/[,\\]/g, "\\$&")).join(",");
}

export function readKeys(text: string | undefined): string[] {
  return (text ?? "").match(/(?:\\.|[^,\\])+/gs)?.map((key) => key.replace(/\\(.)/gs, "$1")) ?? [];
}

/** Hosts that a retry of a group can name; none is all bad ones, where they are this group. */
export function retryOf(group: HostErrorGroup, bad: number): { hosts: string[]; n: number } {
  const all = group.count === bad;
  return all ? { hosts: [], n: bad } : { hosts: group.hosts, n: group.hosts.length };
}

/** `total`: how many there are beside `items` too. Groups count all hosts with their error, also those that a filter leaves out. */
export function flat(
  groups: readonly HostErrorGroup[],
  items: readonly HostItem[],
  shown: readonly string[],
  total = items.length,
  filtered = false,
): Line[] {
  const unread = total - items.length;
  const byHost = new Map(items.map((item) => [item.host, item]));
  const grouped = new Set<string>();
  const lines = groups.flatMap((group): Line[] => {
    const key = keyOf(group);
    const own = group.hosts.flatMap((host) => byHost.get(host) ?? []);
    for (const host of group.hosts) grouped.add(host);
    const some = shown.includes(key) || own.length <= FIRST + 1 ? own : own.slice(0, FIRST);
    const rest = own.length === some.length ? 0 : (unread > 0 && !filtered ? group.count : own.length) - some.length;
    const head: Line = { what: "group", group };
    return [head, ...some.map((host): Line => ({ what: "host", host })), ...(rest > 0 ? [{ what: "more", n: rest, key } as const] : [])];
  });
  const others = items.filter((item) => !grouped.has(item.host)).map((host): Line => ({ what: "host", host }));
  const end: Line[] = unread > 0 ? [{ what: "unread", n: unread }] : [];
  return [...lines, ...(lines.length > 0 && others.length > 0 ? [{ what: "rest" } as const] : []), ...others, ...end];
}
