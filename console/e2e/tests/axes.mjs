/** Time is one axis: what was done stands over what was said, and a list follows the moment that is looked at. */
import { check, incident, openPage, settled, until } from "../harness.mjs";
import { api, quiet } from "../operations.mjs";

/** A node that is cordoned: over the histogram, and on its timeline, though nothing was said of it. */
export async function whatIsDoneIsDrawnOverEvents(world) {
  await quiet(world, "hz-prod-02");
  const ip = "10.86.34.1";
  const spec = { clusterName: "hz-prod-02", operationType: "Cordon", operationFlow: ["cordon"], operationMachines: [{ ip }] };
  const { id } = await api(world, "/operations", { name: `ops/cordon-b34-${String(Date.now()).slice(-6)}`, spec });
  const { summary } = await until(
    "the cordon to begin",
    () => api(world, `/operations/${id}`),
    (one) => one.summary.started,
  );
  const begun = Date.parse(summary.started);
  const around = `from=${new Date(begun - 1000).toISOString()}&to=${new Date(begun + 4000).toISOString()}`;
  const { page, go, troubles } = await openPage(world);
  await go(`/events?${around}&c=hz-prod-02`);
  await page.focus(`.hist a[href*="${id}"]`);
  check(/ops\/cordon-b34.* begins/.test(await page.getAttribute(".hist a:focus", "aria-label")), "the mark does not say what it is");
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`/operations/${id}`));
  await page.waitForSelector(".badge:has-text('Replay')");
  const shown = Date.parse(new URL(page.url()).searchParams.get("t"));
  check(shown >= begun && shown < begun + 10, `the run is shown ${shown - begun} ms after its begin`);
  await go(`/o/hz-prod-02/Node/_/${ip}?${around}`);
  await page.click(`.lanecanvas a[href*="${id}"]`);
  await page.waitForURL(new RegExp(`/operations/${id}`));
  check(troubles.length === 0, troubles.join("; "));
  await quiet(world, "hz-prod-02");
}

/** T2 moves on the chart, and the row of that moment comes into sight. */
export async function theListFollowsTheMoment(world) {
  const { page, go, troubles } = await openPage(world, { height: 700 });
  const { from, to } = await incident(world);
  await go(`/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}`);
  const seen = (old) => {
    const row = document.querySelector(".ev.now");
    if (!row || row.textContent === old) return null;
    const [one, list] = [row.getBoundingClientRect(), row.closest(".scroll").getBoundingClientRect()];
    return one.top >= list.top - 1 && one.bottom <= list.bottom + 1 ? row.textContent : null;
  };
  const newest = await (await page.waitForFunction(seen, null)).jsonValue();
  // The incident begins at a quarter of the range.
  const box = await page.locator(".lanecanvas canvas").boundingBox();
  await page.mouse.click(box.x + box.width * 0.3, box.y + 60);
  const early = await (await page.waitForFunction(seen, newest)).jsonValue();
  check(await page.evaluate(() => document.querySelector(".ev.now").closest(".scroll").scrollTop > 0), "nothing had to be scrolled");
  await page.keyboard.press("k");
  await page.waitForFunction(seen, early);
  check(troubles.length === 0, troubles.join("; "));
}

/** While the state of another moment is on its way the last one stays, dimmed; of another object none is shown. */
export async function theStateIsThatOfItsObject(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  const self = "recsys-ranker-6c9f7d8b5c-x2k9q";
  const { items } = await api(world, `/events?cluster=hz-prod-02&kind=Pod&from=${from}&to=${to}&limit=200`);
  // The oldest of them: the newest may have had no state yet at the moment that is looked at.
  const other = items.findLast(({ name }) => name !== self);
  const also = encodeURIComponent(`hz-prod-02/Pod/${other.namespace}/${other.name}`);
  await go(`/o/hz-prod-02/pod/recsys/${self}?from=${from}&to=${to}&also=${also}`);
  await page.waitForSelector(".compared .lanecanvas canvas");
  await page.waitForSelector(".st .said");
  await settled(page);
  let release = () => undefined;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route(/\/at\?t=/, async (route) => {
    await held;
    await route.continue();
  });
  await page.focus(".lanecanvas canvas");
  await page.keyboard.press("ArrowLeft");
  await page.waitForSelector(".st .stale .said");
  await page.click(".compared .bar a");
  await page.waitForURL((url) => url.pathname.includes(other.name));
  await page.waitForSelector(".st .bones");
  check((await page.locator(".st .said").count()) === 0, "the state of one object stands under the name of another");
  release();
  await page.waitForSelector(".st :not(.stale) > .said");
  check(troubles.length === 0, troubles.join("; "));
}

