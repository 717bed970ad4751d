import { check, number, openPage, pixelsOf, until } from "../harness.mjs";
import { api, heldRun, machines, quiet, someTask, start } from "../operations.mjs";

const count = (page, what) => page.textContent(`.legend [data-count=${what}]`).then(number);
const phase = (page, name) => page.waitForSelector(`.runhead .badge:has-text("${name}")`, { timeout: 90_000 });
const act = async (page, name) => {
  await page.click(`.runhead [data-act=${name}][aria-disabled=false]`);
  await page.waitForSelector(".modal footer [type=submit]");
  const reason = page.locator(".modal input[required]");
  if ((await reason.count()) > 0) await reason.fill("it was looked at");
  await page.click(".modal footer [type=submit]");
  await page.waitForSelector(".modal", { state: "detached" });
};

const drafts = async (world) => (await api(world, "/operations/drafts")).items;

/** The id of the draft that the page has just saved by itself. */
async function savedDraft(page) {
  await page.waitForFunction(() => /[?&]draft=/.test(location.search));
  await page.waitForSelector('.draftstate:not([data-saved=""])');
  return new URL(page.url()).searchParams.get("draft");
}

/** Written in one browser, gone on with in another; who saved meanwhile is told before anything is overwritten. */
export async function aDraftIsWrittenByTwo(world) {
  const [one, two] = [await openPage(world), await openPage(world)];
  await one.go("/operations/new?type=ScaleUp&c=sz-prod-01");
  await one.page.fill(".paste textarea", "10.86.90.1 first");
  const draft = await savedDraft(one.page);
  await two.go(`/operations/new?draft=${draft}`);
  await two.page.waitForFunction(() => document.querySelector(".paste textarea")?.value === "10.86.90.1 first");
  check((await two.page.inputValue(".fields.four input >> nth=0")) === "sz-prod-01", "the cluster did not come along");
  await two.page.fill(".paste textarea", "10.86.90.2 second");
  await two.page.waitForSelector('.draftstate[data-saved="2"]');
  await one.page.fill(".paste textarea", "10.86.90.3 third");
  await one.page.waitForSelector(".note:has-text('saved this draft')");
  check(/second/.test(JSON.stringify(await api(world, `/operations/drafts/${draft}`))), "what another saved was overwritten");
  await one.page.click("button:has-text('Overwrite with mine')");
  await one.page.waitForSelector('.draftstate[data-saved="3"]');
  await two.page.fill(".paste textarea", "10.86.90.4 fourth");
  await two.page.click("button:has-text('Reload')");
  await two.page.waitForFunction(() => document.querySelector(".paste textarea")?.value === "10.86.90.3 third");
  await two.go("/operations");
  await two.page.waitForSelector(".livelist");
  await two.page.keyboard.press("d");
  await two.page.waitForSelector(`.draftlist a[href*="${draft}"]`);
  const remove = two.page.locator(".draftlist .row", { has: two.page.locator(`a[href*="${draft}"]`) }).locator("button");
  await remove.click();
  check(
    (await drafts(world)).some((item) => item.id === draft),
    "one click deletes a draft",
  );
  await remove.click();
  await until(
    "the draft to be deleted",
    () => drafts(world),
    (items) => items.every((item) => item.id !== draft),
  );
  await one.page.waitForSelector(".note:has-text('deleted this draft')");
  const troubles = [...one.troubles, ...two.troubles];
  check(troubles.length === 0, troubles.join("; "));
}

