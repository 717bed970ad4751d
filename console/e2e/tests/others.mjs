import { check, incident, number, openPage } from "../harness.mjs";
import { api, heldRun } from "../operations.mjs";

export async function thePaletteFindsAnObjectAndGoesThere(world) {
  const { page, go } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/?from=${from}&to=${to}`);
  await page.waitForSelector(".heat tbody tr");
  await page.keyboard.press(":");
  await page.keyboard.type("node c7-r14-u22 @hz-prod-02");
  await page.waitForSelector("[role=option]:has-text('hz2-c7-r14-u22')");
  // Both halves of the name are seen, and side by side.
  const halves = await page.$eval("[role=option]:has-text('hz2-c7-r14-u22') .fit", (name) =>
    [...name.children].map((half) => {
      const { left, right } = half.getBoundingClientRect();
      return { left, right, color: getComputedStyle(half).color, text: half.textContent };
    }),
  );
  const [head, end] = halves;
  check(halves.length === 2 && head.text + end.text === "hz2-c7-r14-u22", `halves: ${JSON.stringify(halves)}`);
  check(!halves.some(({ color }) => /^rgba\(.*, 0\)$/.test(color)), "a half has no colour");
  check(head.right - head.left > 6 && head.right <= end.left + 0.5, `the halves overlap: ${JSON.stringify(halves)}`);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".lanecanvas canvas");
  check(new URL(page.url()).pathname === "/o/hz-prod-02/Node/_/hz2-c7-r14-u22", page.url());
  await page.keyboard.press("Control+k");
  await page.keyboard.type(":events reason:NodeNotReady @hz-prod-02");
  // At once: what was typed is obeyed, not what was there a moment ago.
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    () => location.pathname === "/events" && new URLSearchParams(location.search).get("q") === "reason:NodeNotReady",
  );
  check(new URL(page.url()).searchParams.get("c") === "hz-prod-02", "the end of the line was not obeyed");
  check(new URL(page.url()).searchParams.get("from") === from, "the range was lost on the way");
}

/** No pointer at all: pages, filter, rows, panel, histogram, help. */
export async function everythingGoesByKeyboard(world) {
  const { page, go } = await openPage(world);
  await go("/?from=-24h");
  await page.waitForSelector(".heat tbody tr");
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.waitForSelector(".er[role=row][id]");
  await page.keyboard.press("/");
  await page.keyboard.type("reason:BackOff");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.search.includes("BackOff"));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".er[role=row][id]:has-text('BackOff')");
  for (const key of ["j", "j", "Enter"]) await page.keyboard.press(key);
  await page.waitForSelector(".det .dl");
  const first = await page.getAttribute(".rows .er.sel", "id");
  await page.keyboard.press("j");
  await page.waitForSelector(`.rows .er.sel:not(#${first})`);
  await page.keyboard.press("Escape");
  await page.waitForSelector(".det", { state: "detached" });
  await page.keyboard.press("b");
  for (const key of ["ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.waitForFunction(() => /from=2/.test(location.search));
  await page.keyboard.press("?");
  await page.waitForSelector(".modal .keys");
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  await page.waitForSelector(".presets");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement !== document.body)) === true, "the focus is lost");
}

