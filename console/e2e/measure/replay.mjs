/** The page of a run in replay at 60×, with two thousand hosts. */
import { openPage, settled, until } from "../harness.mjs";
import { api, machines, quiet } from "../operations.mjs";
import { collectFrames, endFrames, frameRate, idleFrames, work } from "./frames.mjs";
import { row } from "./table.mjs";

export const HOSTS = 2000;
const LEAST_FRAMES = 600;

/** Every tenth machine fails its check, so the run holds itself when all have been checked. */
export async function largeRun(world) {
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

export async function replay(world) {
  const id = await largeRun(world);
  const { plan, summary } = await api(world, `/operations/${id}`);
  const begin = Date.parse(summary.steps.find((step) => step.started).started);
  const { page, context, go } = await openPage(world);
  let asked = 0;
  // The film is whole with the page of changes behind which there is no other.
  const film = page.waitForResponse(async (response) => /\/matrix\/changes/.test(response.url()) && !(await response.json()).next);
  await go(`/operations/${id}?t=${new Date(begin).toISOString()}`);
  await page.waitForSelector(".badge:has-text('Replay')");
  await page.waitForSelector(".matrix canvas");
  await film;
  await settled(page);
  const idle = frameRate(await page.evaluate(idleFrames)).fps;
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable");
  const send = (method) => cdp.send(method);
  const before = await work(send);
  page.on("request", (request) => {
    if (/\/matrix/.test(request.url())) asked += 1;
  });
  await page.selectOption(".replay select", "60");
  // It plays from its begin again and again, until there are frames enough.
  await page.evaluate(
    ({ least }) => {
      const press = () => {
        const button = document.querySelector(".replay .play");
        if (button?.getAttribute("aria-label") === "Play") button.click();
        if (window.measured.times.length < least) requestAnimationFrame(press);
      };
      requestAnimationFrame(press);
    },
    { least: LEAST_FRAMES },
  );
  await page.evaluate(collectFrames);
  await page.waitForFunction((least) => window.measured.times.length >= least, LEAST_FRAMES, { timeout: 120_000 });
  const rate = frameRate(await page.evaluate(endFrames));
  const after = await work(send);
  await context.close();
  return [
    row({
      what: `replay at 60×, ${plan.hosts.length.toLocaleString("en")} hosts × ${plan.steps.length} steps`,
      must: 30,
      aim: 60,
      got: rate.fps,
      unit: "fps",
      least: true,
      beside: `idle ${idle.toFixed(1)} fps; p95 ${rate.p95.toFixed(1)} ms, worst ${rate.worst.toFixed(0)} ms, ${rate.long} of ${rate.count} above 50 ms; work a frame ${((after.all - before.all) / rate.count).toFixed(1)} ms; ${asked} matrices asked for`,
    }),
  ];
}
