import { check, openPage, settled } from "../harness.mjs";
import { heldRun } from "../operations.mjs";

export async function theTokenLeavesTheAddressAtOnce(world) {
  const { page, go, troubles } = await openPage(world);
  await go("/events?from=-1h");
  await page.waitForSelector(".er[role=row]");
  check(!page.url().includes("token"), `the address still holds it: ${page.url()}`);
  check((await page.evaluate(() => sessionStorage.getItem("beidou.token"))) !== null, "the tab does not hold it");
  await page.reload();
  await page.waitForSelector(".er[role=row]");
  check(troubles.length === 0, troubles.join("; "));
}

/** What opens in a tab of its own has no session storage: the token comes from the tab before it, and not to one that forgot it. */
export async function anotherTabHasTheToken(world) {
  const { page, context, go } = await openPage(world);
  await go("/events?from=-1h");
  await page.waitForSelector(".er[role=row]");
  const other = await context.newPage();
  await other.goto(`${world.front.url}/settings`);
  await other.waitForSelector(".settings .dl dt");
  await other.click("button:has-text('Forget')");
  await other.waitForSelector(".gate input");
  check((await other.evaluate(() => sessionStorage.getItem("beidou.token"))) === null, "a token that was forgotten came back");
}

export async function withoutTokenAGateAsksForIt(world) {
  const { page } = await openPage(world);
  await page.goto(`${world.front.url}/events`);
  await page.waitForSelector(".gate input");
  await page.fill(".gate input", "bd_wrong");
  await page.click(".gate button");
  await page.waitForSelector("text=the token is not known");
  await page.fill(".gate input", world.api.token);
  await page.click(".gate button");
  await page.waitForSelector(".er[role=row]");
}

export async function aServerThatIsAwayIsToldAndForgiven(world) {
  if (!world.front.setAway) return;
  const { page, go } = await openPage(world);
  await go("/coverage?from=-7d");
  await page.waitForSelector("text=sz-prod-01");
  world.front.setAway(true);
  try {
    await page.click("nav a[href^='/sql']");
    await page.waitForSelector("text=The server cannot be reached", { timeout: 20_000 });
  } finally {
    world.front.setAway(false);
  }
  await page.click("text=Try again");
  await page.waitForSelector("text=new_occurrences");
}

/** Answers outlive a failed call for the next ones, say of when they are, and are followed by the next ones. */
export async function pagesKeepTheirAnswersWithoutServer(world) {
  if (!world.front.setAway) return;
  const { page, go, troubles } = await openPage(world);
  for (const [path, shown] of [
    ["/?from=-24h", ".heat tbody td button"],
    ["/events?from=-1h", ".facet .fv"],
    ["/clusters?from=-24h", ".clusters tbody tr"],
    ["/coverage?from=-24h", ".coverage tbody tr"],
    ["/o?from=-24h", ".frow"],
  ]) {
    await go(path);
    await page.waitForSelector(shown);
    await settled(page);
    world.front.setAway(true);
    try {
      await page.keyboard.press("R");
      await page.waitForSelector(".note:has-text('as of')");
      check((await page.locator(shown).count()) > 0, `${path} forgot what it knew`);
    } finally {
      world.front.setAway(false);
    }
    await page.keyboard.press("R");
    await page.waitForSelector(".note:has-text('as of')", { state: "detached" });
    await page.waitForSelector(shown);
  }
  check(troubles.length === 0, troubles.join("; "));
}

/** Rows that cannot be asked for anew stay, say of when they are, and are asked for as soon as somebody answers. */
export async function aListWithoutServerSaysSinceWhen(world) {
  if (!world.front.setAway) return;
  await heldRun(world);
  const { page, go, troubles } = await openPage(world);
  for (const [path, rows] of [
    ["/operations", ".livelist .vrow"],
    ["/nodes?c=hz-prod-02", ".nodeside h3"],
  ]) {
    await go(path);
    await page.waitForSelector(rows);
    check((await page.locator(".note:has-text('as of')").count()) === 0, `${path} is old from the start`);
    world.front.setAway(true);
    try {
      await page.waitForSelector(".note:has-text('as of')");
      check(/as of \d\d:\d\d:\d\d/.test(await page.textContent(".note:has-text('as of')")), `${path} does not say since when`);
      check((await page.locator(rows).count()) > 0, `${path} forgot what it knew`);
    } finally {
      world.front.setAway(false);
    }
    await page.waitForSelector(".note:has-text('as of')", { state: "detached" });
    await page.waitForSelector(rows);
  }
  // Another question has no answer yet: the rows of the one before are none.
  await go("/operations");
  await page.waitForSelector(".livelist .vrow");
  world.front.setAway(true);
  try {
    await page.click(".filterline button:has-text('Succeeded')");
    await page.waitForSelector("[role=alert]:has-text('The server cannot be reached')");
    check((await page.locator(".livelist .vrow").count()) === 0, "rows of another filter are shown");
  } finally {
    world.front.setAway(false);
  }
  check(troubles.length === 0, troubles.join("; "));
}
