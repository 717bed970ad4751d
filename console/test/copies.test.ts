/** What is copied is pasted into a shell: no address and no Event puts a word of its own into a command. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { OPERATIONS, TASKS } from "../src/api/operations";
import { groupParams, patternParams } from "../src/pages/events/groups";
import type { Copies } from "../src/shell/chrome";
import { curl, shell, shellWord, sqlText } from "../src/shell/command";
import * as builders from "../src/shell/copies";
import { split } from "./shell";

const ORIGIN = "https://beidou.test";
const HOSTILE = [
  "plain",
  "two words",
  "$(touch /tmp/x)",
  "`touch /tmp/x`",
  "it's; touch /tmp/x #",
  `"; touch /tmp/x; "`,
  "a\ntouch /tmp/x\n",
  "a\r\ttouch /tmp/x",
  "a\u0003touch /tmp/x",
  "\u001b[201~touch /tmp/x\u001b[200~",
  "c1\u009b31m",
  "\u202etxt.exe\u202c\u200b\u{e0041}",
  "'\n'touch!x\\'",
  "!!",
  "back\\slash\\",
  "--output=/tmp/x",
  "-o/tmp/x",
  "--",
  "-",
  "~root/*?[a]{b,c}",
  "a=b",
  "# all",
  "$HOME $PATH",
  "& | ; < > ( )",
  "中文 ✓ 🙂",
];
/** As an argument takes it. */
const argument = (text: string) => text.replaceAll("\0", "");

beforeAll(() => vi.stubGlobal("location", { origin: ORIGIN }));
afterAll(() => vi.unstubAllGlobals());

describe("a word of a shell", () => {
  it("is one word on one line, without a sign that acts on a terminal", () => {
    for (const text of [...HOSTILE, "", "a\0b\0"]) {
      const word = shellWord(text);
      expect(split(word), JSON.stringify(text)).toEqual([argument(text)]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(word).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/);
    }
    expect(shellWord("reason:BackOff")).toBe("reason:BackOff");
    expect(shellWord("it's $HOME")).toBe(`'it'\\''s $HOME'`);
  });
  it("is what bash makes of it", () => {
    const said = execFileSync("bash", ["-c", `printf '%s\\0' ${HOSTILE.map(shellWord).join(" ")}`], { encoding: "utf8" });
    expect(said.split("\0").slice(0, -1)).toEqual(HOSTILE);
  });
  it("is no option where it is none", () => {
    expect(shell(["beidou", "events"], ["-reason:BackOff"])).toBe("beidou events -- -reason:BackOff");
    expect(shell(["beidou", "events"], ["reason:BackOff"])).toBe("beidou events reason:BackOff");
  });
});

describe("a text of SQL", () => {
  it("ends where it ends, on one line", () => {
    for (const text of HOSTILE) {
      const literal = sqlText(text);
      expect(literal).toMatch(/^'(?:[^'\\\n\r]|\\.)*'$/u);
      expect(unescaped(literal)).toBe(text);
    }
    expect(sqlText("a'b\\")).toBe("'a\\'b\\\\'");
  });
});

const AUTHORIZED = ["curl", "-H", "Authorization: Bearer $BEIDOU_TOKEN"];
const JSON_BODY = ["-H", "content-type: application/json", "-d"];

