/** First useful paint with nothing in any cache: from the begin of the navigation to the frame that shows rows or cells. */
import { openPage } from "../harness.mjs";
import { median, row } from "./table.mjs";

const TIMES = 5;
const PAGES = [
  ["home", "/?from=-3d", ".heat tbody td button"],
  ["Events", "/events?from=-24h", "#row-0"],
];

/** A new context has caches of its own. */
async function once(world, path, useful) {
  const { page, context, go } = await openPage(world);
  await page.addInitScript((selector) => {
    const look = () => {
      if (!document.querySelector(selector)) return requestAnimationFrame(look);
      // The next frame but one begins when the first that shows it has been handed over.
      requestAnimationFrame(() => requestAnimationFrame(() => Object.assign(window, { usefulAt: performance.now() })));
    };
    requestAnimationFrame(look);
  }, useful);
  await go(path);
  const at = await (await page.waitForFunction(() => window.usefulAt)).jsonValue();
  const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN);
  await context.close();
  return { at, first };
}

/** What the browser takes for a page of one word from the same server. */
async function limit(world) {
  const { page, context } = await openPage(world);
  await page.goto(`${world.front.url}/healthz`);
  const entry = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const at = await (await page.waitForFunction(entry)).jsonValue();
  await context.close();
  return at;
}

export async function paint(world) {
  const rows = [];
  await once(world, ...PAGES[0].slice(1));
  const word = [];
  for (let n = 0; n < TIMES; n += 1) word.push(await limit(world));
  for (const [name, path, useful] of PAGES) {
    const runs = [];
    for (let n = 0; n < TIMES; n += 1) runs.push(await once(world, path, useful));
    const got = median(runs.map((one) => one.at));
    const frame = median(runs.map((one) => one.first));
    rows.push(
      row({
        what: `first useful paint of ${name}, cold cache, median of ${TIMES}`,
        must: 1500,
        aim: 800,
        got,
        unit: "ms",
        beside: `frame and heads after ${frame.toFixed(0)} ms; a page of one word ${median(word).toFixed(0)} ms`,
      }),
    );
  }
  return rows;
}
