import { check, incident, number, openPage, pixelsOf, scrollRows } from "../harness.mjs";

const total = async (page) => {
  await page.waitForFunction(
    () => /[\d,]+ states/.test(document.querySelector(".leg .dim")?.textContent ?? "") && !document.querySelector(".histo .stale"),
  );
  return number(/([\d,]+) states/.exec(await page.textContent(".leg .dim"))?.[0]);
};

export async function aBrushIsTheRangeAndGoesBack(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/events?from=${from}&to=${to}`);
  const before = await total(page);
  const box = await page.locator(".hist canvas").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction((old) => !location.search.includes(encodeURIComponent(old)), from);
  const after = await total(page);
  check(after > 0 && after < before, `${before} became ${after}`);
  const listed = number(await page.textContent(".tail .cut"));
  check(listed === after, `the list has ${listed}, the histogram ${after}`);
  await page.dblclick(".hist canvas");
  await page.waitForFunction((old) => location.search.includes(encodeURIComponent(old)), from);
  check((await total(page)) === before, "the range before did not come back");
  check(troubles.length === 0, troubles.join("; "));
}

export async function completionProposesWithCounts(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-7d");
  await page.waitForSelector(".er[role=row][id]");
  const leaves = () => page.waitForFunction(() => !document.activeElement?.matches("input[data-filter]"));
  await page.keyboard.press("/");
  await page.waitForSelector(".complete [role=option]");
  await page.keyboard.press("Tab");
  await leaves();
  check((await page.inputValue("input[data-filter]")) === "", "who comes by with Tab changes the line");
  await page.focus(".rows");
  await page.keyboard.press("/");
  await page.keyboard.type("reason:FailedM");
  await page.waitForSelector(".complete [role=option]:has-text('FailedMount')");
  await page.keyboard.press("Tab");
  check((await page.inputValue("input[data-filter]")).startsWith("reason:FailedMount"), "the proposal was not taken");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "reason:FailedMount");
  await page.waitForSelector(".er[role=row][id]:has-text('FailedMount')");
}

export async function aWrongLineIsToldAtItsPlace(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-7d&q=nmespace:shop");
  await page.waitForSelector(".fault:has-text('did you mean namespace')");
  check(await page.locator(".qtext .bad").count(), "the fault is not marked");
}

export async function facetsFilterAndExclude(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-24h");
  const all = await total(page);
  await page.click(".facet:has(h2:has-text('Kind')) .fv:has-text('ReplicaSet') input");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "kind:ReplicaSet");
  const nodes = await total(page);
  check(nodes < all, "nothing was filtered");
  await page.click(".facet:has(h2:has-text('Reason')) .fv .v >> nth=0");
  await page.click("[role=menuitem]:has-text('Exclude')");
  await page.waitForFunction(() => /-reason:/.test(new URLSearchParams(location.search).get("q") ?? ""));
  check((await total(page)) < nodes, "nothing was excluded");
}

export async function aLinkShowsTheSameToSomebodyElse(world) {
  const one = await openPage(world);
  const { from, to } = await incident(world);
  await one.go(`/events?from=${from}&to=${to}&c=hz-prod-02&q=reason:Failed&sev=Warning`);
  await one.page.waitForSelector(".er[role=row][id]");
  await one.page.click("#row-3");
  await one.page.waitForSelector(".det .dl");
  // Its message is cut to the width that is left, which the pane has just changed: what stands before tells rows apart.
  const begin = async (page, row) => (await page.textContent(row))?.slice(0, 60);
  const [count, row] = [await total(one.page), await begin(one.page, "#row-3")];
  const link = new URL(one.page.url());
  const two = await openPage(world, { theme: "dark" });
  await two.go(link.pathname + link.search);
  await two.page.waitForSelector(".er.sel");
  check((await total(two.page)) === count, "another count");
  check((await begin(two.page, ".er.sel")) === row, "another row is open");
  await two.page.waitForSelector(".det .dl");
}

export async function aGapIsShownAsAGap(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-7d");
  await page.waitForSelector(".list .note:has-text('sz-prod-01')");
  check(/degraded for 40 m/.test(await page.textContent(".list .note")), "the gap is not told");
  check((await page.textContent(".leg b")).startsWith("≥"), "the count claims to be exact");
  // The strip under the histogram is drawn a frame after the words.
  await page.waitForFunction(pixelsOf, { selector: ".hist canvas", token: "--cov-late" });
  await page.click("button[aria-label='Show as table']");
  await page.waitForSelector(".hist td:has-text('degraded')");
}

export async function aLongListHoldsFewRows(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/events?from=-7d");
  await page.waitForSelector(".er[role=row][id]");
  const seen = new Set();
  for (let n = 0; n < 40; n += 1) {
    await scrollRows(page, 2400);
    for (const id of await page.$$eval(".er.vrow[id]", (rows) => rows.map((row) => row.id))) seen.add(id);
  }
  await page.waitForSelector(".er.vrow[id]");
  check((await page.locator(".vrow").count()) < 120, "too many rows in the document");
  // Elements are filled anew, so their order in the document is another one than that of the rows, which is told.
  const order = await page.evaluate(() => {
    const rows = [...document.querySelectorAll(".er.vrow[id]")].sort(
      (a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top,
    );
    const owned = document.querySelector(".rows").getAttribute("aria-owns").split(" ");
    return rows.map((row) => [row.id, Number(row.getAttribute("aria-rowindex")), owned.indexOf(row.id)]);
  });
  const rises = (at) => order.every((row, n) => n === 0 || order[n - 1][at] < row[at]);
  check(order.length > 30 && rises(1) && rises(2) && order.every((row) => row[2] >= 0), `rows out of order: ${JSON.stringify(order)}`);
  check(seen.size > 500, `only ${seen.size} rows came`);
  await page.evaluate(() => document.querySelector(".rows").scrollTo(0, 0));
  await page.waitForSelector("#row-0");
  check(troubles.length === 0, troubles.join("; "));
}

export async function patternsAndExplainAreFilters(world) {
  const { page, go } = await openPage(world);
  const { from, to } = await incident(world);
  // In the cluster of the story: in all clusters together, what rises most beside it depends on the day on which it is told.
  await go(`/events?from=${from}&to=${to}&c=hz-prod-02&view=patterns&panel=explain`);
  await page.waitForSelector(".pat tbody tr:has-text('Failed to pull image')");
  await page.waitForSelector(".chg:has-text('recsys')");
  await page.click(".chg:has-text('recsys') >> nth=0");
  await page.waitForFunction(() => (new URLSearchParams(location.search).get("q") ?? "").includes("recsys"));
}

export async function anExportHasAllRows(world) {
  const { page, go } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/events?from=${from}&to=${to}&q=reason:NodeNotReady`);
  const rows = await total(page);
  await page.click("button:has-text('Export')");
  await page.click("text=Begin export");
  await page.waitForSelector(`.exp:has-text('done'):has-text('${rows.toLocaleString("en")}')`, { timeout: 20_000 });
  const download = page.waitForEvent("download");
  await page.click(".exp >> nth=0 >> button:has-text('File')");
  check(/\.csv$/.test((await download).suggestedFilename()), "no file came");
  await page.click(".exp >> nth=0 >> button[aria-label='Remove the export']");
}

