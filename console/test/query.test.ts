import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { accepted, only, stateOf, valuesOf, without, withValue, written } from "../src/query/edit";
import { read, type Value } from "../src/query/scan";
import { FIELDS, KINDS, kindOf, LIMITS } from "../src/query/tables";

interface Golden {
  limits: { line_bytes: number; terms: number; values: number }[];
  fields: { name: string; aliases: string[] }[];
  kinds: { name: string; others: string[] }[];
  cases: {
    line: string;
    terms?: { field?: string; not?: boolean; values?: Value[]; comparison?: string; number?: number }[];
    error?: { fault: string; at: { char: number } };
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../../lib/model/golden/query_line.json", import.meta.url), "utf8"));
/** What only the server judges: values that a field refuses, and regular expressions. */
const LEFT_TO_THE_SERVER = ["value", "pattern", "large_pattern"];

/** The server writes kinds, types and ways of finding as Kubernetes does; the console leaves them as typed. */
function alike(value: Value): string {
  const text = Object.values(value)[0] as string;
  const lower = text.toLowerCase();
  const kind = golden.kinds.find((known) => known.name.toLowerCase() === lower || known.others.includes(lower));
  return `${Object.keys(value)[0]}:${(kind?.name ?? text).toLowerCase()}`;
}

describe("the golden cases of the Rust parser", () => {
  it("know the same fields, kinds and limits", () => {
    expect(FIELDS).toEqual(Object.fromEntries(golden.fields.map(({ name, aliases }) => [name, aliases])));
    expect(KINDS).toEqual(Object.fromEntries(golden.kinds.map(({ name, others }) => [name, others])));
    expect(["pod", "PO", "podDisruptionBudget", "Widget"].map(kindOf)).toEqual(["Pod", "Pod", "PodDisruptionBudget", null]);
    const limits = golden.limits[0];
    expect(LIMITS).toEqual({ lineBytes: limits?.line_bytes, terms: limits?.terms, values: limits?.values });
    expect(golden.cases.length).toBeGreaterThan(100);
  });
  it.each(golden.cases.filter((one) => one.terms).map((one) => [one.line, one]))("reads %s", (line, { terms = [] }) => {
    const found = read(line);
    expect(found.fault).toBeNull();
    const shape = found.terms.map((term) => ({ ...term, values: [...new Set(term.values.map(alike))] }));
    expect(shape.map(({ field, not, values, comparison, number }) => ({ field, not, values, comparison, number }))).toEqual(
      terms.map((term) => ({
        field: term.comparison ? "count" : term.field,
        not: term.not ?? false,
        values: (term.values ?? []).map(alike),
        comparison: term.comparison,
        number: term.number,
      })),
    );
  });
  it.each(golden.cases.filter((one) => one.error && !LEFT_TO_THE_SERVER.includes(one.error.fault)).map((one) => [one.line, one]))(
    "refuses %s",
    (line, { error }) => {
      expect(read(line).fault).toEqual({ fault: error?.fault, at: error?.at.char });
    },
  );
});

describe("tokens", () => {
  it("cover what is coloured", () => {
    const kinds = read('-kind:(Pod "a b") name:web-* count>=10 /x\\/y/ word').tokens.map((token) => token.kind);
    expect(kinds).toEqual(["minus", "field", "paren", "value", "quoted", "paren", "field", "glob", "field", "compare", "pattern", "word"]);
  });
  it("keep what stands in front of a fault", () => {
    const { tokens, fault } = read("kind:Pod nmespace:shop x");
    expect(fault).toEqual({ fault: "unknown_field", at: 9 });
    expect(tokens.at(-1)).toEqual({ kind: "bad", from: 9, to: 24 });
  });
});

describe("edits", () => {
  it("add, exclude and take away values and leave the rest", () => {
    expect(withValue("refused", "kind", "Pod")).toBe("refused kind:Pod");
    expect(withValue("kind:Pod refused", "kind", "Node")).toBe("kind:(Pod Node) refused");
    expect(withValue("kind:(Pod Node)", "kind", "Pod", true)).toBe("kind:Node -kind:Pod");
    expect(without("kind:(Pod Node) x", "kind", "pod")).toBe("kind:Node x");
    expect(without("a kind:Pod b", "kind", "Pod")).toBe("a b");
    expect(only("reason:(A B) -reason:C x", "reason", "D")).toBe("x reason:D");
    expect(stateOf("-reason:Pulled", "reason", "Pulled")).toBe("not");
    expect(valuesOf("cluster:(a b) -cluster:c", "cluster")).toEqual(["a", "b"]);
  });
  it("leave what was typed as it was, but for blanks beside a term that goes", () => {
    expect(withValue('"a  b" reason:Failed', "reason", "BackOff")).toBe('"a  b" reason:(Failed BackOff)');
    expect(withValue('"a  b"  x', "kind", "Pod")).toBe('"a  b"  x kind:Pod');
    expect(without('  "a  b"  kind:Pod  x', "kind", "Pod")).toBe('  "a  b"  x');
    expect(without("x  kind:Pod \u3000", "kind", "Pod")).toBe("x");
    expect(without(" kind:Pod ", "kind", "Pod")).toBe("");
    expect(without("-ns:(shop _ web)", "namespace", "")).toBe("-ns:(shop web)");
    expect(withValue("ev:x -sev:(Normal)", "type", "Odd", true)).toBe("ev:x -sev:(Normal) -type:Odd");
    expect(withValue("x -sev:(Normal)", "type", "Odd", true)).toBe("x -sev:(Normal Odd)");
    expect(withValue("a\\ ", "kind", "Pod")).toBe("a\\  kind:Pod");
    expect(without("a\\  kind:Pod", "kind", "Pod")).toBe("a\\ ");
    expect(only("a\\  reason:A  /x  y/", "reason", "B")).toBe("a\\  /x  y/ reason:B");
  });
  it("take a value away however often it is written", () => {
    expect(without("reason:(A A B)", "reason", "B")).toBe("reason:(A A)");
    expect(without("reason:(A B a) x", "reason", "A")).toBe("reason:B x");
    expect(without('kind:(Pod "pod") -kind:pod x', "kind", "Pod")).toBe("x");
    expect(without('reason:(A* /A/ "A")', "reason", "A")).toBe("reason:(A* /A/)");
    expect(without("a,b refused", "message", "a,b")).toBe("refused");
  });
  it("write values so that they are read again", () => {
    for (const value of ["a b", 'say "hi"', "OR", "-x", "a*b", "", "_", "back\\slash", "镜像", "a,b", "nginx:1.25"]) {
      expect(read(`name:${written(value)}`).terms[0]?.values, value).toEqual([{ text: value }]);
    }
  });
  it("put a proposal in place of what was begun", () => {
    expect(accepted("kind:Pod reas x", { from: 9, to: 13 }, "reason:")).toEqual({ line: "kind:Pod reason: x", at: 16 });
    expect(accepted("reason:Ba", { from: 7, to: 9 }, "BackOff")).toEqual({ line: "reason:BackOff ", at: 15 });
  });
});