/** Two pods under one axis with one pair of cursors: added by keys, part of the address, taken away again. */
export async function anotherObjectStandsUnderTheSameAxis(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  const self = "recsys-ranker-6c9f7d8b5c-x2k9q";
  await go(`/o/hz-prod-02/pod/recsys/${self}?from=${from}&to=${to}`);
  await page.waitForSelector(".lanecanvas canvas");
  await page.focus("button:has-text('Compare')");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.matches(".in.compare"));
  // Others stand there until the answer for the typed name has come.
  const answer = page.waitForResponse((one) => /\/api\/v1\/events\?.*feed-mixer/.test(one.url()));
  await page.keyboard.type("feed-mixer");
  await answer;
  const proposal = ".menu div:not(.stale) > .it:has-text('feed-mixer') >> nth=0";
  await page.waitForSelector(proposal);
  check((await page.locator(`.menu .it:has-text('${self}')`).count()) === 0, "an object can be compared with itself");
  await page.focus(proposal);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".compared .lanecanvas canvas");
  check(new URL(page.url()).searchParams.get("also")?.includes("/feed-mixer"), page.url());
  const wide = await page.$$eval(".lanecanvas", (all) => all.map((one) => [one.getBoundingClientRect().left, one.clientWidth].join()));
  check(wide.length === 2 && wide[0] === wide[1], `the axes differ: ${wide}`);
  // A moment chosen on either is that of both.
  const box = await page.locator(".compared .lanecanvas canvas").boundingBox();
  await page.mouse.click(box.x + box.width * 0.3, box.y + 20);
  await page.waitForFunction(() => new URLSearchParams(location.search).has("t2"));
  const other = await openPage(world, { theme: "dark", lang: "zh" });
  const link = new URL(page.url());
  await other.go(link.pathname + link.search);
  await other.page.waitForSelector(".compared .lanecanvas canvas");
  await page.focus(".compared button[aria-label^='Take feed-mixer']");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".compared", { state: "detached" });
  check(!new URL(page.url()).searchParams.has("also"), page.url());
  check(await page.evaluate(() => document.activeElement?.matches(".obj [aria-haspopup=dialog]")), "the focus went with the object");
  check(troubles.length === 0 && other.troubles.length === 0, [...troubles, ...other.troubles].join("; "));
}

/** The last one that has room: the button that added it takes no more, and keeps the focus. Taken away, the next one has it. */
export async function theFocusStaysWhereObjectsAreAdded(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  const also = ["a", "b", "c"].map((name) => `hz-prod-02/Node/_/none-${name}`).join();
  await go(`/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}&also=${encodeURIComponent(also)}`);
  await page.waitForFunction(() => document.querySelectorAll(".compared").length === 3);
  await page.focus("button:has-text('Compare')");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".menu .it");
  await page.focus(".menu .it >> nth=0");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".compared").length === 4);
  await page.waitForFunction(() => document.activeElement?.matches(".obj [aria-haspopup=dialog][aria-disabled=true]"));
  await page.keyboard.press("Enter");
  check((await page.locator(".in.compare").count()) === 0, "a fifth one can be added");
  await page.focus(".compared button[aria-label^='Take none-b']");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".compared").length === 3);
  check((await page.evaluate(() => document.activeElement?.ariaLabel))?.startsWith("Take none-c"), "the focus went with the object");
  check(troubles.length === 0, troubles.join("; "));
}

