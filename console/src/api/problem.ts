/** What went wrong with a call, in the shape of RFC 9457, also where no server answered. */
import type { ProblemBody } from "./types";

export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly slug: string;
  readonly requestId: string | null;
  readonly parameter: ProblemBody["parameter"];

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

  /** Another try may find it well. */
  get passing(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
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
