/** The largest single answer that the browser gets on a walk through all pages, as it comes and as it is read. */
import { openPage, settled, until } from "../harness.mjs";
import { api, machines, quiet } from "../operations.mjs";
import { routes } from "../routes.mjs";
import { row } from "./table.mjs";

const HOSTS = 2000;

/** Every tenth machine fails its check, so the run holds itself when all have been checked. */
async function largeRun(world) {
  // Another test may have cancelled it meanwhile; its film is the same.
  const known = (await api(world, "/operations?text=ops/measure-large")).items.find(
    (one) => one.phase === "Held" || one.phase === "Cancelled",
  );
  if (known) return known.id;
  await quiet(world, "sz-prod-01");
  const blocks = Array.from({ length: HOSTS / 250 }, (_, n) => machines(100 + n, 250)).flat();
  const made = await api(world, "/operations", {
    name: "ops/measure-large",
    spec: {
      clusterName: "sz-prod-01",
      operationType: "ScaleUp",
      bundle: "scale-up",
      operationFlow: ["preCheck", "facts", "scaleUp", "postCheck"],
      operationMachines: blocks,
    },
  });
  await until(
    "the end of the checks of a large run",
    () => api(world, `/operations/${made.id}`),
    ({ summary }) => summary.phase === "Held",
    600,
  );
  return made.id;
}

export async function answers(world) {
  const found = [];
  const { page, context, go } = await openPage(world);
  const reading = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    // A stream has no end.
    if (/event-stream/.test(response.headers()["content-type"] ?? "")) return;
    const read = async () => {
      const [body, sizes] = await Promise.all([response.body(), response.request().sizes()]);
      found.push({ path: pathname, read: body.length, wire: sizes.responseBodySize });
    };
    // What is left before it was read is not counted: nobody got it.
    reading.push(read().catch(() => undefined));
  });
  const large = ["a large run", `/operations/${await largeRun(world)}?t=${new Date().toISOString()}&group=all`, ".hl"];
  for (const [, path, ready] of [...(await routes(world)), large]) {
    await go(path);
    await page.waitForSelector(ready);
    await settled(page);
    await page.waitForLoadState("networkidle", { timeout: 5000 }).catch(() => undefined);
  }
  await Promise.all(reading);
  await context.close();
  const largest = (list) => list.reduce((most, one) => (one.read > most.read ? one : most));
  const api = found.filter((one) => one.path.startsWith("/api/"));
  const files = found.filter((one) => !one.path.startsWith("/api/"));
  const [answer, file] = [largest(api), largest(files)];
  const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
  return [
    row({
      what: `largest of ${api.length} answers on a walk through all pages, one of them a run of ${HOSTS} hosts`,
      must: 1_000_000,
      aim: 200_000,
      got: answer.read,
      unit: "B",
      beside: `${answer.path}, ${kb(answer.wire)} on the wire; the largest file, ${file.path.split("/").at(-1)}, ${kb(file.read)}, ${kb(file.wire)} on the wire`,
    }),
  ];
}
