/** Names that the query line knows. The golden cases of the Rust parser hold them equal (test/query.test.ts). */
export const FIELDS: Record<string, readonly string[]> = {
  cluster: [],
  namespace: ["ns"],
  kind: [],
  name: ["object", "obj"],
  uid: ["id"],
  reason: [],
  type: ["severity", "sev"],
  action: [],
  component: ["reporter", "source"],
  host: [],
  node: [],
  instance: [],
  message: ["msg", "text"],
  pattern: ["template"],
  found_by: ["found-by", "found"],
};

export const COUNT = ["count", "occurrences"] as const;

/** The field that a name means, in any case; null where there is none. */
export function fieldOf(name: string): string | null {
  const lower = name.toLowerCase();
  if ((COUNT as readonly string[]).includes(lower)) return "count";
  for (const [field, aliases] of Object.entries(FIELDS)) if (field === lower || aliases.includes(lower)) return field;
  return null;
}

export const COMPARISONS = [">=", ">", "<=", "<", "="] as const;
export const OPERATORS = ["OR", "AND", "NOT", "|", "||", "&", "&&"];
export const LIMITS = { lineBytes: 4096, terms: 100, values: 200 };