/** The list of keys is that of the page; letters are text in a field, and Enter presses what has the focus. */
export async function keysAreThoseOfThePageAndOfNoField(world) {
  const id = await heldRun(world);
  const { page, go, troubles } = await openPage(world);
  const listed = async () => {
    await page.keyboard.press("?");
    await page.waitForSelector(".modal .keys");
    const text = await page.textContent(".modal .keys");
    // Under a dialog no letter reaches the page.
    for (const key of ["t", "g", "e"]) await page.keyboard.press(key);
    check((await page.locator(".presets").count()) === 0, "a key went through the dialog");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".modal", { state: "detached" });
    return text;
  };
  await go("/events?from=-24h");
  await page.waitForSelector(".er[role=row][id]");
  const ofEvents = await listed();
  check(/Patterns/.test(ofEvents) && !/Play, pause/.test(ofEvents) && !/Move T1/.test(ofEvents), `keys of Events: ${ofEvents}`);
  await page.keyboard.press("j");
  await page.focus("button:has-text('Export')");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".modal:has-text('Begin export')");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".modal", { state: "detached" });
  check(!page.url().includes("row="), "Enter on a button opened a row");
  await go(`/operations/${id}`);
  await page.waitForSelector(".hl");
  const ofRun = await listed();
  check(/Play, pause/.test(ofRun) && !/Patterns/.test(ofRun), `keys of a run: ${ofRun}`);
  await page.fill("input[aria-label='text in the log']", "");
  await page.focus("input[aria-label='text in the log']");
  await page.keyboard.type("hrfx, .gn");
  check((await page.inputValue("input[aria-label='text in the log']")) === "hrfx, .gn", "a letter is missing in the field");
  check((await page.locator(".modal").count()) === 0 && new URL(page.url()).pathname.endsWith(id), "a letter in a field was a key");
  await go("/operations");
  await page.waitForSelector(".livelist .vrow");
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.waitForURL(/\/nodes/);
  check(troubles.length === 0, troubles.join("; "));
}

/** Escape leaves a field for the list beside it, and closes what stands beside a list, whatever that is. */
export async function escapeLeavesFieldsAndClosesPanes(world) {
  await heldRun(world);
  const { page, go, troubles } = await openPage(world);
  const gone = async (selector) => {
    await page.keyboard.press("Escape");
    await page.waitForSelector(selector, { state: "detached" });
  };
  await go("/events?from=-24h&view=patterns&panel=explain");
  await page.waitForSelector(".det .chg, .det .empty");
  await page.focus(".det button[aria-label=Close]");
  await gone(".det");
  check(await page.evaluate(() => document.activeElement?.matches(".scroll, #main")), "the focus went with the pane");
  await go("/events?from=-24h");
  await page.click("#row-3");
  await page.waitForSelector(".det .dl");
  await page.keyboard.press("p");
  await page.waitForSelector(".pat tbody tr");
  await gone(".det");
  await go("/clusters?from=-7d");
  await page.click(".clusters tbody .lk >> nth=0");
  await page.waitForSelector(".clusters .panel");
  await gone(".clusters .panel");
  for (const [path, list] of [
    ["/operations", ".livelist .scroll"],
    ["/nodes?c=hz-prod-02", ".nodelines [role=table] .scroll"],
    ["/o?from=-24h", ".finder .scroll"],
  ]) {
    await go(path);
    await page.waitForSelector(list);
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.matches("[data-filter]"));
    await page.keyboard.press("Escape");
    check(await page.evaluate((selector) => document.activeElement?.matches(selector), list), `Escape does not leave the field of ${path}`);
  }
  check(troubles.length === 0, troubles.join("; "));
}

export async function theTimelineComparesTwoMoments(world) {
  const { page, go, troubles } = await openPage(world);
  const { begin, from, to } = await incident(world);
  await go(
    `/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}&t1=${new Date(begin + 5 * 60_000).toISOString()}&t2=${new Date(begin + 60 * 60_000).toISOString()}&tab=diff`,
  );
  await page.waitForSelector(".df.a:has-text('Started')");
  await page.focus(".lanecanvas canvas");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((old) => new URLSearchParams(location.search).get("t2") !== old, new Date(begin + 60 * 60_000).toISOString());
  await page.click(".ev:has-text('Pulling') >> nth=0");
  await page.waitForSelector(".ev.now:has-text('Pulling')");
  check(troubles.length === 0, troubles.join("; "));
}

export async function anObjectWithoutEventsHereShowsTheWay(world) {
  const { page, go } = await openPage(world);
  await go("/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=-1h");
  await page.click("text=Go there");
  await page.waitForSelector(".lanecanvas canvas");
}

