import { check, openPage, settled, until } from "../harness.mjs";

const MESSAGE = `<script>window.pwned=1</script><img src=x onerror="window.pwned=1"> \u001b[31mred\u001b[0m \u202Egnp.exe\u202C \u200b\u0000 {"type":"Normal"} ${"long ".repeat(20_000)}`;

async function plant(world) {
  const now = new Date(Date.now() - 120_000).toISOString().replace(/\.\d+/, "");
  const item = {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: "hostile.1",
      namespace: "e2e",
      uid: "7c9e6679-7425-40de-944b-e07fc1f9e2e2",
      resourceVersion: "990001",
      creationTimestamp: now,
    },
    involvedObject: { kind: "Pod", namespace: "e2e", name: "<b>x</b>", apiVersion: "v1" },
    reason: "<i>Bad</i>",
    message: MESSAGE,
    type: "Warning",
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: "\u202Etelebuk" },
  };
  const body = JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] });
  const answer = await fetch(`${world.api.url}/api/v1/imports?cluster=hostile-e2e`, {
    method: "POST",
    body,
    headers: { authorization: `Bearer ${world.api.token}`, "content-type": "application/octet-stream" },
  });
  const text = await answer.text();
  check(answer.ok && text.includes('"done"'), `the import failed: ${text.slice(0, 300)}`);
  // It stands in the log then, and a little later in the table; a page that came between would show that there is nothing.
  const headers = { authorization: `Bearer ${world.api.token}` };
  const found = async () => {
    const list = await fetch(`${world.api.url}/api/v1/events?cluster=hostile-e2e&from=-1h`, { headers });
    return list.ok && (await list.json()).items.length > 0;
  };
  await until("the planted Event in the table", found, Boolean);
}

/** Markup, ANSI, marks that turn the order, 100 KB, JSON that lies: inert and visible on every page. */
export async function aHostileEventIsInertEverywhere(world) {
  await plant(world);
  const { page, go, troubles } = await openPage(world);
  const inert = async (where) => {
    check((await page.evaluate(() => window.pwned)) === undefined, `it ran on ${where}`);
    check((await page.locator("img, .main script").count()) === 0, `markup on ${where}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    check(!/[\u202a-\u202e\u001b\u200b]/.test(await page.evaluate(() => document.body.innerText)), `a control character on ${where}`);
  };
  await go("/events?from=-1h&c=hostile-e2e");
  await page.waitForSelector("#row-0");
  check((await page.textContent("#row-0")).includes("<script>"), "the text is not shown as text");
  await inert("the list");
  await page.click("#row-0");
  await page.waitForSelector(".det .msg");
  const message = await page.textContent(".det .msg");
  check(message.includes("␛[31m") && message.includes("⟦202E⟧") && message.includes("⟦200B⟧"), "controls are not made visible");
  await inert("the panel");
  await page.click("role=tab[name='JSON']");
  await page.waitForSelector(".det .code");
  await inert("the JSON");
  await page.click(".det a:has-text('Timeline')");
  await page.waitForSelector(".ev");
  await inert("the timeline");
  for (const path of [
    "/events?from=-1h&c=hostile-e2e&view=patterns&panel=explain",
    "/o?from=-1h&c=hostile-e2e",
    "/?from=-1h",
    "/clusters?from=-1h",
  ]) {
    await go(path);
    await settled(page);
    await inert(path);
  }
  await go("/sql?from=-1h");
  await page.fill("textarea", "SELECT message, name, component FROM events WHERE time >= {from} AND cluster = 'hostile-e2e'");
  await page.click(".btn.prime:not(:disabled)");
  await page.waitForSelector(".grid [role=gridcell]");
  await inert("SQL");
  check(troubles.length === 0, troubles.join("; "));
}
