/** The view of each page for other tools: command line, SQL, kubectl, API. Pure but for the origin of the page; a page gives what it
 * shows, so that the commands at the foot and its calls never differ. */
import type { Params } from "../api/client";
import { OPERATIONS, TASKS } from "../api/operations";
import { manifest, resourceWords } from "../operation/yaml";
import type { GroupParams, PatternParams } from "../pages/events/groups";
import { written } from "../query/edit";
import type { Range } from "../time/range";
import type { Copies } from "./chrome";
import { curl, shell, sqlText } from "./command";
import type { Search, View } from "./view";

type Asked = Pick<View, "search" | "range" | "clusters">;

/** Ends of the range as the command line reads them: `--since=6h`. */
export function rangeFlags(range: Range): string[] {
  const end = (text: string) => (text.startsWith("-") ? text.slice(1) : text);
  return [`--since=${end(range.from)}`, ...(range.to === "now" ? [] : [`--until=${end(range.to)}`])];
}

const flags = (name: string, values: readonly string[]) => values.map((value) => `--${name}=${value}`);
const given = (value: string | undefined) => (value ? [value] : []);
const scopeFlags = ({ range, clusters }: Asked) => [...rangeFlags(range), ...flags("cluster", clusters)];

const oneOf = (column: string, values: readonly string[]) =>
  values.length === 0 ? [] : [`${column} IN (${values.map(sqlText).join(", ")})`];
const inScope = (clusters: readonly string[]) => ["time >= {from} AND time < {to}", ...oneOf("cluster", clusters)];

export function fleetCopies(view: Asked, params: Params & { baseline?: string | undefined }): Copies {
  const against = flags("baseline", given(params.baseline));
  const where = [...inScope(view.clusters), "type = 'Warning'"].join(" AND ");
  return {
    cli: shell(["beidou", "explain", "--by=cluster", ...against, ...scopeFlags(view)], ["type:Warning"]),
    sql: `SELECT cluster, reason, sum(new_occurrences) AS n\nFROM events\nWHERE ${where}\nGROUP BY cluster, reason\nORDER BY n DESC`,
    api: curl("/api/v1/fleet/signals", params),
  };
}

/** Which Events are meant: for a command over them, and for a statement. What a query line means the server alone knows, so there is no
 * statement with one: without it a statement would ask for other Events. */
function meant(view: Asked, q: string, types: readonly string[]) {
  const where = [...inScope(view.clusters), ...oneOf("type", types)].join(" AND ");
  // The command line takes one type; a query line takes several.
  const [type, line] = types.length > 1 ? [[], `${q} type:(${types.map(written).join(" ")})`.trim()] : [types, q];
  return {
    cli: (words: string[]) => shell([...words, ...scopeFlags(view), ...flags("type", type)], given(line)),
    sql: (select: string, rest: string) => (q === "" ? { sql: `${select}\nFROM events\nWHERE ${where}\n${rest}` } : {}),
  };
}

export function eventsCopies(view: Asked, q: string, types: readonly string[], params: Params): Copies {
  const { cli, sql } = meant(view, q, types);
  const selected =
    types.length === 1
      ? flags(
          "field-selector",
          types.map((one) => `type=${one.replace(/[\\,=]/g, "\\$&")}`),
        )
      : [];
  return {
    cli: cli(["beidou", "events"]),
    ...sql("SELECT time, cluster, type, kind, namespace, name, reason, message", "ORDER BY time DESC\nLIMIT 200"),
    // It knows no query line, and one cluster at a time.
    ...(q === "" && view.clusters.length < 2
      ? { kubectl: shell(["kubectl", ...flags("context", view.clusters), "get", "events", "-A", "--sort-by=.lastTimestamp", ...selected]) }
      : {}),
    api: curl("/api/v1/events", params),
  };
}

/** Events grouped by a field: as the page counts them, but for a second component. */
export function groupCopies(view: Asked, q: string, types: readonly string[], params: GroupParams): Copies {
  const { cli, sql } = meant(view, q, types);
  const { top, sort } = params;
  const [field] = params.fields;
  return {
    cli: cli(["beidou", "facets", `--by=${field}`, `--top=${top}`, `--sort=${sort}`]),
    ...sql(
      `SELECT ${field}, count() AS states, countIf(type = 'Warning') AS warnings, sum(new_occurrences) AS happened`,
      `GROUP BY ${field}\nORDER BY ${sort} DESC\nLIMIT ${top}`,
    ),
    api: curl("/api/v1/events/facets", params),
  };
}

/** Events folded to templates of their messages. How many there were before the command and the call tell, too. */
export function patternsCopies(view: Asked, q: string, types: readonly string[], params: PatternParams): Copies {
  const { cli, sql } = meant(view, q, types);
  const { top } = params;
  return {
    cli: cli(["beidou", "patterns", `--top=${top}`]),
    ...sql(
      "SELECT pattern, count() AS states, max(time) AS last, uniqExact(cluster_uid) AS clusters",
      `GROUP BY pattern\nORDER BY states DESC\nLIMIT ${top}`,
    ),
    api: curl("/api/v1/events/patterns", params),
  };
}

export interface ObjectRef {
  cluster: string;
  kind: string;
  namespace: string;
  name: string;
}

export function objectUrl(ref: ObjectRef): string {
  return `/api/v1/objects/${[ref.cluster, ref.kind, ref.namespace, ref.name].map(encodeURIComponent).join("/")}`;
}

