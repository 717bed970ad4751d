/** `npm run measure [name] [-- --states N]`: what the console must hold, measured in a browser against a real server. */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { check, start } from "./harness.mjs";
import { answers } from "./measure/answers.mjs";
import { brush } from "./measure/brush.mjs";
import { matrix, VARIABLES } from "./measure/matrix.mjs";
import { paint } from "./measure/paint.mjs";
import { quiet } from "./measure/quiet.mjs";
import { scroll } from "./measure/scroll.mjs";
import { print } from "./measure/table.mjs";

const { values, positionals } = parseArgs({ options: { states: { type: "string" } }, allowPositionals: true });
const word = positionals[0] ?? "";
check(!values.states || !process.env.BEIDOU_URL, "--states is of the demo of BEIDOU_BIN: the server of BEIDOU_URL has its own history");
const wanted = [paint, brush, answers, matrix, scroll].filter((one) => one.name.includes(word));
check(wanted.length > 0, `nothing is measured under ${word}`);
const world = await start(values.states ? ["--states", values.states] : [], VARIABLES);
const rows = [];
try {
  await quiet();
  for (const one of wanted) {
    console.error(`measuring ${one.name} …`);
    rows.push(...(await one(world)));
  }
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores; Chromium ${world.browser.version()}, headless, drawing in software`);
  print(rows);
} finally {
  await world.stop();
}
