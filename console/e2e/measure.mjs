/** `npm run measure [name]`: what the console must hold, measured in a browser against a real server. */
import { cpus } from "node:os";
import { start } from "./harness.mjs";
import { answers } from "./measure/answers.mjs";
import { brush } from "./measure/brush.mjs";
import { paint } from "./measure/paint.mjs";
import { replay } from "./measure/replay.mjs";
import { scroll } from "./measure/scroll.mjs";
import { print } from "./measure/table.mjs";

const word = process.argv[2] ?? "";
const world = await start();
const rows = [];
try {
  for (const one of [paint, brush, answers, replay, scroll]) {
    if (!one.name.includes(word)) continue;
    console.error(`measuring ${one.name} …`);
    rows.push(...(await one(world)));
  }
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores; Chromium ${world.browser.version()}, headless, drawing in software`);
  print(rows);
} finally {
  await world.stop();
}
