/** From the newest Event to the oldest, as fast as rows come: frames a second on the whole way, and memory at its highest. */
import { launch, until } from "../harness.mjs";
import { bareTab } from "./bare.mjs";
import { collectFrames, endFrames, frameRate, idleFrames, memory, work } from "./frames.mjs";
import { row } from "./table.mjs";

/** A tenth of them is enough for a look: `MEASURE_ROWS=100000`. */
const MOST_ROWS = Number(process.env.MEASURE_ROWS ?? 1_000_000);
/** Pixels a frame: fifty rows, more than the window shows. */
const STEP = 1300;
const LONGEST_SECONDS = 1800;
const MB = 1_000_000;

/** Runs in the page: scrolls with each frame; at the last known row it waits for the next page, and at the end it stops. */
function scrollOn({ step, most }) {
  const rows = document.querySelector(".rows");
  const height = document.querySelector(".vrow").offsetHeight;
  const state = { ended: false, rows: 0, drawn: 0, still: 0 };
  Object.assign(window, { scrolled: state });
  const tick = () => {
    rows.scrollBy(0, step);
    state.rows = Math.round((rows.scrollTop + rows.clientHeight) / height);
    state.drawn = Math.max(state.drawn, document.querySelectorAll(".vrow").length);
    // Behind the last row nothing waits, for as long as a page never takes to be drawn.
    const bottom = rows.scrollTop + rows.clientHeight >= rows.scrollHeight - 1;
    state.still = bottom && !document.querySelector(".vrow[aria-busy=true]") ? state.still + 1 : 0;
    if (state.still > 120 || state.rows >= most) state.ended = true;
    else requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

async function emptyTab(browser, url) {
  const tab = await bareTab(browser, `${url}/healthz`);
  await until(
    "an empty tab",
    () => tab.evaluate(() => document.readyState),
    (state) => state === "complete",
    30,
  );
  const size = (await memory(browser, tab.send)).process;
  await tab.close();
  return size;
}

export async function scroll(world) {
  // A browser of its own: its largest renderer is this tab's.
  const browser = await launch();
  try {
    const empty = await emptyTab(browser, world.front.url);
    const tab = await bareTab(browser, `${world.front.url}/events?from=-8d#token=${world.api.token}`);
    const stands = () => document.querySelector("#row-0") !== null && document.querySelector(".events .bones, .events .stale") === null;
    await until("the list", () => tab.evaluate(stands), Boolean, 60);
    const idle = frameRate(await tab.evaluate(idleFrames)).fps;
    const looks = [await memory(browser, tab.send)];
    const before = await work(tab.send);
    await tab.evaluate(collectFrames);
    await tab.evaluate(scrollOn, { step: STEP, most: MOST_ROWS });
    const look = async () => {
      looks.push(await memory(browser, tab.send));
      return tab.evaluate(() => window.scrolled);
    };
    const { rows, drawn } = await until("the oldest Event", look, (one) => one.ended, LONGEST_SECONDS);
    const rate = frameRate(await tab.evaluate(endFrames));
    const after = await work(tab.send);
    const each = (what) => ((after[what] - before[what]) / rate.count).toFixed(1);
    const most = (what) => looks.reduce((high, one) => Math.max(high, one[what]), 0) / MB;
    const last = looks.at(-1);
    return [
      row({
        what: `scrolling through ${rows.toLocaleString("en")} Events, ${STEP} px a frame`,
        must: 50,
        aim: 60,
        got: rate.fps,
        unit: "fps",
        least: true,
        beside: `idle ${idle.toFixed(1)} fps; ${rate.count.toLocaleString("en")} frames in ${rate.seconds.toFixed(0)} s, p95 ${rate.p95.toFixed(1)} ms, ${rate.long} above 50 ms; work a frame ${each("all")} ms (script ${each("script")}, layout ${each("layout")}); at most ${drawn} rows in the document`,
      }),
      row({
        what: "memory of the tab meanwhile, at its highest: its whole process",
        must: 250,
        aim: 150,
        got: most("process"),
        unit: "MB",
        beside: `an empty tab ${(empty / MB).toFixed(1)} MB, the page before ${(looks[0].process / MB).toFixed(1)} MB; heap with its garbage at most ${most("heap").toFixed(1)} MB; at the end ${(last.process / MB).toFixed(1)} and ${(last.heap / MB).toFixed(1)} MB`,
      }),
    ];
  } finally {
    await browser.close();
  }
}
