import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { check, incident, openPage, settled } from "../harness.mjs";
import { heldRun, someTask } from "../operations.mjs";
import { routes } from "../routes.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      rules: { region: { enabled: false } },
    }),
  );
  return found.violations.map(
    (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")} ${one.nodes[0]?.any[0]?.message ?? ""}`,
  );
}

/** axe finds nothing on any route: light in English, dark in Chinese. */
export async function axeFindsNothingOnAnyRoute(world) {
  const bad = [];
  for (const [theme, lang] of [
    ["light", "en"],
    ["dark", "zh"],
  ]) {
    const { page, go, troubles } = await openPage(world, { theme, lang });
    for (const [name, path, ready] of await routes(world)) {
      await go(path);
      await page.waitForSelector(ready);
      await settled(page);
      for (const one of await violations(page)) bad.push(`${name} ${theme}: ${one}`);
    }
    bad.push(...troubles);
  }
  check(bad.length === 0, bad.join("\n"));
}

/** The layers too: palette, keys, range, scope, an open Event, a facet's menu, the export, columns, pins. */
export async function axeFindsNothingOnAnyLayer(world) {
  const bad = [];
  const { from, to } = await incident(world);
  for (const [theme, lang] of [
    ["light", "zh"],
    ["dark", "en"],
  ]) {
    const { page, go } = await openPage(world, { theme, lang });
    const look = async (name, layer = ".pop, .modal") => {
      await page.waitForSelector(layer);
      await settled(page);
      for (const one of await violations(page)) bad.push(`${name} ${theme}: ${one}`);
      await page.keyboard.press("Escape");
      await page.waitForFunction((all) => !document.querySelector(all), layer);
    };
    await go(`/events?from=${from}&to=${to}`);
    await page.waitForSelector("#row-0");
    await page.keyboard.press(":");
    await page.keyboard.type("node r14");
    await page.waitForSelector("[role=option]");
    await look("palette");
    await page.keyboard.press("?");
    await look("keys");
    await page.keyboard.press("t");
    await look("range");
    await page.click(".top .pick >> nth=0");
    await look("scope");
    await page.click(".fv .v >> nth=0");
    await look("facet");
    await page.click(".tail .btn >> nth=0");
    await look("columns");
    await page.click(".events .q .btn >> nth=2");
    await look("export");
    await page.click("#row-0");
    await page.waitForSelector(".det .dl");
    await page.click(".det [aria-pressed]");
    await page.waitForSelector(".pins .er");
    await look("event", ".det");
  }
  check(bad.length === 0, bad.join("\n"));
}

/** 1280 and 2560 wide, and 640 as 1280 is at 200 per cent: no page scrolls sideways, and the title is in its place. */
export async function noWidthScrollsSideways(world) {
  const bad = [];
  for (const width of [640, 1280, 2560]) {
    const { page, go } = await openPage(world, { width, height: 900 });
    for (const [name, path, ready] of await routes(world)) {
      await go(path);
      await page.waitForSelector(ready, { state: "attached" });
      const over = await page.evaluate(
        () => Math.max(document.documentElement.scrollWidth, document.querySelector(".app")?.scrollWidth ?? 0) - innerWidth,
      );
      if (over > 0) bad.push(`${name} at ${width}: ${over} px too wide`);
    }
  }
  check(bad.length === 0, bad.join("; "));
}

/** The time of a row is there to its last digit, with its day too, and where there is little room. */
export async function theTimeOfARowIsWhole(world) {
  for (const width of [1440, 880]) {
    const { page, go, troubles } = await openPage(world, { width });
    await go("/events?from=-3d");
    await page.waitForSelector("#row-0");
    const cut = await page.$$eval(".days .er.vrow > .t", (all) => all.map((one) => one.scrollWidth > one.clientWidth));
    check(cut.length > 0 && !cut.includes(true), `of ${cut.length} times some are cut at ${width} px`);
    check(troubles.length === 0, troubles.join("; "));
  }
}

/** What has no room at 200 per cent opens as a layer: facets, and the forms to copy. */
export async function whatANarrowPageHidesOpensAsALayer(world) {
  const { page, go, troubles } = await openPage(world, { width: 640, height: 450 });
  const { from, to } = await incident(world);
  await go(`/events?from=${from}&to=${to}`);
  await page.click(".events .q .narrow");
  await page.click(".modal .fv input >> nth=0");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q")?.startsWith("cluster:"));
  await page.click(".modal .fv .v >> nth=0");
  await page.click(".menu [role=menuitem]:has-text('Exclude')");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q")?.startsWith("-cluster:"));
  await page.keyboard.press("Escape");
  await page.waitForSelector(".modal", { state: "detached" });
  await page.keyboard.press("c");
  await page.keyboard.press("Enter");
  await page.click(".menu [role=menuitem]:has-text('API')");
  await page.waitForSelector(".toast:has-text('API')");
  check(/^curl .*-cluster/.test(await page.evaluate(() => navigator.clipboard.readText())), "the call was not copied");
  check(troubles.length === 0, troubles.join("; "));
}

