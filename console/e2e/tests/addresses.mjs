/** What a person sees stands in the address, and nothing else stands in for it. */
import { check, incident, number, openPage } from "../harness.mjs";
import { heldRun } from "../operations.mjs";

/** A link shows the same lines of the log, the same open line and the same hosts to somebody else. */
export async function theLogIsFilteredByItsAddress(world) {
  const id = await heldRun(world);
  const one = await openPage(world);
  await one.go(`/operations/${id}`);
  await one.page.waitForSelector(".ll");
  const lines = async (page) => {
    await page.waitForFunction(() => /\d/.test(document.querySelector(".logbar .cut")?.textContent ?? "") && document.querySelector(".ll"));
    return number(await page.textContent(".logbar .cut"));
  };
  // Of a run that goes on its end is read first.
  await one.page.click(".logbar:has-text('the last') button:has-text('from the first line')");
  await one.page.waitForSelector(".logbar .cut:not(:has-text('the last'))");
  const all = await lines(one.page);
  await one.page.fill("input[aria-label='text in the log']", "disk-space");
  await one.page.selectOption("select[aria-label='Kinds of lines']", "results");
  await one.page.fill(".hosts input[data-filter]", "10.86.77.1");
  await one.page.waitForFunction(() => {
    const search = new URLSearchParams(location.search);
    return search.get("log") === "disk-space" && search.get("lines") === "results" && search.get("hosts") === "10.86.77.1";
  });
  await one.page.waitForFunction(() => {
    const shown = [...document.querySelectorAll(".ll")];
    return shown.length > 0 && shown.every((line) => line.classList.contains("bad"));
  });
  const some = await lines(one.page);
  check(some > 0 && some < all, `${all} lines became ${some}`);
  await one.page.click(".ll.bad >> nth=0");
  await one.page.waitForSelector(".logmore:has-text('disk-space')");
  const [told, link] = [await one.page.textContent(".logmore pre"), new URL(one.page.url())];
  const two = await openPage(world);
  await two.go(link.pathname + link.search);
  await two.page.waitForSelector(".logmore:has-text('disk-space')");
  check((await two.page.textContent(".logmore pre")) === told, "another line is open");
  check((await lines(two.page)) === some, "other lines are shown");
  check((await two.page.inputValue("input[aria-label='text in the log']")) === "disk-space", "the filter is not in its field");
  check((await two.page.inputValue(".hosts input[data-filter]")) === "10.86.77.1", "the filter of hosts is lost");
  await two.page.fill("input[aria-label='text in the log']", "no line says this");
  await two.page.click(".empty button:has-text('Clear the filter')");
  await two.page.waitForFunction(() => !/[?&]log=/.test(location.search));
  check((await two.page.inputValue("input[aria-label='text in the log']")) === "", "the field keeps what was cleared");
  const troubles = [...one.troubles, ...two.troubles];
  check(troubles.length === 0, troubles.join("; "));
}

/** An address names the cluster whose nodes are touched: another one never stands in for it. */
export async function nodesOfAnUnknownClusterAreNotThoseOfAnother(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/nodes?c=not-there&act=Drain");
  await page.waitForSelector(".nodes .empty:has-text('not-there')");
  check((await page.locator(".bulk, .nodeside, .clist .it.on").count()) === 0, "nodes of another cluster can be touched");
  await go("/nodes?c=hz-prod-02,sz-prod-01&act=Drain");
  await page.waitForSelector(".nodes .empty:has-text('Choose a cluster')");
  check((await page.locator(".bulk").count()) === 0, "one of several clusters was taken");
  await page.click(".clist .it:has-text('sz-prod-01')");
  await page.waitForSelector(".bulk h2:has-text('sz-prod-01')");
  await page.waitForSelector(".bulk .btn.prime:has-text('of sz-prod-01')");
  check(new URL(page.url()).searchParams.get("c") === "sz-prod-01", page.url());
  check(troubles.length === 0, troubles.join("; "));
}

/** A long address is passed on as a short one, which leaves no step in the history; one that nobody made says so. */
export async function aLongAddressHasAShortLink(world) {
  const [one, two] = [await openPage(world), await openPage(world)];
  const { from, to } = await incident(world);
  const short = (page) => page.locator(".cmd .as button:has-text('short link')");
  await one.go(`/events?from=${from}&to=${to}`);
  await one.page.waitForSelector(".er[role=row][id]");
  check((await short(one.page).count()) === 0, "a short link is offered for a short address");
  const reasons = Array.from({ length: 20 }, (_, n) => `Reason${n}`).join(" ");
  await one.go(`/events?from=${from}&to=${to}&q=${encodeURIComponent(`reason:(Failed ${reasons})`)}`);
  await one.page.waitForSelector(".er[role=row][id]");
  await short(one.page).click();
  await one.page.waitForSelector(".toast:has-text('short link')");
  const link = await one.page.evaluate(() => navigator.clipboard.readText());
  check(/^\/s\/[0-9a-z]{10,}$/.test(link.replace(world.front.url, "")), `copied: ${link}`);

  await two.go("/settings");
  await two.go(new URL(link).pathname);
  await two.page.waitForURL((url) => url.href === one.page.url());
  await two.page.waitForSelector(".er[role=row][id]");
  await two.page.goBack();
  await two.page.waitForSelector(".settings");
  await two.go("/s/nothing-of-this-id");
  await two.page.waitForSelector(".empty:has-text('No short link has the id nothing-of-this-id')");
  const troubles = [...one.troubles, ...two.troubles];
  check(troubles.length === 0, troubles.join("; "));
}