/** At 200 per cent, too, nothing that can be pressed in the head of a timeline is cut off. */
export async function theHeadOfATimelineCutsNothingOff(world) {
  const { from, to } = await incident(world);
  for (const width of [640, 1280]) {
    const { page, go } = await openPage(world, { width });
    await go(`/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}`);
    await page.waitForSelector(".obj .badge.warn");
    const over = await page.$$eval(".obj :is(a, button, .badge)", (all) => {
      const head = document.querySelector(".obj").getBoundingClientRect();
      const within = (box) => box.left >= head.left && box.right <= head.right && box.bottom <= head.bottom;
      return all.filter((one) => !within(one.getBoundingClientRect())).map((one) => one.textContent);
    });
    check(over.length === 0, `cut off at ${width}: ${over}`);
  }
}

/** The tail of a pod's name tells it from its sisters: it is seen where the title has no room for all of it. */
export async function aLongTitleIsCutInItsMiddle(world) {
  const { page, go } = await openPage(world, { width: 1000 });
  await go("/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=-1h");
  await page.waitForSelector(".crumb h1 .fit");
  const [title, head, tail] = await page.evaluate(() => {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const clipped = document.querySelector(".crumb h1 .fit > :nth-child(2)");
    return [box(".crumb h1"), clipped.scrollWidth > clipped.clientWidth, box(".crumb h1 .fit > :last-child")];
  });
  check(head, "the title is not cut at all");
  check(tail.width > 0 && tail.right <= title.right + 1, `the tail ends at ${tail.right}, the title at ${title.right}`);
  check((await page.textContent(".crumb h1")) === "recsys-ranker-6c9f7d8b5c-x2k9q", "another title");
  // One name to whoever copies it.
  const copied = await page.evaluate(() => {
    getSelection().selectAllChildren(document.querySelector(".crumb h1"));
    return getSelection().toString().trim();
  });
  check(copied === "recsys-ranker-6c9f7d8b5c-x2k9q", `copied as ${JSON.stringify(copied)}`);
}

/** Lanes are hidden and shown by keys and by a press; the link has it, and what is hidden stays told. */
export async function lanesAreHiddenAndShown(world) {
  const { page, go, troubles } = await openPage(world);
  const { from, to } = await incident(world);
  await go(`/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?from=${from}&to=${to}`);
  await page.waitForSelector(".lanecanvas canvas");
  const lanes = () => page.$$eval(".lanes .lane", (all) => all.map((one) => one.textContent));
  const all = await lanes();
  check(all.length >= 3 && all[0].startsWith("Operations"), `lanes: ${all}`);
  await page.keyboard.press("1");
  await page.waitForFunction((n) => document.querySelectorAll(".lanes .lane").length === n, all.length - 1);
  await page.click(".lanes .lane >> nth=0");
  await page.waitForFunction((n) => document.querySelectorAll(".lanes .lane").length === n, all.length - 2);
  check((await lanes()).join() === all.slice(2).join(), `another lane was hidden: ${await lanes()}`);
  const link = new URL(page.url());
  check(link.searchParams.get("lanes")?.startsWith("operations,"), link.search);
  const other = await openPage(world, { lang: "zh" });
  await other.go(link.pathname + link.search);
  await other.page.waitForSelector(".hiddenlanes .chip >> nth=1");
  check((await other.page.locator(".lanes .lane").count()) === all.length - 2, "the link shows other lanes");
  await page.click(".hiddenlanes .chip >> nth=0");
  await page.keyboard.press("2");
  await page.waitForSelector(".hiddenlanes", { state: "detached" });
  check((await lanes()).join() === all.join(), "not all lanes came back");
  check(troubles.length === 0 && other.troubles.length === 0, [...troubles, ...other.troubles].join("; "));
}
