import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, openPage, settled, until } from "../harness.mjs";

const MESSAGE = `<script>window.pwned=1</script><img src=x onerror="window.pwned=1"> \u001b[31mred\u001b[0m \u202Egnp.exe\u202C \u200b\u0000 {"type":"Normal"} ${"long ".repeat(20_000)}`;
const KIND = "P\u202Eod";
const REASON = "<i>Bad\u202E</i>";

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
    involvedObject: { kind: KIND, namespace: "e2e", name: "<b>x</b>", apiVersion: "v1" },
    reason: REASON,
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

/** Closes every kind of quotation mark, ends a pasted line, and leaves a file wherever a shell acts on it. */
const SHELL = "-x'`touch pwned`$(touch pwned)\";touch pwned;\n touch pwned\u001b[201~\u202E&touch pwned #";

/** The words that bash makes of a command, which it does not run. */
function wordsOf(command) {
  const folder = mkdtempSync(join(tmpdir(), "console-words-"));
  try {
    const said = execFileSync("bash", ["-c", `words() { printf '%s\\0' "$@"; }; words ${command}`], { cwd: folder, encoding: "utf8" });
    check(!existsSync(join(folder, "pwned")), `a shell acts on what is in ${JSON.stringify(command)}`);
    return said.split("\0").slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every command that the strip offers here is one line, and bash makes the wanted words of it. */
async function copiedHere(page, wanted) {
  for (const [form, words] of Object.entries(wanted)) {
    await page.click(`.cmd .as button:text-is("${form}")`);
    await page.waitForSelector(`.toast:has-text("Copied: ${form}")`);
    const command = await page.evaluate(() => navigator.clipboard.readText());
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    check(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(command), `a control character in ${JSON.stringify(command)}`);
    const found = wordsOf(command);
    for (const word of words) check(found.includes(word), `${JSON.stringify(word)} is no word of ${JSON.stringify(command)}`);
    check(form !== "CLI" || found.length === words.length, `${JSON.stringify(command)} has ${found.length} words`);
  }
}

/** Addresses that hold code for a shell give commands in which it is a word. */
async function aHostileAddressIsAWordOfItsCommand(page, go, inert) {
  const part = encodeURIComponent(SHELL);
  // Control characters in a path are the affair of the router: here stands only what a shell acts on.
  const named = SHELL.replaceAll("\n", "").replaceAll("\u001b", "");
  const segment = encodeURIComponent(named);
  const strip = () => page.waitForFunction(() => /touch pwned/.test(document.querySelector(".cmd code")?.title ?? ""));
  const range = ["--since=1h", `--cluster=${SHELL}`];
  const pages = [
    [`/events?from=-1h&c=${part}&q=${part}&sev=${part}`, { CLI: ["beidou", "events", ...range, `--type=${SHELL}`, "--", SHELL], API: [] }],
    [
      `/operations?from=-1h&c=${part}&q=${part}&type=${part}&phase=${part}`,
      { CLI: ["beidou", "operation", "list", ...range, `--phase=${SHELL}`, `--type=${SHELL}`, `--text=${SHELL}`], API: [] },
    ],
    [
      `/o/${segment}/${segment}/${segment}/${segment}?from=-1h`,
      {
        CLI: ["beidou", "timeline", `--namespace=${named}`, `--cluster=${named}`, "--since=1h", "--", `${named.toLowerCase()}/${named}`],
        kubectl: [`--context=${named}`, named.toLowerCase(), named],
        API: [],
      },
    ],
    [`/operations/${segment}`, { CLI: ["beidou", "operation", "watch", "--", named], API: [] }],
    [`/coverage?from=-1h&c=${part}`, { CLI: ["beidou", "coverage", ...range], API: [] }],
  ];
  for (const [path, wanted] of pages) {
    await go(path);
    await strip();
    await copiedHere(page, wanted);
    // A query line is shown over the very characters that are typed.
    if (!path.startsWith("/events")) await inert(path);
  }
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
  await copiedHere(page, {
    CLI: ["beidou", "timeline", "--namespace=e2e", "--cluster=hostile-e2e", "--since=1h", `${KIND.toLowerCase()}/<b>x</b>`],
    kubectl: ["<b>x</b>"],
  });
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
  await aHostileAddressIsAWordOfItsCommand(page, go, inert);
  check(troubles.length === 0, troubles.join("; "));
}