export async function aQueryIsSavedAndFoundInThePalette(world) {
  const { page, go } = await openPage(world);
  await go("/events?from=-24h&q=reason:FailedMount");
  await page.waitForSelector(".er[role=row][id]");
  await page.click("button:has-text('Save')");
  await page.fill(".modal input", "e2e mounts");
  await page.click(".modal button:has-text('Save')");
  await page.waitForSelector(".modal", { state: "detached" });
  await go("/settings");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("e2e-mou");
  await page.waitForSelector("[role=option]:has-text('e2e-mounts')");
  await page.keyboard.press("Escape");
  await page.click("button[aria-label='Delete e2e-mounts']");
  check((await page.locator("a:has-text('e2e-mounts')").count()) === 1, "one click deletes a saved query");
  await page.click("button:has-text('Delete for all?')");
  await page.waitForSelector("text=e2e-mounts", { state: "detached" });
}

/** Columns are chosen in a menu, stand in the address, are those of whoever gets the link, and come back with who chose them. */
export async function columnsAreChosenAndLinked(world) {
  const { page, go, troubles } = await openPage(world);
  const heads = (one) => one.$$eval(".er.hd [role=columnheader]", (all) => all.map((head) => head.textContent));
  await go("/events?from=-24h&q=kind:Pod");
  await page.waitForSelector("#row-0");
  const usual = await heads(page);
  await page.focus(".tail .btn:has-text('Columns')");
  await page.keyboard.press("Enter");
  await page.click(".menu label:has-text('Node')");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("cols")?.includes("node"));
  await page.click(".menu label:has-text('Cluster')");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("cols") === "type,object,node,reason,message,count");
  const chosen = await heads(page);
  check(chosen.includes("Node") && !chosen.includes("Cluster") && chosen.length === usual.length, `heads: ${chosen}`);
  check((await page.locator("#row-0 > [role=gridcell]").count()) === chosen.length, "a row has other columns than its head");
  const right = (all) => all.map((one) => one.getBoundingClientRect().right);
  const ends = await page.$$eval(".er.hd > :last-child, #row-0 > :last-child", right);
  check(ends.length === 2 && Math.abs(ends[0] - ends[1]) < 16, `the columns of rows end at ${ends}`);
  const other = await openPage(world);
  const link = new URL(page.url());
  await other.go(link.pathname + link.search);
  await other.page.waitForSelector("#row-0");
  check((await heads(other.page)).join() === chosen.join(), "a link shows other columns");
  await go("/settings");
  await page.click("nav a[href^='/events']");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("cols")?.includes("node"));
  await page.click(".tail .btn:has-text('Columns')");
  await page.click(".menu button:has-text('The usual ones')");
  await page.waitForFunction(() => !location.search.includes("cols="));
  check((await heads(page)).join() === usual.join(), "the usual columns did not come back");
  check(troubles.length === 0, troubles.join("; "));
}

