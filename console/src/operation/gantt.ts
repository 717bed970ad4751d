/** The stages of a run as rows on a time axis: what stands where, and what may come. Pure. */
import { taskStepName } from "./words";

export interface Stage {
  step: string;
  batch: number;
  canary: boolean;
  hosts: number;
  soak_ms: number;
  host_ranges: readonly (readonly number[])[];
  started?: string | null;
  ended?: string | null;
  state?: string;
  p50_ms?: number | null;
  p90_ms?: number | null;
}

export interface TaskPart {
  step: string;
  bundle?: string | null;
  state: string;
  operation?: string | null;
  started?: string | null;
  ended?: string | null;
}

export interface Row {
  key: string;
  /** A step by its name; a batch by its number, for whoever draws words. */
  name: string;
  batch: number | null;
  canary: boolean;
  depth: 0 | 1 | 2;
  /** Places of stages that lie on this row. */
  stages: number[];
  /** A row that only spans others. */
  head: boolean;
  /** The step of a task that has its own times. */
  part: TaskPart | null;
}

/** Beyond so many rows the batches of a step share one. */
const MOST_ROWS = 40;

export function rowsOf(stages: readonly Stage[], task: readonly TaskPart[] = [], own = ""): Row[] {
  const inner = task.length === 0 ? 0 : 1;
  const mine = stageRows(stages, inner);
  if (task.length === 0) return mine;
  return task.flatMap((part): Row[] => {
    const name = taskStepName(part);
    const head: Row = { key: `task-${name}`, name, batch: null, canary: false, depth: 0, stages: [], head: true, part };
    return part.operation === own ? [head, ...mine] : [head];
  });
}

function stageRows(stages: readonly Stage[], depth: 0 | 1): Row[] {
  const steps = [...new Set(stages.map((stage) => stage.step))];
  const batches = [...new Set(stages.map((stage) => stage.batch))];
  const places = (is: (stage: Stage) => boolean) => stages.flatMap((stage, n) => (is(stage) ? [n] : []));
  const stepRow = (step: string, head: boolean): Row => ({
    key: step,
    name: step,
    batch: null,
    canary: false,
    depth,
    stages: places((stage) => stage.step === step),
    head,
    part: null,
  });
  const batchRow = (key: string, at: number[], deep: 0 | 1 | 2): Row => {
    const first = stages[at[0] ?? 0];
    const [batch, canary] = [first?.batch ?? 0, first?.canary ?? false];
    return { key, name: first?.step ?? "", batch, canary, depth: deep, stages: at, head: false, part: null };
  };
  if (batches.length <= 1) return steps.map((step) => stepRow(step, false));
  const byBatch = comesBack(stages);
  if (byBatch && batches.length <= MOST_ROWS) {
    return batches.map((batch) =>
      batchRow(
        `batch-${batch}`,
        places((stage) => stage.batch === batch),
        depth,
      ),
    );
  }
  if (!byBatch && steps.length + stages.length <= MOST_ROWS) {
    return steps.flatMap((step) => {
      const own = places((stage) => stage.step === step);
      if (own.length === 1) return [stepRow(step, false)];
      return [stepRow(step, true), ...own.map((at) => batchRow(`${step}-${stages[at]?.batch}`, [at], (depth + 1) as 1 | 2))];
    });
  }
  return steps.map((step) => stepRow(step, false));
}

/** Whether a step comes again behind another one: then a batch takes all its steps before the next batch. */
function comesBack(stages: readonly Stage[]): boolean {
  const seen = new Set<string>();
  return stages.some((stage, n) => {
    const again = seen.has(stage.step) && stages[n - 1]?.step !== stage.step;
    seen.add(stage.step);
    return again;
  });
}

/** A time in which the run stood still, as the server tells it. */
export interface Stood {
  since: string;
  until?: string | null;
  stage: number;
}

export interface Hold {
  from: number;
  to: number;
  stage: number;
  /** It still stood at the shown moment. */
  open: boolean;
}

/** The holds that had begun at a moment, none longer than up to it. */
export function holdsAt(stood: readonly Stood[], at: number): Hold[] {
  return stood.flatMap((one) => {
    const from = Date.parse(one.since);
    const until = one.until ? Date.parse(one.until) : Number.POSITIVE_INFINITY;
    return from > at ? [] : [{ from, to: Math.min(until, at), stage: one.stage, open: until > at }];
  });
}

export interface Ghost {
  stage: number;
  from: number;
  to: number;
  p90: number;
}

/** What may come: stages that are not over, one after the other from now on. Ends where no like run is known. */
export function ghosts(stages: readonly Stage[], now: number): Ghost[] {
  const found: Ghost[] = [];
  let [at, late] = [now, now];
  for (const [n, stage] of stages.entries()) {
    if (stage.ended) {
      at = Math.max(now, Date.parse(stage.ended) + stage.soak_ms);
      late = at;
      continue;
    }
    if (stage.p50_ms === null || stage.p50_ms === undefined) return found;
    const begin = stage.started ? Date.parse(stage.started) : at;
    const lateBegin = stage.started ? begin : late;
    const to = Math.max(stage.started ? now : begin, begin + stage.p50_ms);
    const p90 = Math.max(to, lateBegin + (stage.p90_ms ?? stage.p50_ms));
    found.push({ stage: n, from: stage.started ? Math.max(begin, Math.min(now, to)) : begin, to, p90 });
    at = to + stage.soak_ms;
    late = p90 + stage.soak_ms;
  }
  return found;
}

/** First and last moment of the axis: the run, and what may come of it, with a little room. */
export function axisOf(begin: number, now: number, coming: readonly Ghost[], end: number | null): [number, number] {
  const last = end ?? Math.max(now, ...coming.map((ghost) => ghost.p90));
  const length = Math.max(10_000, last - begin);
  return [begin - length * 0.005, begin + length * 1.12];
}