/** From a pasted list, with a bad line in it, to a run; then hold, retry one host, resume. */
export async function anOperationIsStartedHeldRetriedAndResumed(world) {
  await quiet(world, "hz-prod-02");
  const { page, go, troubles } = await openPage(world);
  await go("/operations/new?type=ScaleUp&c=hz-prod-02");
  const list = machines(30, 40).map((one) => `${one.ip} ${one.name}`);
  await page.waitForSelector(".paste textarea");
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "10.0.0.1\n".repeat(300_000));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await page.waitForSelector(".machines .error:has-text('2 MB')");
  check((await page.inputValue(".paste textarea")) === "", "more than 2 MB are taken where they are pasted beside the field");
  await page.fill(".paste textarea", [...list.slice(0, 3), "no-machine", list[0], ...list.slice(3)].join("\n"));
  await page.click("button:has-text('Not taken 2')");
  await page.click(".mr .linkline >> nth=0");
  await page.waitForSelector(".gutter .bad >> nth=1");
  check((await page.textContent(".gutter .bad >> nth=0")) === "4", "the bad line is not marked where it was pasted");
  check((await page.getAttribute(".review", "aria-disabled")) === "true", "bad lines can be started");
  await page.click("button:has-text('Drop 2 bad lines')");
  await page.waitForSelector(".guards");
  await page.waitForSelector(".review[aria-disabled=false]");
  const draft = await savedDraft(page);
  const taken = await page.inputValue(".paste textarea");
  await page.fill(".paste textarea", `${taken}\n10.86.30.99 late`);
  check((await page.getAttribute(".review", "aria-disabled")) === "true", "the list of before can be started while it is read anew");
  await page.waitForSelector(".review[aria-disabled=false]:has-text('41')");
  await page.fill(".paste textarea", taken);
  await page.click("button:has-text('Clear the draft')");
  check((await page.inputValue(".paste textarea")) === taken, "one click clears what all see");
  await page.waitForSelector(".review[aria-disabled=false]:has-text('40')");
  check(/- ip: 10\.86\.30\.40/.test(await page.textContent("#as-panel")), "the YAML lacks a machine");
  await page.click(".review");
  await page.waitForSelector(".modal .warn, .modal :text('begins at once')");
  check(await page.isDisabled(".modal [type=submit]"), "40 hosts start without the name of the cluster");
  await page.fill(".modal input >> nth=0", "hz-prod-02");
  await page.fill(".modal input[required]", "rack 30 is new");
  await page.click(".modal [type=submit]");
  await page.waitForURL(/\/operations\/[0-9a-f-]{36}/);
  const id = new URL(page.url()).pathname.split("/").at(-1);
  await phase(page, "Running");
  await page.waitForFunction(() => /^40 /.test(document.querySelector(".legend [data-count=running]")?.textContent ?? ""));
  const region = await page.$(".runhead [role=status]");
  check((await region.textContent()) === "Running", `a run that goes on is told as ${await region.textContent()}`);
  await page.keyboard.press("h");
  await page.waitForSelector(".modal input[required]:focus");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".modal [role=alert]:has-text('Say why')");
  await page.keyboard.type("too hot");
  await page.keyboard.press("Enter");
  await phase(page, "Held");
  // The region that was there before says it; a new one would not be heard.
  await page.waitForFunction((one) => one.isConnected && one.textContent === "Held, HeldOnRequest", region);
  check((await page.getAttribute("[data-act=hold]", "title")).length > 3, "it is not said why a held run cannot be held");
  await page.waitForFunction(() => /^[1-9]\d* /.test(document.querySelector(".legend [data-count=bad]")?.textContent ?? ""), null, {
    timeout: 90_000,
  });
  await page.waitForFunction(() => /^0 /.test(document.querySelector(".legend [data-count=running]")?.textContent ?? ""));
  const bad = await count(page, "bad");
  await page.waitForSelector(".gh:has-text('disk-space')");
  await page.click(".hl input[type=checkbox] >> nth=0");
  await page.waitForSelector("[data-act=retry]:has-text('Retry 1')");
  await act(page, "retry");
  await page.waitForFunction((n) => document.querySelector(".legend [data-count=bad]")?.textContent?.startsWith(`${n} `), bad - 1, {
    timeout: 90_000,
  });
  const attempts = (await api(world, `/operations/${id}`)).attempts.filter((one) => one.step === "preCheck");
  check(attempts.length === 2 && attempts[1].hosts === 1, `a retry of one host is ${JSON.stringify(attempts.map((one) => one.hosts))}`);
  await phase(page, "Held");
  await act(page, "resume");
  await phase(page, "Running");
  // The hold is over and stays to be seen: in the list, and as its colour in the Gantt.
  await page.click("#side-attempts");
  await page.waitForSelector(".attempt:has-text('HeldOnRequest'):has-text('held')");
  await page.waitForSelector(".attempt:has-text('Retry'):has-text('it was looked at')");
  await page.waitForSelector(".attempt:has-text('Start'):has-text('rack 30 is new')");
  await page.waitForFunction(pixelsOf, { selector: ".gantt canvas", token: "--st-held" });
  await page.keyboard.press("h");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".modal", { state: "detached" });
  await until(
    "the draft of what was started to go",
    () => drafts(world),
    (items) => items.every((one) => one.id !== draft),
  );
  check(troubles.length === 0, troubles.join("; "));
  await quiet(world, "hz-prod-02");
}

