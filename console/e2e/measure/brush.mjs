/** From the hand that lets go of a brush to the new list, histogram and facets, over the whole history. */
import { openPage, settled } from "../harness.mjs";
import { median, percentile, row } from "./table.mjs";

const TIMES = 20;
const CALLS = ["/api/v1/events", "/api/v1/events/histogram", "/api/v1/events/facets"];

/** Runs in the page, before the release: `window.drawn` resolves with the time from the release until everything of the new range is drawn. */
function waitForDrawn(calls) {
  performance.clearResourceTimings();
  window.drawn = new Promise((resolve) => {
    let released = 0;
    const look = () => {
      const mine = performance.getEntriesByType("resource").filter((one) => one.startTime >= released && one.responseEnd > 0);
      const answers = calls.map((path) => mine.find((one) => new URL(one.name).pathname === path));
      const shown = document.querySelector(".histo canvas, .list .empty") && document.querySelector(".facets .facet");
      if (answers.includes(undefined) || !shown || document.querySelector(".events .stale, .events .bones"))
        return requestAnimationFrame(look);
      const slowest = Math.max(...answers.map((one) => one.responseEnd - one.startTime));
      requestAnimationFrame(() => requestAnimationFrame(() => resolve({ took: performance.now() - released, slowest })));
    };
    addEventListener(
      "pointerup",
      () => {
        released = performance.now();
        requestAnimationFrame(look);
      },
      { once: true, capture: true },
    );
  });
}

export async function brush(world) {
  const { page, context, go } = await openPage(world);
  await go("/events?from=-8d");
  await page.waitForSelector("#row-0");
  await settled(page);
  const states = await page.textContent(".leg .dim");
  const runs = [];
  for (let n = 0; n < TIMES; n += 1) {
    const box = await page.locator(".hist canvas").boundingBox();
    // Each brush lies elsewhere and is of another width, so that nothing has its answer yet.
    const from = box.x + box.width * (0.2 + 0.03 * (n % 17));
    const to = from + box.width * (0.05 + 0.01 * (n % 7));
    await page.mouse.move(from, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(to, box.y + 60, { steps: 4 });
    await page.evaluate(waitForDrawn, CALLS);
    await page.mouse.up();
    runs.push(await page.evaluate(() => window.drawn));
    await page.dblclick(".hist canvas");
    await page.waitForFunction(() => new URLSearchParams(location.search).get("from") === "-8d");
    await settled(page);
  }
  await context.close();
  const took = runs.map((one) => one.took);
  const slowest = runs.map((one) => one.slowest);
  return [
    row({
      what: `brush → new list, histogram and facets, p95 of ${TIMES}, of ${states.trim()}`,
      must: 600,
      aim: 200,
      got: percentile(took, 0.95),
      unit: "ms",
      beside: `p50 ${median(took).toFixed(0)} ms; the slowest of its three calls p50 ${median(slowest).toFixed(0)}, p95 ${percentile(slowest, 0.95).toFixed(0)} ms`,
    }),
  ];
}
