/** SQL: a statement is written, run, saved and refused. */
import { check, MOST_ANSWER, openPage, pixelsOf, settled } from "../harness.mjs";

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
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/sql");
  await page.click(".btn.prime:not(:disabled)");
  await page.click("[role=alert] button[aria-label='Copy the id of the request']");
  const id = (await answered).headers()["x-request-id"];
  check(id && (await page.evaluate(() => navigator.clipboard.readText())) === id, `${id} was not copied`);
  check(/All clusters · asked once, \d\d:/.test(await page.textContent("[role=alert]")), await page.textContent("[role=alert]"));
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

/** Before the first answer stands what helps: names to insert, and questions that the server takes as they are. */
export async function thePageBeginsWithQuestionsThatRun(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  await page.fill(".editor textarea", "SELECT count() FROM ");
  await page.click(".start .view .link:has-text('coverage')");
  check((await page.inputValue(".editor textarea")) === "SELECT count() FROM coverage", await page.inputValue(".editor textarea"));
  const questions = await page.locator(".start .it").count();
  check(questions >= 8, `${questions} questions`);
  for (let n = 0; n < questions; n += 1) {
    // Another range: the same address would be the same page, with its answer.
    await go(`/sql?from=-${8 + n}d`);
    await page.locator(".start .it").nth(n).click();
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector(".grid[role=grid], [role=alert]");
    check((await page.locator("[role=alert]").count()) === 0, `question ${n}: ${await page.inputValue(".editor textarea")}`);
  }
  await page.waitForSelector('.history .it[title="SELECT count() FROM coverage"]');
  check(troubles.length === 0, troubles.join("; "));
}

/** As low as a page is at 200 per cent, the answer has room, and is scrolled to. */
export async function aLowPageShowsTheAnswer(world) {
  const { page, go } = await openPage(world, { width: 640, height: 400 });
  await go("/sql?from=-7d&tab=chart");
  await page.fill(".editor textarea", "SELECT reason, count() AS n FROM events WHERE time >= {from} AND time < {to} GROUP BY reason");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".plotbox canvas");
  const box = page.locator(".plotbox");
  await box.scrollIntoViewIfNeeded();
  const [plot, main] = [await box.boundingBox(), await page.locator(".main").boundingBox()];
  check(plot.height >= 180, `the plot is ${plot.height} px high`);
  check(plot.y + plot.height <= main.y + main.height + 1, "it cannot be scrolled to");
}

/** One click draws the answer; the address says so, arrows read it, and what cannot be drawn says why. */
export async function anAnswerIsDrawn(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/sql?from=-7d");
  await page.click(".start .it:has-text('Warnings of each hour')");
  await page.keyboard.press("Control+Enter");
  await page.click("button:has-text('Chart')");
  await page.waitForURL(/tab=chart/);
  await page.waitForSelector(".note:has-text('sz-prod-01')");
  await settled(page);
  for (const token of ["--cat-1", "--cat-2", "--cov-full"])
    check(await page.evaluate(pixelsOf, { selector: ".plotbox canvas", token }), `nothing is drawn in ${token}`);
  const name = await page.getAttribute(".plotbox canvas", "aria-label");
  check(/^happened by hour: \d+ places, the highest (≥ )?[\d,.]+ at 20/.test(name), name);
  await page.focus(".plotbox canvas");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  check(/^20\d\d-.* · hz-prod-02 /.test(await page.textContent(".plotbox .read")), await page.textContent(".plotbox .read"));
  await page.click(".plotlegend .chip:has-text('hz-prod-02')");
  check((await page.textContent(".plotlegend [aria-pressed=false]")) === "hz-prod-02", "the series is still drawn");
  await page.click("button:has-text('Bars')");
  await page.waitForURL(/view=bar/);
  await page.click("button:has-text('Table')");
  await page.waitForSelector(".grid [role=gridcell]");
  await page.fill(".editor textarea", "SELECT cluster, reason FROM events WHERE time >= {from} AND time < {to} LIMIT 5");
  await page.keyboard.press("Control+Enter");
  await page.click("button:has-text('Chart')");
  await page.waitForSelector(".empty:has-text('No column has numbers')");
  check(troubles.length === 0, troubles.join("; "));
}