/** A range that is taken as its fields show it stays as it is, also where these show a time that came twice. */
export async function aRangeTakenAsItStandsStays(world) {
  const { page, go, troubles } = await openPage(world);
  // In that night it was 01:30 in New York for the second time.
  const [from, to] = ["2026-11-01T06:30:00.000Z", "2026-11-01T08:00:00.000Z"];
  await go(`/clusters?from=${from}&to=${to}&tz=America/New_York`);
  const range = () => page.evaluate(() => ["from", "to"].map((end) => new URLSearchParams(location.search).get(end)).join());
  await page.click("button.pick:has-text('Time range')");
  await page.click(".pop button:has-text('Apply')");
  await page.waitForSelector(".pop", { state: "detached" });
  check((await range()) === `${from},${to}`, `became ${await range()}`);
  await page.click("button.pick:has-text('Time range')");
  await page.fill("input[type=datetime-local] >> nth=0", "2026-10-31T23:00:00");
  await page.click(".pop button:has-text('Apply')");
  await page.waitForSelector(".pop", { state: "detached" });
  check((await range()) === `2026-11-01T03:00:00.000Z,${to}`, `became ${await range()}`);
  check(troubles.length === 0, troubles.join("; "));
}

/** Open tabs, what is compared with what, what is unfolded, and the live tail are in the address, too. */
export async function aReloadShowsTheSamePanes(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  const holds = (part) => page.waitForFunction((wanted) => location.search.includes(wanted), part);
  await go(`/events?from=${from}&to=${to}&c=hz-prod-02&panel=explain`);
  await page.click(".det .seg button:has-text('1 day ago')");
  await holds("baseline=1d");
  await page.click(".facet:has(h2:has-text('Reason')) button.link");
  await holds("more=reason");
  await page.reload();
  await page.waitForSelector(".det .chg");
  check((await page.locator(".facet:has(h2:has-text('Reason')) .fv").count()) > 6, "the facet is folded again");
  await page.waitForSelector(".det .seg button[aria-pressed=true]:has-text('1 day ago')");
  await page.click("#row-2");
  await page.click("role=tab[name='JSON']");
  await holds("tab=json");
  await page.reload();
  await page.waitForSelector(".det .code");
  await go("/events?from=-1h&tail=1");
  await page.waitForSelector(".tail.on");
  await page.click("button:has-text('Live tail')");
  await page.waitForSelector(".tail.on", { state: "detached" });
  check(!page.url().includes("tail="), "a tail that is off stays in the address");
  check(troubles.length === 0, troubles.join("; "));
}

/** Where hosts stand is not known: it says so, is asked for again, and no host is drawn as waiting meanwhile. */
export async function aMatrixThatCannotBeHadIsUnknown(world) {
  const id = await heldRun(world);
  const { page, go } = await openPage(world);
  const away = /\/matrix/;
  await page.route(away, (route) => route.fulfill({ status: 500, json: {} }));
  await go(`/operations/${id}`);
  await page.waitForSelector(".matrix [role=alert]");
  check((await page.locator(".legend [data-count]").count()) === 0, "hosts are counted that nobody knows of");
  check((await page.locator(".note:has-text('stream is lost')").count()) === 0, "a matrix that fails is told as a lost stream");
  await page.unroute(away);
  await page.waitForFunction(() => /^[1-9]/.test(document.querySelector(".legend [data-count=bad]")?.textContent ?? ""));
}

/** A tab that lived through an upgrade: a part of the console that it never loaded is gone, and the way on is the address anew. */
export async function aPartOfTheConsoleThatIsGoneIsToldSo(world) {
  const { page, go, troubles } = await openPage(world);
  await page.route(/\/assets\/Palette-[^/]*\.js/, (route) => route.abort());
  await go("/settings");
  await page.waitForSelector(".settings .dl dt");
  await page.keyboard.press("Control+k");
  await page.waitForSelector("[role=alert]:has-text('cannot be had')");
  await page.unroute(/\/assets\/Palette-[^/]*\.js/);
  await page.click("button:has-text('Reload the page')");
  await page.waitForSelector(".settings .dl dt");
  await page.keyboard.press("Control+k");
  await page.waitForSelector("[role=dialog] [role=combobox]");
  check(
    troubles.every((one) => /Palette|dynamically imported/.test(one)),
    troubles.join("; "),
  );
}
