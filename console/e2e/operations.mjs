/** Operations for tests: made, waited for and cleared away by the API itself. */
import { check } from "./harness.mjs";

export async function api(world, path, body) {
  const headers = { authorization: `Bearer ${world.api.token}`, "content-type": "application/json" };
  const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(`${world.api.url}/api/v1${path}`, init);
  const answer = await response.json();
  check(response.ok, `${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

/** Asks until the answer is as wanted. */
export async function until(what, ask, wanted, seconds = 120) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Addresses of machines; one of ten has a full disk at its first check. */
export function machines(block, count) {
  return Array.from({ length: count }, (_, n) => ({ ip: `10.86.${block}.${n + 1}`, name: `e2e-${block}-${n + 1}` }));
}

/** Cancels what runs on a cluster, so that its lock is free. */
export async function quiet(world, cluster) {
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
    name: `e2e/block-${block}-${Date.now()}`,
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
      name: `e2e/task-${Date.now()}`,
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