export async function copyAsGivesWhatTheStripShows(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-6h&q=reason:BackOff&c=hz-prod-02");
  await page.waitForSelector(".er[role=row][id]");
  const copied = async (form) => {
    await page.click(`.cmd .as button:has-text("${form}")`);
    return page.evaluate(() => navigator.clipboard.readText());
  };
  check((await copied("CLI")) === "beidou events --since=6h --cluster=hz-prod-02 reason:BackOff", await copied("CLI"));
  const curl = await copied("API");
  check(curl.includes("/api/v1/events?cluster=hz-prod-02&from=-6h") && !curl.includes(world.api.token), curl);
  check((await copied("URL")) === page.url(), "another address");
  check((await page.locator(".cmd .as button:has-text('SQL')").count()) === 0, "a statement that knows nothing of the query line");
  await go("/events?from=-6h&q=reason:BackOff&c=hz-prod-02&view=patterns");
  await page.waitForSelector(".pat tbody tr");
  check((await copied("CLI")) === "beidou patterns --top=200 --since=6h --cluster=hz-prod-02 reason:BackOff", await copied("CLI"));
  check((await copied("API")).includes("/api/v1/events/patterns?cluster=hz-prod-02&from=-6h"), "another call");
}

/** What is copied as SQL finds the rows that the page has, by whatever name of its kind and cluster an object was opened. */
export async function aCopiedStatementFindsWhatIsShown(world) {
  const { page, go } = await openPage(world);
  const { from, to } = await incident(world);
  const ask = async (path, more = {}) => {
    const headers = { authorization: `Bearer ${world.api.token}`, "content-type": "application/json" };
    const answer = await fetch(`${world.api.url}/api/v1/${path}`, { headers, ...more });
    check(answer.ok, `${path}: ${answer.status}`);
    return answer.json();
  };
  const { items } = await ask(`clusters?cluster=hz-prod-02&from=${from}&to=${to}`);
  const found = async (address) => {
    await go(address);
    await page.waitForFunction(() => / --cluster=hz-prod-02\b/.test(document.querySelector(".cmd code")?.title ?? ""));
    await page.click(".cmd .as button:has-text('SQL')");
    await page.waitForSelector(".toast:has-text('SQL')");
    const query = await page.evaluate(() => navigator.clipboard.readText());
    const { rows } = await ask(`sql?from=${from}&to=${to}`, { method: "POST", body: JSON.stringify({ query }) });
    return rows.length;
  };
  const object = "recsys/recsys-ranker-6c9f7d8b5c-x2k9q";
  const usual = await found(`/o/hz-prod-02/Pod/${object}?from=${from}&to=${to}`);
  check(usual > 0, "nothing is found");
  const other = await found(`/o/${items[0].cluster_uid}/po/${object}?from=${from}&to=${to}`);
  check(other === usual, `${other} rows, and ${usual} by its usual names`);
  check((await found(`/events?from=${from}&to=${to}&c=hz-prod-02&view=patterns`)) > 1, "no patterns");
}

export async function whatChangedIsLookedForElsewhere(world) {
  const { page, go } = await openPage(world);
  const { begin, from, to } = await incident(world);
  const at = (minutes) => new Date(begin + minutes * 60_000).toISOString();
  await go(`/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}&t1=${at(6)}&t2=${at(57)}&tab=diff`);
  const failed = page.locator(".elsewhere a").first();
  const said = await failed.textContent();
  check(/^Failed\d+ objects, \d clusters$/.test(said), `what warns comes first, with its objects: ${said}`);
  await failed.click();
  await page.waitForURL(/\/events\?/);
  check(new URL(page.url()).searchParams.get("q") === "kind:pod reason:(Failed)", page.url());
  await page.waitForSelector(".er[role=row][id]");
}

/** What waits for somebody stands beside the navigation, also where that is folded, and in the bar as whom one speaks. */
export async function whatIsHeldStandsBesideTheNavigation(world) {
  await heldRun(world);
  const { subject } = await api(world, "/me");
  const { page, go, troubles } = await openPage(world);
  await go("/settings");
  await page.waitForSelector("nav a[href^='/operations'] .n.held:has-text('held')");
  check(/^Operations \d+ held$/.test(await page.getAttribute("nav a[href^='/operations']", "aria-label")), "the count has no name");
  check(number(await page.textContent("nav a[href^='/clusters'] .n")) >= 3, "clusters are not counted");
  check((await page.textContent(".account")).endsWith(subject), "it is not said as whom one speaks");
  await go("/events");
  await page.waitForSelector(".app.fold nav a[href^='/operations'] .n.held");
  check(troubles.length === 0, troubles.join("; "));
}
