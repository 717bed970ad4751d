import { check, openPage, pixelsOf, settled } from "../harness.mjs";

/** The incident of the demo, from the home page in five interactions: range, 3 days, the change, the row, its timeline. */
export async function theIncidentIsFiveInteractionsAway(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/");
  await page.waitForSelector(".heat tbody tr");
  let interactions = 0;
  const click = async (selector) => {
    interactions += 1;
    await page.click(selector);
  };
  await click("button.pick:has-text('Time range')");
  await click(".presets button:has-text('3 d')");
  await click(".side .inc:has-text('Failed to pull image'):has-text('new')");
  await page.waitForSelector(".er[role=row][id]");
  await click(".er[role=row][id]");
  await page.waitForSelector(".det .msg:has-text('mirror.hz')");
  await page.waitForSelector(".det .msg:has-text('503')");
  await click(".det a:has-text('Timeline')");
  await page.waitForSelector(".lanecanvas canvas");
  check(page.url().includes("/o/hz-prod-02/"), `not at the object: ${page.url()}`);
  check(interactions <= 5, `${interactions} interactions`);
  check(troubles.length === 0, troubles.join("; "));
}

export async function aCellOpensTheEventsThatItCounts(world) {
  const { page, go } = await openPage(world);
  await go("/?from=-24h");
  const cell = page.locator(".heat tbody tr").first().locator("td button").nth(2);
  await cell.waitFor();
  const name = (await cell.getAttribute("aria-label")) ?? "";
  const counted = Number(/\((\d+)\)/.exec(name)?.[1]);
  await cell.click();
  await page.waitForSelector(".leg b");
  await page.waitForFunction(() => /[\d,]+ states/.test(document.querySelector(".leg .dim")?.textContent ?? ""));
  const shown = Number(/([\d,]+) states/.exec(await page.textContent(".leg .dim"))?.[1].replaceAll(",", ""));
  // The range moves with now: a few states may come and go between the two.
  check(Math.abs(shown - counted) <= Math.max(20, counted * 0.01), `${name} opened ${shown}`);
}

export async function theGridIsWalkedByArrows(world) {
  const { page, go } = await openPage(world);
  await go("/?from=-24h");
  await page.waitForSelector("button[data-cell='0,2']");
  await settled(page);
  const focus = () => page.evaluate(() => document.activeElement?.getAttribute("data-cell"));
  await page.focus("[data-cell='0,2']");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  check((await focus()) === "1,3", "the focus is elsewhere");
  // Cells without a number are cells, too, and Tab reaches one cell of all.
  const [rows, cells] = [await page.locator(".heat tbody tr").count(), await page.locator(".heat [data-cell]").count()];
  check(cells === rows * 13, `${cells} cells in ${rows} rows`);
  check((await page.locator(".heat tbody [tabindex='0']").count()) === 1, "Tab stops at more than one cell");
  for (let n = 0; n < 12; n += 1) await page.keyboard.press("ArrowRight");
  check((await focus()) === "1,12", `the focus stopped at ${await focus()}`);
  await page.keyboard.press("Tab");
  check((await focus()) === null, "the focus is still in the grid");
}

/** Coverage is held back: the cells are there all the same, and its own column says that it is on its way. */
export async function theGridWaitsForNoCoverage(world) {
  const { page, go, troubles } = await openPage(world);
  let release = () => undefined;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route("**/api/v1/coverage/clusters?*", async (route) => {
    await held;
    await route.continue();
  });
  await go("/?from=-24h");
  await page.waitForSelector(".heat tbody td button");
  const rows = await page.locator(".heat tbody tr").count();
  check((await page.locator(".heat td .bone").count()) === 2 * rows, "what has not come is shown as if it had");
  release();
  await settled(page);
  await page.waitForSelector(".heat td a[href*='/coverage']");
  check(troubles.length === 0, troubles.join("; "));
}

