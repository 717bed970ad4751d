/** Pictures of every page, 1440 × 900, into docs/pictures/; or into the folder PICTURES, all in both themes, to be looked at. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { incident, openPage, settled } from "./harness.mjs";
import { api, machines, pictureRun, runBefore, taskAtGate } from "./operations.mjs";

const ELSEWHERE = process.env.PICTURES;
const OUT = ELSEWHERE ?? fileURLToPath(new URL("../../docs/pictures", import.meta.url));

/** A page by a part of its name, or several: `run,tasks`. */
function wanted(name, only) {
  return only.split(",").some((part) => name.includes(part));
}

async function pages(world, only) {
  const { begin, from, to } = await incident(world);
  const range = `from=${from}&to=${to}`;
  const at = (minutes) => new Date(begin + minutes * 60_000).toISOString();
  const object = `/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?${range}&t1=${at(6)}&t2=${at(57)}`;
  const press = (keys) => async (page) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const openKeys = async (page) => {
    await page.keyboard.press("?");
    await page.waitForSelector(".modal .keys dt");
  };
  const openRow = async (page) => {
    await page.click("#row-4");
    await page.waitForSelector(".nb");
  };
  const list = machines(20, 180).map((one, n) => `${one.ip} hz2-c7-r${11 + (n % 6)}-u${String(1 + Math.floor(n / 6)).padStart(2, "0")}`);
  // Each takes a minute to be made: only where a picture shows it.
  const shown = (...names) => names.some((name) => wanted(name, only));
  const task = shown("operations", "tasks", "task") ? await taskAtGate(world) : "";
  const run = shown("operations", "run", "run-replay") ? await pictureRun(world) : "";
  if (shown("new-operation")) await runBefore(world);
  const begun = run ? Date.parse((await api(world, `/operations/${run}`)).stages.find((one) => one.batch === 1).started) : 0;
  return [
    { name: "operations", path: "/operations", ready: ".livelist .vrow" },
    { name: "run", path: `/operations/${run}`, ready: ".gh", both: true, then: press(["f"]) },
    { name: "run-replay", path: `/operations/${run}?t=${new Date(begun + 9000).toISOString()}&group=all`, ready: ".hl" },
    {
      name: "new-operation",
      path: "/operations/new?type=ScaleUp&c=sz-prod-01",
      ready: ".paste textarea",
      then: async (page) => {
        await page.fill(".paste textarea", [...list.slice(0, 3), "hz2-c7-r99", list[1], ...list.slice(3)].join("\n"));
        await page.click("button:has-text('Drop 2 bad lines')");
        await page.waitForSelector(".review[aria-disabled=false]");
      },
    },
    { name: "tasks", path: "/tasks", ready: ".livelist .vrow" },
    { name: "task", path: `/tasks/${task}`, ready: ".gate-dl" },
    {
      name: "nodes",
      path: "/nodes?c=hz-prod-02",
      ready: ".nodeside .recent",
      then: async (page) => {
        await page.fill(".paste textarea", list.slice(0, 18).join("\n"));
        await page.waitForSelector(".bulk .btn.prime[aria-disabled=false]");
      },
    },
    { name: "fleet", path: "/?from=-3d", ready: ".heat td button", both: true },
    { name: "fleet-zh", path: "/?from=-3d", ready: ".heat td button", lang: "zh" },
    { name: "events", path: `/events?${range}&q=-reason:Scheduled kind:(Pod Node)`, ready: "#row-4", then: openRow, both: true },
    { name: "events-gap", path: "/events?from=-7d", ready: "#row-4" },
    { name: "explain", path: `/events?from=${at(0)}&to=${at(60)}&panel=explain`, ready: ".chg" },
    { name: "patterns", path: `/events?${range}&view=patterns`, ready: ".pat tbody tr" },
    {
      name: "completion",
      path: `/events?${range}&c=hz-prod-02`,
      ready: "#row-4",
      then: async (page) => {
        await page.keyboard.press("/");
        await page.keyboard.type("kind:Pod reason:F");
        await page.waitForSelector(".complete [role=option]:has-text('Failed')");
      },
    },
    {
      name: "palette",
      path: `/?${range}`,
      ready: ".heat td button",
      then: async (page) => {
        await page.keyboard.press(":");
        await page.keyboard.type("node c7-r14 @hz-prod-02");
        await page.waitForSelector("[role=option]:has-text('hz2-c7-r14')");
      },
    },
    { name: "timeline", path: object, ready: ".said", both: true },
    { name: "timeline-diff", path: `${object}&tab=diff`, ready: ".df" },
    { name: "timelines", path: "/o?from=-24h", ready: ".frow" },
    {
      name: "sql",
      path: "/sql?from=-7d",
      ready: ".tree .column",
      both: true,
      then: async (page) => {
        await page.focus("textarea");
        await page.keyboard.press("Control+Enter");
        await page.waitForSelector(".grid [role=gridcell]");
      },
    },
    { name: "sql-start", path: "/sql?from=-7d", ready: ".start .view" },
    {
      name: "sql-chart",
      path: "/sql?from=-7d&tab=chart",
      ready: ".start .view",
      both: true,
      then: async (page) => {
        await page.click(".start .it >> nth=1");
        await page.keyboard.press("Control+Enter");
        await page.waitForSelector(".plotbox canvas");
      },
    },
    {
      name: "clusters",
      path: "/clusters?from=-7d",
      ready: ".clusters tbody tr",
      then: async (page) => page.click(".clusters .lk >> nth=1"),
    },
    { name: "coverage", path: "/coverage?from=-7d", ready: ".coverage tbody tr", both: true },
    { name: "settings", path: "/settings", ready: ".settings .dl dt" },
    { name: "keys", path: "/coverage?from=-7d", ready: ".coverage tbody tr", then: openKeys },
  ];
}

export async function screenshots(world) {
  mkdirSync(OUT, { recursive: true });
  const only = process.argv[3] ?? "";
  for (const { name, path, ready, both, lang, then } of await pages(world, only)) {
    if (!wanted(name, only)) continue;
    for (const theme of both || ELSEWHERE ? ["light", "dark"] : ["light"]) {
      const { page, context, go } = await openPage(world, { theme, lang: lang ?? "en" });
      await go(path);
      await page.waitForSelector(ready);
      // A live page listens for ever, and is never idle.
      await page.waitForLoadState("networkidle", { timeout: 5000 }).catch(() => undefined);
      if (then) await then(page);
      await settled(page);
      await page.mouse.move(720, 2);
      const file = `${OUT}/console-${name}${theme === "dark" ? "-dark" : ""}.png`;
      await page.screenshot({ path: file });
      console.log(file);
      await context.close();
    }
  }
}