/** With names and an open Event beside it the message keeps some room, and no column leaves the list. */
export async function manyColumnsLeaveTheMessageSomeRoom(world) {
  const { page, go } = await openPage(world, { width: 1280 });
  const { from, to } = await incident(world);
  await go(`/events?from=${from}&to=${to}&q=reason:Failed&cols=type,cluster,namespace,object,node,reason,component,message,count`);
  await page.waitForSelector("#row-3");
  await page.click("#row-3");
  await page.waitForSelector(".det .dl");
  const [message, last, list, heads] = await page.evaluate(() => {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const heads = [...document.querySelectorAll(".er.hd > span")].map((head) => getComputedStyle(head).overflow);
    return [box("#row-0 .m").width, box("#row-0 > :last-child").right, box(".rows").right, heads];
  });
  check(message >= 90, `the message has ${message} px`);
  check(last <= list + 1, `the last column ends at ${last}, the list at ${list}`);
  check(
    heads.every((overflow) => overflow === "hidden"),
    "heads run into each other",
  );
  check(/pull/i.test(await page.getAttribute("#row-0 .m", "title")), "a message that is cut does not say all of itself");
}

/** A pinned row stays over the list while that scrolls, is filtered or finds nothing; the link has it, and it is let go by its key. */
export async function pinnedRowsStayOnTop(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  // What stands before the message: that is cut to the width of the list.
  const pinned = (one) => one.$$eval(".pins .er", (rows) => rows.map((row) => row.textContent.slice(0, 50)));
  await go(`/events?from=${from}&to=${to}&q=reason:Failed`);
  await page.waitForSelector("#row-3");
  await page.focus(".rows");
  for (const key of ["j", "j", "P"]) await page.keyboard.press(key);
  await page.waitForSelector(".pins .er");
  const [text] = await pinned(page);
  check((await page.textContent(".rows .er.at")).startsWith(text), "another row was pinned, or the focus is elsewhere");
  await scrollRows(page, 4000);
  check((await pinned(page)).join() === text, "the pinned row scrolled away");
  check(await page.evaluate(() => document.querySelector(".pins").getBoundingClientRect().bottom <= innerHeight), "it is not seen");
  // The other way: of the open Event.
  await page.click(".rows .er >> nth=5");
  await page.click(".det [aria-pressed=false]");
  await page.waitForFunction(() => document.querySelectorAll(".pins .er").length === 2);
  check((await page.locator(".rows .er.at.sel").count()) === 1, "the focus is on another row than the open one");
  const link = new URL(page.url());
  check(link.searchParams.get("pin")?.split(",").length === 2, link.search);
  const both = await pinned(page);
  const other = await openPage(world);
  await other.go(`/events?from=-1h&q=reason:Nothing&pin=${encodeURIComponent(link.searchParams.get("pin"))}`);
  await other.page.waitForFunction(() => document.querySelectorAll(".pins .er[id]").length === 2);
  await other.page.waitForSelector(".list .empty");
  const names = (rows) => rows.map((row) => /Pod [^ ]+?…/.exec(row)?.[0]).join();
  check(names(await pinned(other.page)) === names(both), "a link pins other rows");
  await page.keyboard.press("Escape");
  await page.click(".pins .er >> nth=0");
  await page.keyboard.press("P");
  await page.waitForFunction(() => document.querySelectorAll(".pins .er").length === 1);
  check((await pinned(page)).join() === both[1], "the other one was let go");
  check(troubles.length === 0 && other.troubles.length === 0, [...troubles, ...other.troubles].join("; "));
}

