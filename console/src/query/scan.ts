/** The query line as far as the console needs it: tokens for colours, terms for facets, and the first fault with its place.
    What a line means is decided by the server; docs/query-line.md has the grammar. */
import { COMPARISONS, COUNT, fieldOf, LIMITS, OPERATORS } from "./tables";

export type TokenKind = "minus" | "field" | "value" | "glob" | "quoted" | "pattern" | "compare" | "paren" | "word" | "bad";

/** A stretch of the line, in characters (Unicode scalar values). */
export interface Token {
  kind: TokenKind;
  from: number;
  to: number;
}

export type Value = { text: string } | { glob: string } | { pattern: string };

export interface Term {
  field: string;
  not: boolean;
  values: Value[];
  comparison?: string;
  number?: number;
  /** Where it stands, in characters. */
  from: number;
  to: number;
}

export interface Fault {
  fault: string;
  at: number;
}

export interface Line {
  chars: string[];
  tokens: Token[];
  terms: Term[];
  fault: Fault | null;
}

class Stop extends Error {
  constructor(
    readonly at: number,
    readonly fault: string,
  ) {
    super(fault);
  }
}

export function isBlank(c: string | undefined): boolean {
  return c === " " || c === "\t" || c === "\n" || c === "\r" || c === "\u00a0" || c === "\u3000";
}

const isNamePart = (c: string | undefined) => c !== undefined && /^[A-Za-z_-]$/.test(c);
const isControl = (c: string) => (c < " " || c === "\u007f") && c !== "\t" && c !== "\n" && c !== "\r";

/** Reads a line. With a fault, tokens and terms are those in front of it, and the rest is one bad token. */
export function read(line: string): Line {
  return new Scanner(line).line();
}

class Scanner {
  readonly chars: string[];
  #at = 0;
  readonly #tokens: Token[] = [];
  readonly #terms: Term[] = [];

  constructor(private readonly source: string) {
    this.chars = Array.from(source);
  }

