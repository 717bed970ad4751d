import { check, number, openPage, scrollRows, start, until } from "../harness.mjs";

/** Follows the same tail beside the page, as the truth. */
async function truth(world, signal) {
  const seen = [];
  const response = await fetch(`${world.api.url}/api/v1/events/tail`, { headers: { authorization: `Bearer ${world.api.token}` }, signal });
  void (async () => {
    let rest = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data: {")) seen.push(JSON.parse(line.slice(6)));
    }
  })().catch(() => undefined);
  return seen;
}

const came = async (page) => number(/([\d,]+) came/.exec(await page.textContent(".tail.on"))?.[0]);

/** Events with a live tail that has brought some. */
async function tailed({ page, go }) {
  await go("/events?from=-1h");
  await page.waitForSelector(".er[role=row][id]");
  await page.click("button:has-text('Live tail')");
  await page.waitForFunction(() => /[1-9]\d* came/.test(document.querySelector(".tail.on")?.textContent ?? ""), null, { timeout: 20_000 });
}

/** Scrolls down a piece of the list: what its rows say, and what two of them say at once. */
async function shownRows(page, pieces) {
  const shown = new Set();
  const twice = new Set();
  for (let n = 0; n < pieces; n += 1) {
    const texts = await page.$$eval(".er.vrow[id]", (rows) => rows.map((row) => row.textContent));
    for (const [at, text] of texts.entries()) {
      shown.add(text);
      if (texts.indexOf(text) !== at) twice.add(text);
    }
    await scrollRows(page, 400);
  }
  return { texts: [...shown], twice: [...twice] };
}

/** Which of these Events no row shows. */
function lostOf(wanted, texts) {
  const shows =
    ({ reason, message, name }) =>
    (text) =>
      text.includes(reason) && text.includes(message.slice(0, 40)) && text.includes(name.slice(-6));
  return wanted.filter((event) => !texts.some(shows(event))).map((event) => `${event.reason} ${event.name}`);
}

/** Pauses on scroll, holds back, goes on, and has lost nothing; also when the connection breaks meanwhile. */
export async function theTailPausesOnScrollAndResumesWithoutLoss(world) {
  const { page, go, troubles } = await openPage(world);
  await tailed({ page, go });
  const stop = new AbortController();
  const others = await truth(world, stop.signal);
  const more = (count) => {
    const least = others.length + count;
    return until(
      `${count} more Events`,
      async () => others.length,
      (now) => now >= least,
      30,
    );
  };
  await more(5);
  const before = await came(page);
  await page.evaluate(() => document.querySelector(".rows").scrollTo(0, 400));
  await page.waitForSelector(".tail:has-text('paused')");
  const top = await page.evaluate(() => document.querySelector(".rows").scrollTop);
  await page.waitForFunction(() => /[1-9]\d* newer/.test(document.querySelector(".tail.on")?.textContent ?? ""), null, { timeout: 20_000 });
  check((await page.evaluate(() => document.querySelector(".rows").scrollTop)) === top, "the list moved while it was read");
  if (world.front.setAway) {
    world.front.setAway(true);
    await page.waitForSelector(".tail:has-text('as of')", { timeout: 20_000 });
    await more(3);
    world.front.setAway(false);
  }
  await page.waitForSelector(".tail:has-text('as of')", { state: "detached" });
  await page.click("button:has-text('Resume')");
  const mark = others.length;
  await page.waitForFunction(
    (least) => Number(/([\d,]+) came/.exec(document.querySelector(".tail.on")?.textContent ?? "")?.[1]?.replaceAll(",", "") ?? 0) > least,
    before + 3,
    { timeout: 25_000 },
  );
  check(mark > 0, "nothing came beside the page");
  // Everything that the second reader had seen at the resume is on the page: by count of the newest rows, and by name.
  const wanted = others.slice(0, mark);
  const last = wanted.at(-1);
  await page.waitForFunction(
    ({ reason, name }) =>
      [...document.querySelectorAll(".er.vrow[id]")].some(
        (row) => row.textContent.includes(reason) && row.textContent.includes(name.slice(-6)),
      ),
    { reason: last.reason, name: last.name },
  );
  const { texts, twice } = await shownRows(page, 20);
  stop.abort();
  check(twice.length === 0, `shown twice: ${twice.slice(0, 3)}`);
  const lost = lostOf(wanted, texts);
  check(lost.length === 0, `${lost.length} of ${wanted.length} were lost: ${lost.slice(0, 3)}`);
  check(troubles.length === 0, troubles.join("; "));
}