/** A cancel says what it undoes, and the ledger tells what came of it. */
export async function anotherIsCancelledAndItsLedgerIsTold(world) {
  const id = await start(world, { cluster: "hz-prod-02", block: 31, count: 6, operationFlow: ["scaleUp", "postCheck"] });
  const { page, go, troubles } = await openPage(world);
  await go(`/operations/${id}`);
  await page.waitForFunction(() => /[1-9]/.test(document.querySelector("#side-ledger .c")?.textContent ?? ""), null, { timeout: 60_000 });
  await page.click("[data-act=cancel][aria-disabled=false]");
  await page.waitForSelector(".modal:has-text('undo ledger')");
  await page.fill(".modal input", "not today");
  await page.click(".modal [type=submit]");
  await phase(page, "Cancelled");
  await page.click("#side-ledger");
  await page.waitForSelector(".debt");
  check((await page.locator("[data-act=cancel]").count()) === 0, "a run that is over can be cancelled");
  check(troubles.length === 0, troubles.join("; "));
}

/** Replay shows the matrix of then, without asking for each picture, and acts on nothing. */
export async function aRunIsReplayedToTheSecond(world) {
  const id = await heldRun(world);
  const { summary } = await api(world, `/operations/${id}`);
  const begin = Date.parse(summary.steps[0].started);
  const then = new Date(begin + 2000).toISOString();
  const { page, go, troubles } = await openPage(world);
  const asked = [];
  page.on("request", (request) => {
    if (/\/matrix/.test(request.url())) asked.push(request.url());
  });
  await go(`/operations/${id}?t=${then}`);
  await page.waitForSelector(".badge:has-text('Replay')");
  const matrix = await api(world, `/operations/${id}/matrix?t=${encodeURIComponent(then)}`);
  const bytes = Buffer.from(matrix.bytes, "base64");
  const running = bytes.filter((byte) => byte === 2).length;
  check(running > 0, "nothing ran then");
  await page.waitForFunction((n) => document.querySelector(".legend [data-count=running]")?.textContent?.startsWith(`${n} `), running);
  // The film has come by now or soon, and shows what the matrix of the server does.
  const waiting = Array.from({ length: 40 }, (_, host) => bytes[host]).filter((byte) => byte === 1).length;
  check((await count(page, "waiting")) === waiting, `not ${waiting} hosts wait`);
  check((await count(page, "bad")) === 0, "the failures of later are shown");
  for (const name of ["hold", "resume", "retry", "cancel"])
    check((await page.getAttribute(`[data-act=${name}]`, "aria-disabled")) === "true", `${name} acts in a replay`);
  await page.waitForSelector("text=actions work on the live run only");
  await page.keyboard.press(".");
  await page.waitForFunction((t) => new URLSearchParams(location.search).get("t") !== t, then);
  const second = Date.parse(new URL(page.url()).searchParams.get("t"));
  check(second > Date.parse(then) && second <= Date.parse(then) + 1000, `one second forth is ${second - Date.parse(then)} ms`);
  await page.selectOption(".replay select", "60");
  const before = asked.length;
  await page.keyboard.press(" ");
  await page.waitForFunction(() => /^[1-9]/.test(document.querySelector(".legend [data-count=bad]")?.textContent ?? ""), null, {
    timeout: 30_000,
  });
  check(asked.length - before <= 2, `${asked.length - before} matrices were asked for while it played`);
  await page.keyboard.press("f");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("host")?.startsWith("10.86.77."));
  await page.click("button:has-text('All hosts')");
  await page.waitForSelector(".hl >> nth=8");
  await page.click("button:has-text('Back to live')");
  await phase(page, "Held");
  check(new URL(page.url()).searchParams.get("t") === null, "the moment stays in the address of the live run");
  check(troubles.length === 0, troubles.join("; "));
}

