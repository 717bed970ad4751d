/** Frames of a page while something goes on in it, what they cost, and what its process holds in memory. */
import { readFileSync } from "node:fs";
import { percentile } from "./table.mjs";

/** Runs in the page: collects the times of frames until `window.measured.enough`. */
export function collectFrames() {
  const state = { times: [], enough: false };
  Object.assign(window, { measured: state });
  const tick = (now) => {
    state.times.push(now);
    if (!state.enough) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

/** Runs in the page: ends the collection. */
export function endFrames() {
  window.measured.enough = true;
  return window.measured.times;
}

/** Runs in the page: frames while nothing happens, which is what this browser can do here. */
export function idleFrames() {
  return new Promise((resolve) => {
    const times = [];
    const tick = (now) => {
      times.push(now);
      if (times.length > 120) resolve(times);
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
}

/** Frames a second over all of them, and how long one took. */
export function frameRate(times) {
  const between = times.slice(1).map((time, n) => time - times[n]);
  const span = times.at(-1) - times[0];
  return {
    fps: (between.length * 1000) / span,
    p95: percentile(between, 0.95),
    worst: between.reduce((most, one) => Math.max(most, one), 0),
    long: between.filter((one) => one > 50).length,
    count: between.length,
    seconds: span / 1000,
  };
}

/** What the page's thread has done so far, in milliseconds. */
export async function work(send) {
  const { metrics } = await send("Performance.getMetrics");
  const of = (name) => (metrics.find((one) => one.name === name)?.value ?? Number.NaN) * 1000;
  return { all: of("TaskDuration"), script: of("ScriptDuration"), layout: of("LayoutDuration") + of("RecalcStyleDuration") };
}

/** Resident memory of the browser's largest renderer in bytes, shared pages by their share. NaN where the system does not tell. */
async function renderer(browser) {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  await cdp.detach();
  const sizes = processInfo
    .filter((one) => one.type === "renderer")
    .map((one) => {
      try {
        return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one.id}/smaps_rollup`, "utf8"))?.[1]) * 1024;
      } catch {
        return Number.NaN;
      }
    });
  return Math.max(...sizes.filter((size) => !Number.isNaN(size)), 0) || Number.NaN;
}

/** The heap of JavaScript as it lies there, garbage and backing stores included, and the whole process. */
export async function memory(browser, send) {
  const heap = await send("Runtime.getHeapUsage");
  const { metrics } = await send("Performance.getMetrics");
  return {
    heap: heap.usedSize + (heap.backingStorageSize ?? 0),
    nodes: metrics.find((one) => one.name === "Nodes")?.value ?? Number.NaN,
    process: await renderer(browser),
  };
}
