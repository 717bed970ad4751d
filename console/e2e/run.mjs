/** `npm run e2e [words]`: all tests, or those of files and names that hold one of the words. `npm run screenshots`: pictures of every page. */
import { start } from "./harness.mjs";
import { screenshots } from "./screenshots.mjs";
import * as access from "./tests/access.mjs";
import * as addresses from "./tests/addresses.mjs";
import * as axes from "./tests/axes.mjs";
import * as events from "./tests/events.mjs";
import * as first from "./tests/first.mjs";
import * as fleet from "./tests/fleet.mjs";
import * as hostile from "./tests/hostile.mjs";
import * as looks from "./tests/looks.mjs";
import * as nodes from "./tests/nodes.mjs";
import * as operations from "./tests/operations.mjs";
import * as others from "./tests/others.mjs";
import * as sql from "./tests/sql.mjs";
import * as tail from "./tests/tail.mjs";

const SUITES = { access, first, fleet, events, tail, operations, nodes, addresses, axes, sql, others, hostile, looks };
const word = process.argv[2] ?? "";
const words = word.toLowerCase().split(",");
const isAsked = ({ file, name }) => words.some((one) => `${file} ${name}`.toLowerCase().includes(one));
const tests = Object.entries(SUITES).flatMap(([file, suite]) => Object.entries(suite).map(([name, test]) => ({ file, name, test })));
const asked = tests.filter(isAsked);
if (asked.length === 0 && word !== "screenshots") throw new Error(`no test is called ${word}`);

const world = await start();
let failed = 0;
try {
  if (word === "screenshots") await screenshots(world);
  for (const { name, test } of word === "screenshots" ? [] : asked) {
    try {
      await test(world);
      console.log(`ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(
        `FAIL  ${name}\n      ${String(error?.stack ?? error)
          .split("\n")
          .slice(0, 6)
          .join("\n      ")}`,
      );
    }
  }
} finally {
  await world.stop();
}
console.log(failed === 0 ? "all passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
