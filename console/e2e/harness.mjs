/** What every end-to-end test needs: a real server, a browser, and a page that reports everything that goes wrong. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";

/** The server of BEIDOU_URL, or a demo of BEIDOU_BIN with data of its own, and with these flags and variables. */
async function backend(flags, variables) {
  if (process.env.BEIDOU_URL) return { url: process.env.BEIDOU_URL, token: process.env.BEIDOU_TOKEN ?? "", stop: () => undefined };
  const binary = process.env.BEIDOU_BIN;
  if (!binary) throw new Error("set BEIDOU_URL and BEIDOU_TOKEN, or BEIDOU_BIN");
  const data = mkdtempSync(join(tmpdir(), "console-e2e-"));
  const begin = async (listen) => {
    const child = spawn(binary, ["demo", "--data", data, "--listen", listen, ...flags], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...variables },
    });
    let said = "";
    await new Promise((resolve, reject) => {
      child.stdout.on("data", (piece) => {
        said += piece;
        if (/An incident is hidden/.test(said)) resolve();
      });
      child.on("exit", (code) => reject(new Error(`the demo ended with ${code}: ${said}`)));
    });
    return { child, said };
  };
  const end = async (child) => {
    const over = once(child, "exit");
    child.kill("SIGINT");
    await over;
  };
  let { child, said } = await begin("127.0.0.1:0");
  const url = /URL\s+(http\S+)/.exec(said)?.[1] ?? "";
  const token = /token\s+(bd_\w+)/.exec(said)?.[1] ?? "";
  return {
    url,
    token,
    /** Ends it, and begins it anew with its data and on its port. */
    async restart() {
      await end(child);
      ({ child, said } = await begin(new URL(url).host));
    },
    async stop() {
      await end(child);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** Serves the console in front of it; with BEIDOU_EMBEDDED the server does so itself. */
export async function start(flags = [], variables = {}) {
  const api = await backend(flags, variables);
  const front = process.env.BEIDOU_EMBEDDED ? { url: api.url, setAway: null, close: () => undefined } : await serve(api.url);
  const browser = await launch();
  return {
    api,
    front,
    browser,
    async stop() {
      await browser.close();
      front.close();
      await api.stop();
    },
  };
}

const EXPECTED = [/Failed to load resource/, /net::ERR_/];
export const MOST_ANSWER = 1_000_000;

/** A page with what a person chose. `troubles` fills with whatever no page may do. */
export async function openPage(world, { theme = "light", lang = "en", width = 1440, height = 900 } = {}) {
  const context = await world.browser.newContext({
    viewport: { width, height },
    timezoneId: "Asia/Shanghai",
    locale: "en-GB",
    permissions: ["clipboard-read", "clipboard-write"],
    acceptDownloads: true,
  });
  await context.addInitScript(
    (prefs) => {
      if (!localStorage.getItem("beidou.prefs")) localStorage.setItem("beidou.prefs", JSON.stringify(prefs));
    },
    { theme, lang },
  );
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.E2E_TIMEOUT_MS ?? 45_000));
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.some((one) => one.test(message.text()))) troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== world.front.url && !["blob:", "data:"].includes(url.protocol))
      troubles.push(`another origin was asked: ${url.origin}`);
    if (world.api.token && url.href.includes(world.api.token)) troubles.push(`the token is in an address: ${url.pathname}`);
  });
  page.on("response", async (response) => {
    const length = Number(response.headers()["content-length"] ?? 0);
    if (new URL(response.url()).pathname.startsWith("/api/") && length > MOST_ANSWER)
      troubles.push(`an answer of ${length} bytes: ${response.url()}`);
  });
  return {
    page,
    context,
    troubles,
    /** Until the console stands: keys that come before it are heard by nobody. */
    async go(path) {
      await page.goto(`${world.front.url}${path}#token=${world.api.token}`);
      await page.waitForSelector(".app, .gate", { state: "attached" });
    },
  };
}

/** All that was asked for has come, nothing moves any more but what moves for ever, and canvases have been drawn. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const rests = (one) => one.playState !== "running" || one.effect?.getComputedTiming().iterations === Number.POSITIVE_INFINITY;
    return !document.querySelector(".bones, .bone, .stale") && document.getAnimations().every(rests);
  });
  await frames(page);
}

/** Two frames: what the page was told is drawn. */
export function frames(page) {
  return page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** Scrolls the list of Events, until the rows that come into sight are there. */
export async function scrollRows(page, by) {
  await page.evaluate((top) => document.querySelector(".rows").scrollBy(0, top), by);
  await frames(page);
  await page.waitForFunction(() => document.querySelector(".vrow") && !document.querySelector(".vrow[aria-busy=true]"));
}

/** Runs in the page: whether a canvas has more than a few pixels of this token's colour. */
export function pixelsOf({ selector, token }) {
  const canvas = document.querySelector(selector);
  const wanted = getComputedStyle(document.documentElement).getPropertyValue(token).trim();
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(wanted.slice(at, at + 2), 16));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let n = 0; n < data.length; n += 4) if (data[n] === r && data[n + 1] === g && data[n + 2] === b) found += 1;
  return found > 2;
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

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

/** The number in a text such as "≥ 2,655 states". */
export function number(text) {
  return Number((/([\d,]+)/.exec(text ?? "")?.[1] ?? "NaN").replaceAll(",", ""));
}

/** The planted incident, found by the first state of its kind in the API: tests name no fixed day. */
export async function incident(world) {
  const url = `${world.api.url}/api/v1/objects/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q/at`;
  const ask = () => fetch(url, { headers: { authorization: `Bearer ${world.api.token}` } });
  // A busy server says so with 503, and is asked again.
  const answer = await until("the incident", ask, (one) => one.ok, 30);
  const { first_seen } = await answer.json();
  const begin = Date.parse(first_seen) - 4 * 60_000;
  return { begin, from: new Date(begin - 30 * 60_000).toISOString(), to: new Date(begin + 90 * 60_000).toISOString() };
}
