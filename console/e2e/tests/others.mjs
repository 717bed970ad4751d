import { check, incident, MOST_ANSWER, openPage } from "../harness.mjs";
import { heldRun } from "../operations.mjs";

export async function thePaletteFindsAnObjectAndGoesThere(world) {
  const { page, go } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/?from=${from}&to=${to}`);
  await page.waitForSelector(".heat tbody tr");
  await page.keyboard.press(":");
  await page.keyboard.type("node c7-r14-u22 @hz-prod-02");
  await page.waitForSelector("[role=option]:has-text('hz2-c7-r14-u22')");
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
  const first = await page.textContent(".det .msg");
  await page.keyboard.press("j");
  await page.waitForFunction(
    (old) => document.querySelector(".det .msg")?.textContent !== old || document.querySelector("#row-2.sel"),
    first,
  );
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

export async function sqlRunsAndSavesAndRefuses(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  await page.waitForSelector("text=reads about");
  await page.focus("textarea");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".grid [role=gridcell]:has-text('mirror.hz')");
  await page.waitForSelector(".note:has-text('sz-prod-01')");
  const download = page.waitForEvent("download");
  await page.click("button:has-text('CSV')");
  check((await download).suggestedFilename() === "beidou-sql.csv", "no file");
  await page.fill("textarea", "DROP TABLE events");
  await page.waitForSelector(".bar .error");
  await page.fill("textarea", "SELECT name FROM system.tables");
  await page.click(".btn.prime:not(:disabled)");
  await page.waitForSelector("[role=alert]");
  check(troubles.length === 0, troubles.join("; "));
}

export async function aStatementIsKeptAndItsFaultIsFoundByKeys(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  const statement = "SELECT '🙂', name FROM system.tables";
  await page.fill("textarea", statement);
  await page.waitForSelector(".bar .error");
  await page.evaluate(() => document.querySelector("textarea").setSelectionRange(0, 0));
  await page.keyboard.press("F8");
  const at = await page.evaluate(() => document.querySelector("textarea").selectionStart);
  check(statement.slice(at).startsWith("system"), `the fault is not at ${at}`);
  await page.keyboard.press("Control+s");
  await page.waitForSelector(`.history .it[title="${statement}"]`);
  await page.reload();
  await page.waitForSelector(`.history .it[title="${statement}"]`);
  check(troubles.length === 0, troubles.join("; "));
}

/** Who cancels gives up the own call, and stops nothing of others, however alike it is. */
export async function aCancelledStatementStopsNobodyElses(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  const stopped = [];
  await page.route(/\/api\/v1\/sql\?/, () => undefined);
  await page.route("**/api/v1/running", (route) => route.fulfill({ json: { items: [foreign] } }));
  page.on("request", (request) => request.method() === "DELETE" && stopped.push(request.url()));
  await page.waitForSelector("text=reads about");
  const foreign = { id: "f", kind: "sql", subject: "b", began: new Date().toISOString(), query: await page.inputValue(".editor textarea") };
  await page.focus(".editor textarea");
  await page.keyboard.press("Control+Enter");
  const given = page.waitForEvent("requestfailed", (request) => new URL(request.url()).pathname === "/api/v1/sql");
  await page.waitForSelector("button:has-text('⌘.')");
  await page.keyboard.press("Control+.");
  await given;
  await page.waitForSelector("button:has-text('⌘.')", { state: "detached" });
  check(stopped.length === 0, `${stopped} was stopped`);
  check(troubles.length === 0, troubles.join("; "));
}

/** Saved by one, opened by its address by another, changed, saved again, and deleted. */
export async function aStatementIsSavedForAll(world) {
  const [one, two] = [await openPage(world), await openPage(world)];
  const name = `by-reason-${Date.now()}`;
  const text = (page) => page.inputValue(".editor textarea");
  const save = async (page) => {
    await page.click(".modal footer [type=submit]");
    await page.waitForSelector(".modal", { state: "detached" });
  };
  await one.go("/sql?from=-7d");
  await one.page.fill(".editor textarea", "DROP TABLE events");
  await one.page.keyboard.press("Control+s");
  await one.page.fill(".modal input", name);
  await one.page.click(".modal footer [type=submit]");
  await one.page.waitForSelector(".modal [role=alert]");
  await one.page.keyboard.press("Escape");
  await one.page.waitForSelector(".modal", { state: "detached" });
  const first = "SELECT reason, count() AS n\nFROM events WHERE time >= {from} GROUP BY reason ORDER BY n DESC";
  await one.page.fill(".editor textarea", first);
  await one.page.click("button:has-text('⌘S')");
  await one.page.fill(".modal input", name);
  await save(one.page);
  await one.page.waitForURL(new RegExp(`/sql/${name}\\?from=-7d`));
  await one.page.waitForSelector(`.saved .it[aria-current=page]:has-text("${name}")`);

  await two.go(`/sql/${name}?from=-7d`);
  await two.page.waitForSelector(`.sqlpage h2:has-text("${name}")`);
  check((await text(two.page)) === first, "the address opens another statement");
  check((await two.page.locator(".badge:has-text('changed')").count()) === 0, "nobody changed it");
  await two.page.fill(".editor textarea", `${first} LIMIT 3`);
  await two.page.waitForSelector(".badge:has-text('changed')");
  // Edits outlive the page, and leave the saved one as it is.
  await two.page.reload();
  await two.page.waitForSelector(".badge:has-text('changed')");
  check((await text(two.page)) === `${first} LIMIT 3`, "the edits are lost");
  await two.page.keyboard.press("Control+s");
  await two.page.waitForSelector(".modal :text('it is replaced')");
  check((await two.page.inputValue(".modal input")) === name, "it is saved again under its name");
  await save(two.page);
  await two.page.waitForSelector(".badge:has-text('changed')", { state: "detached" });
  await two.page.focus(".editor textarea");
  await two.page.keyboard.press("Control+Enter");
  await two.page.waitForSelector(".grid [role=row][aria-rowindex='3']");

  await one.page.reload();
  await one.page.waitForFunction((end) => document.querySelector(".editor textarea")?.value.endsWith(end), "LIMIT 3");
  await one.go("/?from=-7d");
  await one.page.waitForSelector(".heat tbody tr");
  await one.page.keyboard.press("Control+k");
  await one.page.keyboard.type(name);
  await one.page.click(`[aria-label="Saved queries"] [role=option]:has-text("${name}")`);
  await one.page.waitForURL(new RegExp(`/sql/${name}\\?from=-7d`));
  await one.go("/settings");
  await one.page.waitForSelector(`a[href^="/sql/${name}"]`);
  await one.page.click(`button[aria-label="Delete ${name}"]`);
  await one.page.click("button:has-text('Delete for all?')");
  await one.page.waitForSelector(`a[href^="/sql/${name}"]`, { state: "detached" });
  await one.go(`/sql/${name}`);
  await one.page.waitForSelector(`.empty:has-text("No statement is saved as ${name}")`);
  const troubles = [...one.troubles, ...two.troubles];
  check(troubles.length === 0, troubles.join("; "));
}

/** Wide rows without end: what comes has at most 1 MB, and says that it was cut. */
export async function aLargeAnswerOfSqlIsCutAndSaysSo(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  await page.fill(
    "textarea",
    "SELECT time, cluster, repeat(message, 20) AS message FROM events WHERE time >= {from} AND time < {to} LIMIT 9000",
  );
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/sql");
  await page.keyboard.press("Control+Enter");
  const body = await (await answered).body();
  check(body.length > 500_000 && body.length <= MOST_ANSWER, `an answer of ${body.length} bytes`);
  await page.waitForSelector(".badge.warn[title*='beidou sql']");
  check(troubles.length === 0, troubles.join("; "));
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
