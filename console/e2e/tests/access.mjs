import { check, openPage } from "../harness.mjs";

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
