/** The matrix of two thousand hosts and sixty steps: while its run goes on, and in replay at 60×. */
import { fileURLToPath } from "node:url";
import { openPage, settled, until } from "../harness.mjs";
import { api, machines } from "../operations.mjs";
import { collectFrames, endFrames, frameRate, idleFrames, work } from "./frames.mjs";
import { row } from "./table.mjs";

const HOSTS = 2000;
const BUNDLE = "sixty-steps";
const LEAST_FRAMES = 600;
/** A step takes some five seconds, on all hosts together. */
const LONGEST_SECONDS = 1800;

/** What a server must be told, so that it has a bundle of so many steps. */
export const VARIABLES = { BEIDOU_CONTROLLERS_BUNDLES: JSON.stringify([fileURLToPath(new URL(BUNDLE, import.meta.url))]) };

/** A run that begins when it is resumed: then its page stands already. */
async function suspendedRun(world) {
  await until(
    `the bundle ${BUNDLE}, which a server of BEIDOU_URL must have by BEIDOU_CONTROLLERS_BUNDLES='${VARIABLES.BEIDOU_CONTROLLERS_BUNDLES}',`,
    () => api(world, "/operations/bundles"),
    (list) => list.items.some((one) => one.name === BUNDLE),
    60,
  );
  const name = `ops/measure-matrix-${Date.now()}`;
  const made = await api(world, "/operations", {
    name,
    spec: {
      clusterName: "sz-prod-01",
      operationType: "Command",
      bundle: BUNDLE,
      suspend: true,
      operationMachines: Array.from({ length: HOSTS / 250 }, (_, n) => machines(120 + n, 250)).flat(),
    },
  });
  return { id: made.id, name };
}

/** A page of the run, and how it stands while nothing goes on in it. `framesOf` tells of its frames while something does. */
async function watched(world, path, ready) {
  const { page, context, go } = await openPage(world);
  const here = ready?.(page);
  await go(path);
  await page.waitForSelector(".matrix canvas");
  await here;
  await settled(page);
  const idle = frameRate(await page.evaluate(idleFrames)).fps;
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable");
  const send = (method) => cdp.send(method);
  let asked = 0;
  page.on("request", (request) => {
    if (/\/matrix/.test(request.url())) asked += 1;
  });
  const framesOf = async (during) => {
    const before = await work(send);
    await page.evaluate(collectFrames);
    await during();
    const rate = frameRate(await page.evaluate(endFrames));
    const each = (((await work(send)).all - before.all) / rate.count).toFixed(1);
    return {
      fps: rate.fps,
      beside: `idle ${idle.toFixed(1)} fps; ${rate.count.toLocaleString("en")} frames in ${rate.seconds.toFixed(0)} s, p95 ${rate.p95.toFixed(1)} ms, worst ${rate.worst.toFixed(0)} ms, ${rate.long} above 50 ms; work a frame ${each} ms; ${asked} matrices asked for`,
    };
  };
  return { page, framesOf, close: () => context.close() };
}

async function live(world, { id, name }) {
  const { framesOf, close } = await watched(world, `/operations/${id}`);
  const frames = await framesOf(async () => {
    await api(world, `/operations/${id}/resume`, {});
    await until(
      "the end of the run",
      () => api(world, `/operations?text=${name}`),
      (list) => list.items[0]?.ended,
      LONGEST_SECONDS,
    );
  });
  await close();
  return frames;
}

async function replay(world, { id }) {
  const { summary } = await api(world, `/operations/${id}`);
  const begin = new Date(Date.parse(summary.started)).toISOString();
  // The film is whole with the page of changes behind which there is no other.
  const film = (page) =>
    page.waitForResponse(async (response) => /\/matrix\/changes/.test(response.url()) && !(await response.json()).next);
  const { page, framesOf, close } = await watched(world, `/operations/${id}?t=${begin}`, film);
  await page.selectOption(".replay select", "60");
  const frames = await framesOf(async () => {
    // It plays from its begin again and again, until there are frames enough.
    await page.evaluate((least) => {
      const press = () => {
        const button = document.querySelector(".replay .play");
        if (button?.getAttribute("aria-label") === "Play") button.click();
        if (window.measured.times.length < least) requestAnimationFrame(press);
      };
      requestAnimationFrame(press);
    }, LEAST_FRAMES);
    await page.waitForFunction((least) => window.measured.times.length >= least, LEAST_FRAMES, { timeout: 120_000 });
  });
  await close();
  return frames;
}

export async function matrix(world) {
  const run = await suspendedRun(world);
  const { plan } = await api(world, `/operations/${run.id}`);
  const size = `${plan.hosts.length.toLocaleString("en")} hosts × ${plan.steps.length} steps`;
  const told = (what, { fps, beside }) => row({ what: `${what}, ${size}`, must: 30, aim: 60, got: fps, unit: "fps", least: true, beside });
  return [told("matrix of a live run from its begin to its end", await live(world, run)), told("replay at 60×", await replay(world, run))];
}
