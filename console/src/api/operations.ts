/** Questions about operations and tasks, and what people say to them. */
import type { UseMutationResult } from "@tanstack/react-query";
import { get, getBytes, type Params, sendJson } from "./client";
import { asProblem } from "./problem";
import { ask, queryOptions } from "./questions";
import type {
  BundleList,
  CalendarAnswer,
  ChangesAnswer,
  CommandAnswer,
  HostList,
  MachinesAnswer,
  Me,
  OperationDetail,
  OperationList,
  PlanAnswer,
  RunEvents,
  TaskDetail,
  TaskList,
} from "./types";

export const OPERATIONS = "/api/v1/operations";
export const TASKS = "/api/v1/tasks";

/** Who asks, and how much goes on. */
export const me = () => ask<Me>("/api/v1/me");
export const operationList = (params: Params, anchor: number) => ask<OperationList>(OPERATIONS, params, anchor);
/** Over an axis of time: what was there in its range, the newest of it. */
export const runsOver = (params: Params, anchor: number) => operationList({ ...params, limit: 100 }, anchor);
export const taskList = (params: Params, anchor: number) => ask<TaskList>(TASKS, params, anchor);
export const bundleList = () => ask<BundleList>(`${OPERATIONS}/bundles`);
export const calendar = (params: Params = {}) => ask<CalendarAnswer>(`${OPERATIONS}/calendar`, params);
export const operationHosts = (id: string, params: Params, version: number) => ask<HostList>(`${OPERATIONS}/${id}/hosts`, params, version);
export const operationEvents = (id: string, params: Params) => ask<RunEvents>(`${OPERATIONS}/${id}/events`, params);

/** One object by its id: another id is another answer, so nothing stands in for it. */
export const operationDetail = (id: string) =>
  queryOptions({
    queryKey: [OPERATIONS, id],
    queryFn: ({ signal }) => get<OperationDetail>(`${OPERATIONS}/${encodeURIComponent(id)}`, {}, signal),
  });
export const taskDetail = (id: string) =>
  queryOptions({ queryKey: [TASKS, id], queryFn: ({ signal }) => get<TaskDetail>(`${TASKS}/${encodeURIComponent(id)}`, {}, signal) });

/** Hosts × steps at a moment: bytes[step * hosts + host], and the number of the last fact that they hold. */
export async function matrixAt(id: string, t: string | null, signal?: AbortSignal): Promise<{ bytes: Uint8Array; seq: number }> {
  const { bytes, headers } = await getBytes(`${OPERATIONS}/${id}/matrix`, { t }, signal);
  return { bytes, seq: Number(headers.get("x-beidou-seq") ?? 0) };
}

export const matrixChanges = (id: string, params: Params, signal?: AbortSignal) =>
  get<ChangesAnswer>(`${OPERATIONS}/${id}/matrix/changes`, params, signal);

/** Nodes of a cluster may stand there by their names; without one each line has an address. */
export const readMachines = (text: string, format: string, cluster: string, signal?: AbortSignal) =>
  sendJson<MachinesAnswer>("POST", `${OPERATIONS}/machines`, { text, format, ...(cluster === "" ? {} : { cluster }) }, {}, signal);

export const planOf = (wish: { name: string; spec: Record<string, unknown> }, signal?: AbortSignal) =>
  sendJson<PlanAnswer>("POST", `${OPERATIONS}/plan`, wish, {}, signal);

/** A command: the same key again is the same command, however often it is sent. */
export const command = (path: string, body: object, key: string) =>
  sendJson<CommandAnswer>("POST", path, body, {}, undefined, { "idempotency-key": key });

/** What a command was sent with, until its answer says whether it is done or refused: only this may go again under its key. */
export function owedBody({
  status,
  error,
  variables,
}: Pick<UseMutationResult<unknown, unknown, object>, "status" | "error" | "variables">) {
  return status === "pending" || (status === "error" && !asProblem(error).refused) ? variables : undefined;
}

/** A random UUID. `crypto.randomUUID` is there on secure origins alone. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
