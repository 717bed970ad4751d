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
