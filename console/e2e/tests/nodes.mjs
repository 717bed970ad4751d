import { check, openPage } from "../harness.mjs";
import { api, quiet, start } from "../operations.mjs";

/** Nodes in bulk: the list is read, the preview says what it waits for, and the run begins. */
export async function nodesAreCordonedFromAList(world) {
  await quiet(world, "hz-prod-02");
  const { page, go, troubles } = await openPage(world);
  await go("/nodes?c=hz-prod-02&act=Cordon");
  await page.fill(".paste textarea", "10.86.33.1\n10.86.33.2\nwhat?\n");
  await page.waitForSelector(".gutter .bad");
  await page.click("button:has-text('Drop 1 bad lines')");
  await page.click("button:has-text('Preview Cordon of 2 nodes')[aria-disabled=false]");
  await page.fill(".modal input[required]", "firmware is renewed");
  await page.click(".modal [type=submit]");
  await page.waitForURL(/\/operations\/[0-9a-f-]{36}/);
  await page.waitForSelector("h2:has-text('Cordon 2 hosts')");
  check(troubles.length === 0, troubles.join("; "));
  await quiet(world, "hz-prod-02");
}

/** Nodes that Events name are ticked into the list, and operated on by their names; the cluster tells where they are. */
export async function nodesThatEventsNameAreTicked(world) {
  const named = await api(world, "/events/facets?cluster=hz-prod-02&from=-7d&fields=node&top=5&q=-node:_");
  const names = named.facets[0].values.map((one) => one.value).filter((name) => !/^[\d.]+$/.test(name));
  const [known, other] = names.sort((a, b) => b.length - a.length);
  await start(world, { cluster: "hz-prod-02", block: 34, count: 1, operationMachines: [{ ip: "10.86.34.1", name: known }] });
  const { page, go, troubles } = await openPage(world);
  await go(`/nodes?c=hz-prod-02&act=Drain&from=-7d&q=${known}`);
  const row = (name) => page.locator(".nl.vrow", { has: page.locator(`a[href*="/${name}?"]`) });
  const held = row(known).locator("a[href*='/operations/']");
  await held.waitFor();
  await quiet(world, "hz-prod-02");
  await held.waitFor({ state: "detached" });
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  check((await page.inputValue(".paste textarea")).split("\n").includes(known), "x does not choose the node");
  await page.waitForSelector("button:has-text('Preview Drain of 1 nodes')[aria-disabled=false]");
  await page.fill(".nodelines [data-filter]", other);
  await row(other).locator("input").check();
  await page.waitForSelector("button:has-text('Preview Drain of 2 nodes')[aria-disabled=false]");
  check((await page.locator(".gutter .bad").count()) === 0, "a node that no operation had is marked as bad");
  await page.fill(".paste textarea", `${other}\n`);
  await page.waitForSelector("button:has-text('Preview Drain of 1 nodes')[aria-disabled=false]");
  await page.keyboard.press("Escape");
  await page.keyboard.press("C");
  await page.waitForSelector(".modal:has-text('Cordon')");
  check(new URL(page.url()).searchParams.get("act") === "Cordon", "the address does not say what is to be done");
  await page.fill(".modal input[required]", "firmware is renewed");
  await page.click(".modal [type=submit]");
  await page.waitForURL(/\/operations\/[0-9a-f-]{36}/);
  const { spec } = await api(world, `/operations/${new URL(page.url()).pathname.split("/").at(-1)}`);
  const [machine] = spec.operationMachines;
  check(machine.name === other && /^10\./.test(machine.ip), `the cluster did not tell where ${other} is: ${JSON.stringify(machine)}`);
  await quiet(world, "hz-prod-02");
  check(troubles.length === 0, troubles.join("; "));
}