  line(): Line {
    let fault: Fault | null = null;
    try {
      this.#bounded();
      this.#all();
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      fault = { fault: stop.fault, at: stop.at };
      const kept = this.#tokens.filter((token) => token.to <= stop.at);
      if (stop.at < this.chars.length) kept.push({ kind: "bad", from: stop.at, to: this.chars.length });
      return { chars: this.chars, tokens: kept, terms: this.#terms, fault };
    }
    return { chars: this.chars, tokens: this.#tokens, terms: this.#terms, fault };
  }

  #bounded(): void {
    if (new TextEncoder().encode(this.source).length > LIMITS.lineBytes) {
      let bytes = 0;
      const fits = this.chars.findIndex((c) => {
        bytes += new TextEncoder().encode(c).length;
        return bytes > LIMITS.lineBytes;
      });
      throw new Stop(fits, "too_long");
    }
    const strange = this.chars.findIndex(isControl);
    if (strange >= 0) throw new Stop(strange, "control_character");
  }

  #all(): void {
    for (;;) {
      this.#skipBlanks();
      if (this.#peek() === undefined) return;
      if (this.#terms.length === LIMITS.terms) throw new Stop(this.#at, "too_many_terms");
      this.#terms.push(this.#term());
    }
  }

  #term(): Term {
    const from = this.#at;
    const not = this.#peek() === "-";
    if (not) {
      this.#at += 1;
      if (this.#isEnd() || this.#peek() === "-") throw new Stop(from, "minus");
      this.#token("minus", from);
    }
    const field = this.#field();
    const term: Term = { field: field ?? "message", not, values: [], from, to: from };
    if (field === "count") Object.assign(term, this.#count());
    else if (field === null) term.values.push(this.#value("message", wordSlip, "word"));
    else term.values.push(...this.#values(field));
    if (!this.#isEnd()) throw this.#notApart();
    term.to = this.#at;
    return term;
  }

  #field(): string | null {
    const begin = this.#at;
    if (!/^[A-Za-z]$/.test(this.#peek() ?? "")) return null;
    let end = begin;
    while (isNamePart(this.chars[end])) end += 1;
    const named = fieldOf(this.chars.slice(begin, end).join(""));
    const [sign, next] = [this.chars[end], this.chars[end + 1]];
    if (named !== null && sign === ":") {
      if (named === "count") throw new Stop(end, "comparison");
      this.#at = end + 1;
      this.#token("field", begin);
      return named;
    }
    const compares = sign === "<" || sign === ">" || sign === "=" || (sign === "!" && next === "=");
    if (named === "count" && compares) {
      this.#at = end;
      this.#token("field", begin);
      return named;
    }
    if (named !== null && named !== "count" && (compares || sign === "~" || (sign === "!" && next === "~")))
      throw new Stop(end, "comparison");
    const looksLikeField = sign === ":" || ((sign === "<" || sign === ">") && next !== undefined && /[0-9=]/.test(next));
    if (named === null && looksLikeField) throw new Stop(begin, "unknown_field");
    return null;
  }

  #count(): Pick<Term, "comparison" | "number"> {
    const begin = this.#at;
    const comparison = COMPARISONS.find((sign) => this.chars.slice(begin, begin + sign.length).join("") === sign);
    if (!comparison) throw new Stop(begin, "comparison");
    this.#at += comparison.length;
    const digits = this.#at;
    while (/^[0-9]$/.test(this.#peek() ?? "")) this.#at += 1;
    const number = Number(this.chars.slice(digits, this.#at).join(""));
    if (this.#at === digits || !this.#isEnd() || number > 4_294_967_295) throw new Stop(digits, "number");
    this.#token("compare", begin);
    return { comparison, number };
  }

  #values(field: string): Value[] {
    if (this.#isEnd()) throw new Stop(this.#at, "missing_value");
    if (this.#peek() !== "(") return [this.#value(field, valueSlip, "value")];
    const begin = this.#at;
    this.#at += 1;
    this.#token("paren", begin);
    const values: Value[] = [];
    for (let count = 0; ; count += 1) {
      this.#skipBlanks();
      const c = this.#peek();
      if (c === undefined) throw new Stop(begin, "open_list");
      if (c === ")") {
        if (count === 0) throw new Stop(this.#at, "empty_list");
        this.#at += 1;
        this.#token("paren", this.#at - 1);
        return values;
      }
      if (count === LIMITS.values) throw new Stop(this.#at, "too_many_values");
      const value = this.#value(field, valueSlip, "value");
      if (!values.some((known) => JSON.stringify(known) === JSON.stringify(value))) values.push(value);
      if (!this.#isEnd() && this.#peek() !== ")") throw this.#notApart();
    }
  }

  #value(field: string, slip: (word: string) => string | null, kind: TokenKind): Value {
    const begin = this.#at;
    const c = this.#peek();
    if (c === "(" || c === ")") throw new Stop(begin, "parenthesis");
    const value = c === '"' ? { text: this.#quoted() } : c === "/" ? { pattern: this.#pattern() } : this.#word();
    if (c !== '"' && c !== "/") {
      const fault = slip(this.chars.slice(begin, this.#at).join(""));
      if (fault) throw new Stop(begin, fault);
    }
    this.#token("pattern" in value ? "pattern" : "glob" in value ? "glob" : c === '"' ? "quoted" : kind, begin);
    return "text" in value && field === "namespace" && value.text === "_" && c !== '"' ? { text: "" } : value;
  }

  #quoted(): string {
    const begin = this.#at;
    let text = "";
    for (this.#at += 1; ; ) {
      const c = this.#peek();
      if (c === undefined) throw new Stop(begin, "open_quote");
      if (c === "\\") text += this.#escaped();
      else {
        this.#at += 1;
        if (c === '"') return text;
        text += c;
      }
    }
  }

  #pattern(): string {
    const begin = this.#at;
    let source = "";
    for (this.#at += 1; ; ) {
      const [c, next] = [this.#peek(), this.chars[this.#at + 1]];
      if (c === undefined || (c === "\\" && next === undefined)) throw new Stop(begin, "open_pattern");
      this.#at += c === "\\" ? 2 : 1;
      if (c === "/") return source;
      source += c === "\\" ? (next === "/" ? "/" : `\\${next}`) : c;
    }
  }

  #word(): Value {
    let [text, glob, wild] = ["", "", ""];
    let any = false;
    for (let c = this.#peek(); c !== undefined && !isBlank(c) && c !== '"' && c !== "(" && c !== ")"; c = this.#peek()) {
      if (c === "*" || c === "?") {
        this.#at += 1;
        wild += c;
        any = true;
        continue;
      }
      const plain = c === "\\" ? this.#escaped() : c;
      if (c !== "\\") this.#at += 1;
      glob += wildcards(wild) + (needsBackslash(plain) ? `\\${plain}` : plain);
      text += plain;
      wild = "";
    }
    return any ? { glob: glob + wildcards(wild) } : { text };
  }

  #escaped(): string {
    const c = this.chars[this.#at + 1];
    if (c === undefined) throw new Stop(this.#at, "open_escape");
    this.#at += 2;
    return c;
  }

  #notApart(): Stop {
    const c = this.#peek();
    return new Stop(this.#at, c === "(" || c === ")" ? "parenthesis" : "missing_blank");
  }

  #peek(): string | undefined {
    return this.chars[this.#at];
  }

  #isEnd(): boolean {
    const c = this.#peek();
    return c === undefined || isBlank(c);
  }

  #skipBlanks(): void {
    while (isBlank(this.#peek())) this.#at += 1;
  }

  #token(kind: TokenKind, from: number): void {
    this.#tokens.push({ kind, from, to: this.#at });
  }
}

/** A run of wildcards in its normal form: `*?*` finds the same as `?*`. */
function wildcards(run: string): string {
  return run.replaceAll("*", "") + (run.includes("*") ? "*" : "");
}

function needsBackslash(c: string): boolean {
  return isBlank(c) || /[*?\\"()]/.test(c);
}

function wordSlip(word: string): string | null {
  if (OPERATORS.includes(word) || word.startsWith("!")) return "operator";
  return /^[:<>=]/.test(word) ? "comparison" : null;
}

function valueSlip(word: string): string | null {
  if (OPERATORS.includes(word)) return "operator";
  if (/^[-!]/.test(word)) return "minus";
  return word.includes(",") ? "comma" : null;
}

export { COUNT };