/** The words of every command that a page offers, and what they must be. */
function all(x: string): Record<string, [Copies, { cli: string[]; kubectl?: string[]; api?: string[] }]> {
  const view = { search: { phase: x, type: x, q: x, sort: x }, range: { from: "-6h", to: "2026-11-27T00:00:00Z" }, clusters: [x, "hz"] };
  const scope = ["--since=6h", "--until=2026-11-27T00:00:00Z", `--cluster=${x}`, "--cluster=hz"];
  const [since, q] = [scope.slice(0, 2), x.startsWith("-") ? ["--", x] : [x]];
  const params = { q: x, cluster: [x] };
  const query = `?${new URLSearchParams({ cluster: x, q: x })}`;
  const get = (path: string) => [...AUTHORIZED, ORIGIN + path];
  const part = encodeURIComponent(x);
  const ref = { cluster: x, kind: x, namespace: x, name: x };
  const [kind, spec] = [x.toLowerCase(), { name: x }];
  const list = [`--phase=${x}`, ...x.split(",").map((one) => `--type=${one}`), `--text=${x}`, `--sort=${x}`];
  const selector = `--field-selector=type=${x.replace(/[\\,=]/g, "\\$&")}`;
  const manifested = { summary: { name: x, subject: "ana" }, spec };
  return {
    fleet: [
      builders.fleetCopies(view, { ...params, baseline: "1w" }),
      {
        cli: ["beidou", "explain", "--by=cluster", "--baseline=1w", ...scope, "type:Warning"],
        api: get(`/api/v1/fleet/signals?${new URLSearchParams({ baseline: "1w", cluster: x, q: x })}`),
      },
    ],
    events: [
      builders.eventsCopies(view, x, [x], params),
      {
        cli: ["beidou", "events", ...scope, `--type=${x}`, ...q],
        api: get(`/api/v1/events${query}`),
      },
    ],
    eventsOfOneCluster: [
      builders.eventsCopies({ ...view, clusters: [x] }, "", [x], params),
      {
        cli: ["beidou", "events", ...scope.slice(0, 3), `--type=${x}`],
        kubectl: ["kubectl", `--context=${x}`, "get", "events", "-A", "--sort-by=.lastTimestamp", selector],
        api: get(`/api/v1/events${query}`),
      },
    ],
    group: [
      builders.groupCopies(view, x, [x], groupParams(params, "node", { sort: "warnings" })),
      {
        cli: ["beidou", "facets", "--by=node", "--top=50", "--sort=warnings", ...scope, `--type=${x}`, ...q],
        api: get(`/api/v1/events/facets?${new URLSearchParams({ cluster: x, fields: "node", q: x, sort: "warnings", top: "50" })}`),
      },
    ],
    patterns: [
      builders.patternsCopies(view, x, [x], patternParams(params)),
      {
        cli: ["beidou", "patterns", "--top=200", ...scope, `--type=${x}`, ...q],
        api: get(`/api/v1/events/patterns?${new URLSearchParams({ cluster: x, q: x, top: "200" })}`),
      },
    ],
    timeline: [
      builders.timelineCopies(ref, view),
      {
        cli: ["beidou", "timeline", `--namespace=${x}`, `--cluster=${x}`, ...since, ...(x.startsWith("-") ? ["--"] : []), `${kind}/${x}`],
        kubectl: ["kubectl", `--context=${x}`, `--namespace=${x}`, "describe", ...(x.startsWith("-") ? ["--"] : []), kind, x],
        api: get(`/api/v1/objects/${part}/${part}/${part}/${part}/lanes?from=-6h&to=2026-11-27T00%3A00%3A00Z&width=1200`),
      },
    ],
    finder: [
      builders.finderCopies(view, params),
      { cli: ["beidou", "events", ...since, `--cluster=${x}`, ...q], api: get(`/api/v1/events${query}`) },
    ],
    clusters: [builders.clustersCopies(view, params), { cli: ["beidou", "clusters"], api: get(`/api/v1/clusters${query}`) }],
    coverage: [
      builders.coverageCopies(view, params),
      { cli: ["beidou", "coverage", ...scope], api: get(`/api/v1/coverage/clusters${query}`) },
    ],
    link: [builders.linkCopies(x), { cli: ["beidou", "--help"], api: get(`/api/v1/links/${part}`) }],
    sql: [
      builders.sqlCopies(view, x),
      {
        cli: ["beidou", "sql", ...since, ...(x.trim().startsWith("-") ? ["--"] : []), x.trim()],
        api: [...AUTHORIZED, ...JSON_BODY, JSON.stringify({ query: x }), `${ORIGIN}/api/v1/sql?from=-6h&to=2026-11-27T00%3A00%3A00Z`],
      },
    ],
    saved: [
      builders.sqlCopies(view, x, "by-node"),
      {
        cli: ["beidou", "sql", "--saved=by-node", ...since],
        api: [...AUTHORIZED, ...JSON_BODY, JSON.stringify({ query: x }), `${ORIGIN}/api/v1/sql?from=-6h&to=2026-11-27T00%3A00%3A00Z`],
      },
    ],
    operations: [
      builders.workCopies("operation", OPERATIONS, view, params),
      { cli: ["beidou", "operation", "list", ...scope, ...list], api: get(`/api/v1/operations${query}`) },
    ],
    run: [
      builders.runCopies(x, false, manifested),
      { cli: ["beidou", "operation", "watch", ...q], api: get(`/api/v1/operations/${part}`) },
    ],
    replay: [
      builders.runCopies(x, true, undefined),
      { cli: ["beidou", "operation", "export", ...q], api: get(`/api/v1/operations/${part}`) },
    ],
    task: [builders.taskCopies(x, manifested), { cli: ["beidou", "task", "watch", ...q], api: get(`${TASKS}/${part}`) }],
    nodes: [
      builders.nodesCopies(view, params),
      {
        cli: ["beidou", "facets", "--by=node", "--top=50", ...scope.slice(0, 3), ...q],
        api: get(`/api/v1/events/facets${query}`),
      },
    ],
    plan: [
      builders.planCopies("", x, spec),
      {
        cli: ["beidou", "operation", "apply", "-f", "operation.yaml", "--watch"],
        api: [...AUTHORIZED, ...JSON_BODY, JSON.stringify({ name: x, spec }), `${ORIGIN}/api/v1/operations`],
      },
    ],
  };
}