/** `ref`: with its kind as Kubernetes writes it, and the present name of its cluster. */
export function timelineCopies(ref: ObjectRef, { range }: Asked): Copies {
  const [kind, namespace] = [ref.kind.toLowerCase(), ref.namespace === "_" ? "" : ref.namespace];
  const within = flags("namespace", given(namespace));
  const equal = { cluster: ref.cluster, kind: ref.kind, namespace, name: ref.name };
  const where = Object.entries(equal).map(([column, value]) => `${column} = ${sqlText(value)}`);
  return {
    cli: shell(["beidou", "timeline", ...within, `--cluster=${ref.cluster}`, ...rangeFlags(range)], [`${kind}/${ref.name}`]),
    sql: `SELECT time, type, reason, message, new_occurrences\nFROM events\nWHERE ${[...inScope([]), ...where].join(" AND ")}\nORDER BY time DESC`,
    kubectl: shell(["kubectl", `--context=${ref.cluster}`, ...within, "describe"], [kind, ref.name]),
    api: curl(`${objectUrl(ref)}/lanes`, { from: range.from, to: range.to, width: 1200 }),
  };
}

export function finderCopies({ range }: Asked, params: Params & { q: string; cluster: readonly string[] }): Copies {
  const cli = shell(["beidou", "events", ...rangeFlags(range), ...flags("cluster", params.cluster)], [params.q]);
  return { cli, api: curl("/api/v1/events", params) };
}

export function clustersCopies({ clusters }: Asked, params: Params): Copies {
  const where = inScope(clusters).join(" AND ");
  return {
    cli: "beidou clusters",
    api: curl("/api/v1/clusters", params),
    sql: `SELECT cluster, count() AS states, max(time) AS last\nFROM events\nWHERE ${where}\nGROUP BY cluster\nORDER BY states DESC`,
  };
}

export function coverageCopies(view: Asked, params: Params): Copies {
  const where = ["until_time >= {from} AND from_time < {to} AND state != 'complete'", ...oneOf("cluster", view.clusters)].join(" AND ");
  return {
    cli: shell(["beidou", "coverage", ...scopeFlags(view)]),
    sql: `SELECT cluster, state, reason, from_time, until_time\nFROM coverage\nWHERE ${where}\nORDER BY from_time DESC`,
    api: curl("/api/v1/coverage/clusters", params),
  };
}

export function linkCopies(id: string): Copies {
  return { cli: "beidou --help", api: curl(`/api/v1/links/${encodeURIComponent(id)}`, {}) };
}

/** `saved`: the name under which this very text is saved. */
export function sqlCopies({ range }: Asked, text: string, saved?: string): Copies {
  const [named, operands] = saved === undefined ? [[], [text.trim()]] : [[`--saved=${saved}`], []];
  return {
    cli: shell(["beidou", "sql", ...named, ...rangeFlags(range)], operands),
    sql: text,
    api: curl("/api/v1/sql", { from: range.from, to: range.to }, { query: text }),
  };
}

/** Types of an address, with commas between. */
export function typesOf(search: Search): string[] {
  return (search.type ?? "").split(",").filter(Boolean);
}

export function workCopies(noun: "operation" | "task", path: string, view: Asked, params: Params): Copies {
  const { phase, sort, q } = view.search;
  const own = { phase: given(phase), type: typesOf(view.search), text: given(q), sort: given(sort) };
  const filters = Object.entries(own).flatMap(([name, values]) => flags(name, values));
  return { cli: shell(["beidou", noun, "list", ...scopeFlags(view), ...filters]), api: curl(path, params) };
}

/** What is known of a run or a task, once it is. */
interface Known {
  summary: { name: string; subject: string };
  spec: object;
}

/** The resource of a run or a task: as a manifest, and by kubectl where there is one. */
function resource(kind: "Operation" | "AutoOperationTask", known: Known | undefined): Pick<Copies, "yaml" | "kubectl"> {
  if (!known) return {};
  const words = resourceWords(kind, known.summary);
  return { yaml: manifest(kind, known.summary.name, known.spec), ...(words ? { kubectl: shell(words) } : {}) };
}

export function runCopies(id: string, replay: boolean, known: Known | undefined): Copies {
  return {
    cli: shell(["beidou", "operation", replay ? "export" : "watch"], [id]),
    api: curl(`${OPERATIONS}/${encodeURIComponent(id)}`, {}),
    ...resource("Operation", known),
  };
}

export function taskCopies(id: string, known: Known | undefined): Copies {
  return {
    cli: shell(["beidou", "task", "watch"], [id]),
    api: curl(`${TASKS}/${encodeURIComponent(id)}`, {}),
    ...resource("AutoOperationTask", known),
  };
}

export function nodesCopies({ range }: Asked, params: Params & { q: string; cluster: readonly string[] }): Copies {
  const which = [...rangeFlags(range), ...flags("cluster", params.cluster)];
  return {
    cli: shell(["beidou", "facets", "--by=node", "--top=50", ...which], [params.q]),
    api: curl("/api/v1/events/facets", params),
  };
}

/** A new operation: its manifest, and the same as a call. */
export function planCopies(yaml: string, name: string, spec: object): Copies & { api: string } {
  return { cli: "beidou operation apply -f operation.yaml --watch", yaml, api: curl(OPERATIONS, {}, { name, spec }) };
}

/** The manifest in a here-document, taken from standard input. The end word is none of its lines; what is pasted waits for Enter. */
export function planCommand(yaml: string): string {
  let end = "EOF";
  while (yaml.split("\n").includes(end)) end += "_";
  return `beidou operation apply -f - --watch <<'${end}'\n${yaml}${end}`;
}
