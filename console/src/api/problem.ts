/** What went wrong with a call, in the shape of RFC 9457, also where no server answered. */
import type { ProblemBody } from "./types";

export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly slug: string;
  readonly requestId: string | null;
  readonly parameter: ProblemBody["parameter"];
  /** The call that was asked, path and parameters; empty where it was none. */
  asked = "";
  /** Since when it is not answered, and how often it was asked since. */
  since = Date.now();
  times = 1;

  constructor(status: number, body: Partial<ProblemBody>, requestId: string | null) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    this.title = body.title ?? `HTTP ${status}`;
    this.slug = (body.type ?? "").replace(/^.*\/problems\//, "");
    this.requestId = requestId ?? body.instance?.replace(/^urn:uuid:/, "") ?? null;
    this.parameter = body.parameter ?? null;
  }

  /** Nobody answered: the server is away, or the way to it. */
  get unreachable(): boolean {
    return this.status === 0;
  }

  /** The caller may not, or is not known. */
  get forbidden(): boolean {
    return this.status === 401 || this.status === 403;
  }

  /** The server answered, and did nothing. Of any other problem nobody knows whether the call did its work. */
  get refused(): boolean {
    return this.status >= 400 && this.status < 500;
  }

  /** Another try may find it well. */
  get passing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** Calls that the server owes an answer, each from its first failure on. */
const owed = new Map<string, { since: number; times: number }>();
const MOST_OWED = 200;

/** Notes that a call was answered, or what it met with in place of an answer, and gives that back. A refusal is an answer, too; that it
 * is not there is none, for it is asked again. */
export function noted(method: string, asked: string, body: string, problem?: Problem): Problem | undefined {
  const call = `${method} ${asked} ${body}`;
  const before = owed.get(call);
  // Set anew, a call stands behind the others: those not asked for the longest time are forgotten.
  owed.delete(call);
  if (!problem) return undefined;
  problem.asked = asked;
  if (problem.refused && problem.status !== 404) return problem;
  const { since } = before ?? problem;
  const times = (before?.times ?? 0) + 1;
  owed.set(call, { since, times });
  const [oldest] = owed.keys();
  if (owed.size > MOST_OWED && oldest !== undefined) owed.delete(oldest);
  return Object.assign(problem, { since, times });
}

export async function problemOf(response: Response): Promise<Problem> {
  const id = response.headers.get("x-request-id");
  const body: Partial<ProblemBody> = await response.json().catch(() => ({ title: `HTTP ${response.status} ${response.statusText}` }));
  return new Problem(response.status, body, id);
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { title: "unreachable", detail: error instanceof Error ? error.message : String(error) }, null);
}