describe("what a page offers to copy", () => {
  it("splits into exactly the words that are meant, whatever an address or an Event says", () => {
    for (const text of HOSTILE) {
      for (const [name, [copies, wanted]] of Object.entries(all(text))) {
        const of = `${name}: ${JSON.stringify(text)}`;
        expect(split(copies.cli), of).toEqual(wanted.cli);
        if (copies.kubectl !== undefined || wanted.kubectl) expect(split(copies.kubectl ?? ""), of).toEqual(wanted.kubectl);
        if (copies.api !== undefined || wanted.api) expect(split(copies.api ?? ""), of).toEqual(wanted.api);
      }
    }
  });
  it("knows every builder", () => {
    const tried = new Set(["split", "objectUrl", "rangeFlags", "typesOf", "planCommand"]);
    const known = Object.keys(all("x")).map((name) => ({ operations: "work", replay: "run" })[name] ?? name);
    const rest = Object.keys(builders).filter((name) => !tried.has(name) && !known.includes(name.replace("Copies", "")));
    expect(rest).toEqual([]);
  });
  it("keeps values within their texts of SQL, and to the clusters of the page", () => {
    for (const text of HOSTILE) {
      const view = { search: {}, range: { from: "-6h", to: "now" }, clusters: [text] };
      const scope = `cluster IN (${sqlText(text)})`;
      const where = ({ sql = "" }: Copies) => sql.split("\n")[2];
      const events = `WHERE time >= {from} AND time < {to} AND ${scope}`;
      expect(where(builders.eventsCopies(view, "", [text], {}))).toBe(`${events} AND type IN (${sqlText(text)})`);
      expect(where(builders.patternsCopies(view, "", [text], patternParams({})))).toBe(`${events} AND type IN (${sqlText(text)})`);
      expect(where(builders.fleetCopies(view, {}))).toBe(`${events} AND type = 'Warning'`);
      expect(where(builders.clustersCopies(view, {}))).toBe(events);
      const lost = "WHERE until_time >= {from} AND from_time < {to} AND state != 'complete'";
      expect(where(builders.coverageCopies(view, {}))).toBe(`${lost} AND ${scope}`);
    }
    const all = { search: {}, range: { from: "-6h", to: "now" }, clusters: [] };
    expect(builders.clustersCopies(all, {}).sql).not.toContain("cluster IN");
  });
  it("has no statement where a query line narrows the page, for it would ask for more", () => {
    const view = { search: {}, range: { from: "-6h", to: "now" }, clusters: [] };
    const copies = [
      builders.eventsCopies(view, "reason:BackOff", [], {}),
      builders.groupCopies(view, "reason:BackOff", [], groupParams({}, "node", {})),
      builders.patternsCopies(view, "reason:BackOff", [], patternParams({})),
    ];
    expect(copies.map(({ sql }) => sql)).toEqual([undefined, undefined, undefined]);
  });
  it("groups in SQL as the page does", () => {
    const view = { search: {}, range: { from: "-6h", to: "now" }, clusters: ["hz"] };
    const { sql = "" } = builders.groupCopies(view, "", [], groupParams({}, "node", {}));
    expect(sql.split("\n")).toEqual([
      "SELECT node, count() AS states, countIf(type = 'Warning') AS warnings, sum(new_occurrences) AS happened",
      "FROM events",
      "WHERE time >= {from} AND time < {to} AND cluster IN ('hz')",
      "GROUP BY node",
      "ORDER BY states DESC",
      "LIMIT 50",
    ]);
  });
  it("asks for several types in the query line, since the command takes one", () => {
    const view = { search: {}, range: { from: "-6h", to: "now" }, clusters: [] };
    expect(builders.eventsCopies(view, "", ["Normal", "a b"], {}).cli).toBe(`beidou events --since=6h 'type:(Normal "a b")'`);
  });
  it("holds a manifest as the input of its command, which waits for Enter", () => {
    for (const text of HOSTILE) {
      const { yaml = "" } = builders.runCopies("x", false, {
        summary: { name: text, subject: "ana" },
        spec: { [text]: [text], EOF: "EOF" },
      });
      const lines = builders.planCommand(yaml).split("\n");
      expect(lines[0]).toBe("beidou operation apply -f - --watch <<'EOF'");
      expect(lines.indexOf("EOF")).toBe(lines.length - 1);
      expect(`${lines.slice(1, -1).join("\n")}\n`).toBe(yaml);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(yaml).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/);
    }
    expect(builders.planCommand("EOF\n")).toBe("beidou operation apply -f - --watch <<'EOF_'\nEOF\nEOF_");
  });
  it("never holds the token", () => {
    expect(curl("/x", {})).toBe(`curl -H "Authorization: Bearer $BEIDOU_TOKEN" ${ORIGIN}/x`);
  });
});

/** The value of a literal, as ClickHouse reads it. */
function unescaped(literal: string): string {
  const bytes: number[] = [];
  for (const [whole, sign] of literal.slice(1, -1).matchAll(/\\(x..|.)|[^\\]/gsu)) {
    if (sign?.startsWith("x")) bytes.push(Number.parseInt(sign.slice(1), 16));
    else bytes.push(...new TextEncoder().encode(sign ? ({ n: "\n", t: "\t" }[sign] ?? sign) : whole));
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
