import { check, incident, openPage, settled } from "../harness.mjs";

/** What each page asks first, in its order; the frame's own question is the last where it is another one. */
const FIRST = {
  "/": ["/api/v1/clusters", "/api/v1/fleet/signals", "/api/v1/coverage/clusters", "/api/v1/events/histogram"],
  "/events": ["/api/v1/events", "/api/v1/events/histogram", "/api/v1/events/facets", "/api/v1/clusters"],
};
const SHOWN = { "/": ".heat tbody td button", "/events": "#row-0" };
/** What may be read before they leave. */
const EARLY = /\/assets\/(early|questions)-[^/]+\.js$/;

/** Libraries and pages are held back until the first questions have left: these wait for none of them, and nobody asks them again. */
export async function theFirstQuestionsAreAskedOnceAndFirst(world) {
  const { from, to } = await incident(world);
  for (const [path, first] of Object.entries(FIRST)) {
    const { page, context, go, troubles } = await openPage(world);
    const asked = [];
    const held = [];
    let all;
    const left = new Promise((resolve) => {
      all = resolve;
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (!url.pathname.startsWith("/api/")) return;
      asked.push(url);
      if (asked.length === first.length) all();
    });
    let hold = true;
    await page.route(/\/assets\/[^/]+\.js$/, (route) => {
      if (hold && !EARLY.test(new URL(route.request().url()).pathname)) held.push(route);
      else void route.continue();
    });
    const opened = go(`${path}?from=${from}&to=${to}`);
    const late = opened.then(() => check(false, `${path} stands before its questions were asked`));
    await Promise.race([left, late]);
    const paths = asked.map((url) => url.pathname);
    check(JSON.stringify(paths) === JSON.stringify(first), `${path} asks first: ${paths.join(" ")}`);
    check(held.length > 0, `${path}: no library was held back`);
    hold = false;
    for (const route of held) await route.continue();
    await opened;
    await page.waitForSelector(SHOWN[path]);
    await settled(page);
    for (const url of asked.slice(0, first.length)) {
      const times = asked.filter((one) => one.href === url.href).length;
      check(times === 1, `${path}: ${url.pathname} was asked ${times} times`);
    }
    check(troubles.length === 0, troubles.join("; "));
    await context.close();
  }
}

/** An answer that takes longer than a second says how much was read for it so far. */
export async function whatIsReadSoFarIsTold(world) {
  const { page, go, troubles } = await openPage(world);
  let asked = "";
  let answer;
  const held = new Promise((resolve) => {
    answer = resolve;
  });
  await page.route(/events\/histogram\?.*bins=180/, async (route) => {
    const { pathname, search } = new URL(route.request().url());
    asked = pathname + search;
    await held;
    await route.continue();
  });
  await page.route(/api\/v1\/running/, (route) => {
    const progress = { rows_read: 12_345_678, rows: 0, share: null, memory_bytes: 0 };
    const item = { id: "one", kind: "events", subject: "ops", query: asked, began: new Date().toISOString(), progress };
    return route.fulfill({ json: { items: [item] } });
  });
  await go("/events?from=-7d&q=kind:Pod");
  await page.waitForSelector(".histo [role=status]:has-text('12,345,678 rows read')");
  answer();
  await page.waitForSelector(".histo [role=status]:has-text('rows read')", { state: "detached" });
  await page.waitForSelector(".hist canvas");
  check(troubles.length === 0, troubles.join("; "));
}

/** Where the tables end and the archive goes on is told, with what was read of it. */
export async function whereTheArchiveBeginsIsMarked(world) {
  const { page, go, troubles } = await openPage(world);
  const from = new Date(Date.now() - 2 * 86_400_000).toISOString();
  // The demo keeps all in its tables: what an answer over both says beside its bins is put in.
  await page.route(/events\/histogram\?.*bins=180/, async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), cold: { files: 12, rows: 7000, bytes: 34_000_000 } } });
  });
  await page.route(/events\/estimate/, async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), tables_from: from } });
  });
  await go("/events?from=-7d&tz=UTC");
  await page.waitForSelector(`.archived:has-text('12 files'):has-text('${from.slice(5, 10)} ${from.slice(11, 16)}')`);
  check(await page.locator(".hist canvas").isVisible(), "no histogram under it");
  check(troubles.length === 0, troubles.join("; "));
}