/** A favourite goes on top with its focus, stays there after a reload in any order, and is let go by the same key. */
export async function aFavouriteStaysOnTop(world) {
  const { page, go, troubles } = await openPage(world);
  const names = () => page.$$eval(".heat tbody th a", (all) => all.map((link) => link.textContent));
  await go("/?from=-24h&sort=name");
  await page.waitForSelector("button[data-cell='0,2']");
  await settled(page);
  const before = await names();
  const last = before.at(-1);
  await page.focus(`[data-cell='${before.length - 1},2']`);
  await page.keyboard.press("*");
  await page.waitForFunction((name) => document.querySelector(".heat tbody th a")?.textContent === name, last);
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-cell") === "0,2");
  check((await page.getAttribute(".heat .fav >> nth=0", "aria-pressed")) === "true", "the star is not told");
  await page.reload();
  await page.waitForSelector("button[data-cell='0,2']");
  check((await names())[0] === last, "a reload forgets the favourite");
  await page.click(".seg button:has-text('Worst')");
  await page.waitForFunction(() => !location.search.includes("sort=name"));
  check((await names())[0] === last, "another order forgets the favourite");
  await page.click(".seg button:has-text('Name')");
  await page.waitForURL(/sort=name/);
  await page.hover(".heat tbody tr >> nth=0");
  await page.click(".heat .fav >> nth=0");
  await page.waitForFunction((name) => document.querySelector(".heat tbody th a")?.textContent === name, before[0]);
  check((await names()).join() === before.join(), "the order is another one than before");
  check(troubles.length === 0, troubles.join("; "));
}

/** Of bins that nobody can tell of yet, and that have no state: no rate, and no line at zero. */
export async function whatIsNotKnownIsNoZero(world) {
  const { page, go, troubles } = await openPage(world);
  await page.route("**/api/v1/events/histogram?*", async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    for (const bin of json.bins) Object.assign(bin, { states: 0, occurrences: 0, by_type: [], coverage: "unknown" });
    await route.fulfill({ response, json });
  });
  await go("/?from=-24h");
  await page.waitForSelector(".navfoot canvas");
  await page.waitForSelector(".ribbon canvas");
  await settled(page);
  check((await page.textContent(".navfoot .row b")) === "–", "what came in is told, and nobody knows it");
  const drawn = [
    { selector: ".navfoot canvas", token: "--st-ok" },
    { selector: ".ribbon canvas", token: "--accent" },
  ];
  for (const one of drawn) check(!(await page.evaluate(pixelsOf, one)), `${one.selector} has a line at zero`);
  check(troubles.length === 0, troubles.join("; "));
}

/** For 40 minutes of the week nobody watched one cluster: what is counted of it is a lower bound, and all that is counted over it. */
export async function countsOverWhatIsNotKnownSaySo(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/?from=-7d");
  await page.waitForSelector(".heat td button");
  await page.waitForSelector(".inc .two");
  await settled(page);
  const rows = await page.$$eval(".heat tbody tr", (all) =>
    all.map((row) => ({
      name: row.querySelector("th a").textContent,
      states: row.querySelector("td.n").textContent,
      cells: [...row.querySelectorAll("td button span")].map((cell) => cell.textContent.startsWith("≥")),
    })),
  );
  check(rows.find(({ name }) => name === "sz-prod-01")?.states.startsWith("≥"), `its states are told as all: ${JSON.stringify(rows)}`);
  for (const { name, states, cells } of rows) {
    check(
      cells.every((bound) => bound === states.startsWith("≥")),
      `${name}: its states and its cells differ`,
    );
  }
  const changes = await page.$$eval(".inc .two.small", (all) => all.map((one) => one.textContent).filter((text) => text.includes(" · ")));
  check(
    changes.every((one) => /≥ [\d,]+$/.test(one)),
    `changes are told as all: ${changes}`,
  );
  await page.waitForSelector(".ribbon div:has-text('Message patterns') b:has-text('≥')");
  await go("/events?from=-7d&table=1");
  await page.waitForSelector(".hist tbody td:has-text('≥')");
  const bins = await page.$$eval(".hist tbody tr", (all) =>
    all.map((row) => [...row.querySelectorAll(".num")].map((one) => one.textContent)),
  );
  check(
    bins.every((one) => new Set(one.map((text) => text.startsWith("≥"))).size === 1),
    "a bin is told as all, and its total is not",
  );
  check(troubles.length === 0, troubles.join("; "));
}