/** Rows grouped by the server, the most frequent or the most warned first; a row narrows the list, and the link has the grouping. */
export async function rowsAreGroupedByTheServer(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/events?from=${from}&to=${to}`);
  await page.selectOption(".tail select", "reason");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("group") === "reason");
  const failed = ".pat tbody tr:has(bdi:text-is('Failed'))";
  await page.waitForSelector(`${failed} svg[aria-label='Warning']`);
  check((await page.locator(".pat tr:has(bdi:text-is('Scheduled')) svg[aria-label='Normal']").count()) === 1, "Scheduled warns");
  const [states, warnings] = (await page.$$eval(`${failed} td.num`, (cells) => cells.map((cell) => cell.textContent))).map(number);
  check(warnings > 0 && warnings <= states, `${warnings} of ${states} states are Warnings`);
  await page.click(".pat .th:has-text('Warnings')");
  await page.waitForSelector("section:not(.stale) > .pat th[aria-sort=descending]:has-text('Warnings')");
  const warned = (await page.$$eval(".pat td:nth-child(2)", (cells) => cells.map((cell) => cell.textContent))).map(number);
  check(warned.join() === warned.toSorted((a, b) => b - a).join() && warned[0] > 0, `not by Warnings: ${warned}`);
  await page.waitForSelector(".tail:has-text('Most Warnings first')");
  const other = await openPage(world, { theme: "dark", lang: "zh" });
  const link = new URL(page.url());
  await other.go(link.pathname + link.search);
  await other.page.waitForSelector(`${failed} svg[aria-label='Warning']`);
  check((await other.page.inputValue(".tail select")) === "reason", "the grouping is not that of the link");
  await page.focus(`${failed} .lk`);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#row-0");
  check(await page.evaluate(() => document.activeElement?.matches(".list")), "the focus went with the row");
  const search = new URL(page.url()).searchParams;
  check(search.get("q") === "reason:Failed" && !search.has("group"), page.url());
  check((await total(page)) === states, "the list has another count than its group");
  check(troubles.length === 0 && other.troubles.length === 0, [...troubles, ...other.troubles].join("; "));
}