/** The server ends and begins anew: the tail goes on behind the last Event that came, and what was told meanwhile is shown. */
export async function theTailGoesOnWhereTheServerStopped() {
  const own = await start(["--states", "20000"]);
  try {
    check(own.api.restart, "set BEIDOU_BIN and no BEIDOU_URL: only a server of this test's own can be begun anew");
    const { page, go, troubles } = await openPage(own);
    const listed = async (since) => {
      const url = `${own.api.url}/api/v1/events?limit=1000&from=${new Date(since).toISOString()}`;
      const answer = await fetch(url, { headers: { authorization: `Bearer ${own.api.token}` } }).catch(() => null);
      return answer?.ok ? (await answer.json()).items : [];
    };
    await tailed({ page, go });
    const begun = Date.now();
    const before = await came(page);
    await until(
      "three more Events",
      () => came(page),
      (now) => now >= before + 3,
      30,
    );
    // From here on only the tail can bring rows.
    await page.route(/\/api\/v1\/events\?/, (route) => route.abort());
    const away = page.waitForSelector(".tail:has-text('as of')");
    await own.api.restart();
    await away;
    const restarted = Date.now();
    await page.waitForSelector(".tail:has-text('as of')", { state: "detached" });
    // What the tables have by now of the time before, and of some time behind.
    const wanted = await until(
      "Events of after the restart",
      () => listed(begun),
      (items) =>
        items.filter((one) => Date.parse(one.time) > restarted).length >= 3 && items.some((one) => Date.parse(one.time) < restarted),
    );
    const newest = wanted[0];
    await page.waitForFunction(
      ({ reason, name }) =>
        [...document.querySelectorAll(".er.vrow[id]")].some(
          (row) => row.textContent.includes(reason) && row.textContent.includes(name.slice(-6)),
        ),
      newest,
    );
    const { texts, twice } = await shownRows(page, 20);
    const lost = lostOf(wanted, texts);
    check(lost.length === 0, `${lost.length} of ${wanted.length} were lost over the restart: ${lost.slice(0, 3)}`);
    check(twice.length === 0, `shown twice: ${twice.slice(0, 3)}`);
    check(troubles.length === 0, troubles.join("; "));
  } finally {
    await own.stop();
  }
}

/** Keys go on to mean the row that somebody chose, while others come in front of it. */
export async function keysFollowTheirRowWhileTheTailRuns(world) {
  const { page, go, troubles } = await openPage(world);
  // What stands before the message: that is cut to the width of the list.
  const begin = (selector) => page.$eval(selector, (row) => row.textContent.slice(0, 50));
  await tailed({ page, go });
  await page.focus(".rows");
  for (const key of ["j", "j"]) await page.keyboard.press(key);
  const chosen = await begin(".rows .er.at");
  const before = await came(page);
  await until(
    "two newer Events",
    () => came(page),
    (now) => now >= before + 2,
    30,
  );
  await page.keyboard.press("Enter");
  await page.waitForSelector(".det .dl");
  check((await begin(".rows .er.sel")) === chosen, "Enter opened another row than the chosen one");
  check((await page.locator(".rows .er.at.sel").count()) === 1, "the focus stayed behind");
  check(troubles.length === 0, troubles.join("; "));
}