/** No pointer at all: list, run, log of a failed host, replay, preview, back. */
export async function operationsGoByKeyboard(world) {
  const id = await heldRun(world);
  const { page, go, troubles } = await openPage(world);
  await go("/?from=-24h");
  await page.waitForSelector(".heat tbody tr");
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await page.waitForSelector(".livelist .vrow");
  await page.keyboard.press("/");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".livelist .vrow").length === 1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(id));
  await phase(page, "Held");
  await page.waitForSelector(".hl");
  await page.keyboard.press("f");
  await page.waitForFunction(() => location.search.includes("host="));
  await page.waitForSelector(".ll.bad");
  await page.keyboard.press("x");
  await page.waitForSelector("[data-act=retry]:has-text('Retry 1')");
  await page.keyboard.press("r");
  await page.waitForSelector(".modal:has-text('A new attempt')");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".modal", { state: "detached" });
  await page.keyboard.press("<");
  await page.waitForSelector(".badge:has-text('Replay')");
  await page.keyboard.press(":");
  await page.keyboard.type(`op ${id}`);
  await page.waitForSelector(`[role=option]:has-text("sz-prod-01"):has-text("${id.slice(0, 8)}")`);
  await page.keyboard.press("Enter");
  await phase(page, "Held");
  check(new URL(page.url()).searchParams.get("t") === null, "the palette opens the run in its past");
  check(troubles.length === 0, troubles.join("; "));
}

/** What waits for somebody else says so to who asked for it, and refuses. */
export async function whoAskedCannotApprove(world) {
  const id = await start(world, { cluster: "hz-prod-02", block: 32, count: 2, requireApproval: true });
  const { page, go } = await openPage(world);
  await go(`/operations/${id}`);
  await page.waitForSelector("[data-act=approve][aria-disabled=true]");
  check(/subject|person|self|request/i.test(await page.getAttribute("[data-act=approve]", "title")), "it is not said why");
  await page.waitForSelector("text=AwaitingApproval");
  await quiet(world, "hz-prod-02");
}

/** A task shows its stages, and leads to the operations that it made and back. */
export async function aTaskLeadsToItsOperations(world) {
  const id = await someTask(world);
  const { page, go, troubles } = await openPage(world);
  await go("/tasks");
  await page.click(`.tasklist a[href*="${id}"]`);
  await page.waitForSelector(".stagebox >> nth=4");
  check((await page.textContent(".taskhead [role=status]")) !== "", "the state of a task is told to nobody who does not see it");
  await page.waitForSelector(".opline a", { timeout: 60_000 });
  await page.click(".opline a >> nth=0");
  await page.waitForSelector(".runhead a");
  await page.click(".runhead a");
  await page.waitForURL(new RegExp(`/tasks/${id}`));
  check(troubles.length === 0, troubles.join("; "));
}

/** An address that leads nowhere says so, and leads on. */
export async function anOperationThatIsNotThereIsToldSo(world) {
  const { page, go } = await openPage(world);
  await go("/operations/00000000-0000-4000-8000-000000000000");
  await page.waitForSelector("h2:has-text('There is no such operation')");
  await page.click(".empty a");
  await page.waitForURL(/\/operations(\?|$)/);
}
