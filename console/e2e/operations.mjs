/** Operations for tests: made, waited for and cleared away by the API itself. */
import { check, until } from "./harness.mjs";

export async function api(world, path, body, method = "POST") {
  const headers = { authorization: `Bearer ${world.api.token}`, "content-type": "application/json" };
  const init = body === undefined ? { headers } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${world.api.url}/api/v1${path}`, init);
  const answer = await response.json();
  check(response.ok, `${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

/** Addresses of machines; one of ten has a full disk at its first check. */
export function machines(block, count) {
  return Array.from({ length: count }, (_, n) => ({ ip: `10.86.${block}.${n + 1}`, name: `hz2-c7-b${block}-u${n + 1}` }));
}

/** The demo begins a run of its own some seconds after its start, which takes the lock of a cluster. */
const demoRuns = (world) => {
  world.demoRuns ??= until(
    "the demo's own run",
    () => api(world, "/operations?cluster=hz-prod-02"),
    (list) => list.items.some((one) => one.name.endsWith("scaleup-rack15")),
  );
  return world.demoRuns;
};

/** Cancels what runs on a cluster, so that its lock is free. */
export async function quiet(world, cluster) {
  await demoRuns(world);
  const active = async () => (await api(world, `/operations?cluster=${cluster}&phase=active`)).items;
  for (const item of await active()) {
    if (item.phase !== "Cancelling")
      await api(world, `/operations/${item.id}/cancel`, { why: "makes room for a test" }).catch(() => undefined);
  }
  await until(`quiet on ${cluster}`, active, (items) => items.length === 0);
}

export async function start(world, { cluster, block, count, ...spec }) {
  await quiet(world, cluster);
  const made = await api(world, "/operations", {
    name: `ops/scale-up-b${block}-${String(Date.now()).slice(-6)}`,
    spec: {
      clusterName: cluster,
      operationType: "ScaleUp",
      bundle: "scale-up",
      operationFlow: ["preCheck", "facts", "scaleUp", "postCheck"],
      operationMachines: machines(block, count),
      ...spec,
    },
  });
  return made.id;
}

/** One run that stands still with failed hosts, the same for all tests that only look at it. */
export async function heldRun(world) {
  world.heldRun ??= (async () => {
    const id = await start(world, { cluster: "sz-prod-01", block: 77, count: 40 });
    await until(
      "a run that holds itself",
      () => api(world, `/operations/${id}`),
      (one) => one.summary.phase === "Held",
    );
    return id;
  })();
  return world.heldRun;
}

/** One task that waits for its first machines, the same for all tests. */
export async function someTask(world) {
  world.someTask ??= (async () => {
    await quiet(world, "hz-prod-01");
    const steps = ["ScaleUpPreCheck", "ScaleUpWorkprocess", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"];
    const made = await api(world, "/tasks", {
      name: `ops/add-workers-${String(Date.now()).slice(-6)}`,
      spec: {
        cluster: "hz-prod-01",
        clusterType: "native",
        operationIds: ["scale-up"],
        operationTaskType: "ScaleUp",
        operationTaskMachines: machines(78, 3).map((one) => ({ name: one.ip })),
        operationTaskStep: steps.map((step) => ({ step })),
      },
    });
    return made.id;
  })();
  return world.someTask;
}

const NAMES = ["preCheck", "facts", "scaleUp", "postCheck"];

/** A like run that is over, so that there is a forecast: steps tell how long they took, whatever became of a machine. */
export async function runBefore(world) {
  const known = (await api(world, "/operations?text=ops/scale-up-b40")).items.find((one) => one.ended);
  if (known) return;
  const id = await start(world, { cluster: "hz-prod-01", block: 40, count: 3, batches: { canary: 1, soakSeconds: 1 } });
  await throughIt(world, id, ({ summary }) => summary.ended);
}

/** A run as people meet it: some machines failed their check, batches went through, and somebody holds it in the middle. */
export async function pictureRun(world) {
  const known = (await api(world, "/operations?text=ops/scale-up-general-c7&phase=Held")).items[0];
  if (known) return known.id;
  await runBefore(world);
  await quiet(world, "hz-prod-02");
  const made = await api(world, "/operations", {
    name: "ops/scale-up-general-c7",
    spec: {
      clusterName: "hz-prod-02",
      operationType: "ScaleUp",
      bundle: "scale-up",
      operationFlow: NAMES,
      operationMachines: Array.from({ length: 60 }, (_, n) => ({
        ip: `10.86.${14 + Math.floor(n / 44)}.${(n % 44) + 3}`,
        name: `hz2-c7-r${14 + Math.floor(n / 44)}-u${String((n % 44) + 1).padStart(2, "0")}`,
        role: "Compute",
      })),
      batches: { canary: 1, soakSeconds: 3, size: 20 },
    },
  });
  await throughIt(world, made.id, ({ stages }) => stages.some((one) => one.batch === 2 && one.state === "running"));
  await api(world, `/operations/${made.id}/hold`, { why: "the registry answers slowly" });
  await until(
    "a held run",
    () => api(world, `/operations/${made.id}`),
    (one) => one.summary.phase === "Held",
  );
  return made.id;
}

/** Lets a run go on wherever it holds itself, until it is as wanted. */
async function throughIt(world, id, wanted) {
  return until(
    `the end of ${id}`,
    async () => {
      const detail = await api(world, `/operations/${id}`);
      if (detail.summary.phase === "Held" && !wanted(detail)) await api(world, `/operations/${id}/resume`, {}).catch(() => undefined);
      return detail;
    },
    wanted,
    300,
  );
}

/** A task at its work order: its first machines passed, at the second try where need be. */
export async function taskAtGate(world) {
  const id = await someTask(world);
  const ask = async () => {
    const detail = await api(world, `/tasks/${id}`);
    if (detail.summary.phase === "Held" && detail.summary.reason === "OperationHeld")
      await api(world, `/tasks/${id}/retry`, {}).catch(() => undefined);
    return detail;
  };
  await until("a task at its work order", ask, (one) => one.summary.steps.some((step) => step.gate));
  return id;
}