/** What stands beside a page opens over a narrow one: state and difference, what was looked at last, a specification, schema and statements. */
export async function whatStandsBesideAPageOpensOverANarrowOne(world) {
  const { page, go, troubles } = await openPage(world, { width: 640, height: 450 });
  const { begin, from, to } = await incident(world);
  const object = `/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}`;
  const [t1, t2] = [begin, begin + 30 * 60_000].map((at) => new Date(at).toISOString());
  const bad = [];
  for (const [path, name, within] of [
    [object, "State of the object", ".said"],
    [`${object}&t1=${t1}&t2=${t2}&tab=diff`, "State of the object", ".df"],
    ["/o?from=-24h", "Looked at last", ".it[href*=recsys]"],
    [`/tasks/${await someTask(world)}`, "Specification", "[role=group]:has-text('ScaleUp')"],
    ["/sql/nothing-of-this-name", "Saved for all", "h2"],
    ["/sql", "Schema", ".tree .it"],
  ]) {
    await go(path);
    await page.click(`button[aria-haspopup=dialog]:has-text("${name}")`);
    await page.waitForSelector(`.modal ${within}`);
    await settled(page);
    const { bottom, height } = await page.$eval(`.modal ${within}`, (one) => one.getBoundingClientRect().toJSON());
    if (height < 8 || bottom > 450) bad.push(`${name} of ${path} is not seen: ${height} px to ${bottom}`);
    for (const one of await violations(page)) bad.push(`${name} of ${path}: ${one}`);
  }
  check(bad.length === 0, bad.join("\n"));
  // A name goes into the statement, and the layer out of its way.
  await page.click(".modal .tree .it >> nth=0");
  const column = await page.textContent(".modal .tree .column .mono >> nth=0");
  await page.click(".modal .tree .column >> nth=0");
  await page.waitForSelector(".modal", { state: "detached" });
  await page.waitForFunction((name) => document.querySelector(".editor textarea:focus")?.value.includes(name), column);
  await go(`${object}&t1=${t1}`);
  check(await page.locator(".obj b >> nth=1").isVisible(), "T1 is not told");
  await page.click("button:has-text('State of the object')");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".modal", { state: "detached" });
  // The focus comes back to the button.
  await page.waitForFunction(() => document.activeElement?.matches(".obj button"));
  check(troubles.length === 0, troubles.join("; "));
}

/** What the keys choose in a matrix that is higher than its pane is in sight. */
export async function theCursorOfAMatrixStaysInSight(world) {
  const { page, go, troubles } = await openPage(world);
  await go(`/operations/${await heldRun(world)}`);
  await page.waitForSelector(".hl");
  // As if it had many steps more.
  await page.$eval(".matrixbox", (box) => {
    box.style.maxHeight = "40px";
  });
  await page.focus(".matrixbox canvas");
  for (let n = 0; n < 8; n += 1) await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.querySelector(".matrixbox").scrollTop > 10);
  for (let n = 0; n < 8; n += 1) await page.keyboard.press("ArrowUp");
  await page.waitForFunction(() => document.querySelector(".matrixbox").scrollTop === 0);
  check(troubles.length === 0, troubles.join("; "));
}

/** Both languages and themes can be chosen, stay chosen, and leave identifiers alone. */
export async function languageAndThemeAreChosenAndKept(world) {
  const { page, go } = await openPage(world);
  await go("/settings");
  await page.waitForSelector("text=Appearance");
  await page.click("button:has-text('Folded')");
  await page.waitForSelector(".app.fold");
  await page.click("button:has-text('中文')");
  await page.waitForSelector("text=外观");
  await page.click("button:has-text('深色')");
  check((await page.evaluate(() => document.documentElement.dataset.theme)) === "dark", "not dark");
  await page.reload();
  await page.waitForSelector("text=外观");
  check((await page.evaluate(() => document.documentElement.lang)) === "zh-CN", "the language is not told");
  await page.click("nav a[href^='/events']");
  await page.waitForSelector("#row-0");
  // Folded by choice and by the page: one press opens it.
  await page.keyboard.press("[");
  await page.waitForSelector(".app:not(.fold)");
  check(/Warning/.test(await page.textContent(".leg")), "a type was translated");
  check((await page.textContent(".crumb h1")) === "事件检索", "the title is not Chinese");
}
