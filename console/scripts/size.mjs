/** Sizes as they go over the wire, brotli. Fails above the budget: what is read before the first questions leave 12 KB, shell 180 KB,
 * every further route 80 KB. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const FIRST_MOST = 12 * 1024;
const SHELL_MOST = 180 * 1024;
const ROUTE_MOST = 80 * 1024;

const weigh = (name) => brotliCompressSync(readFileSync(DIST + name), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

const manifest = JSON.parse(readFileSync(`${DIST}.vite/manifest.json`, "utf8"));
/** A chunk with all that it needs. */
function closure(key, found = new Set()) {
  const chunk = manifest[key];
  if (!chunk || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const css of chunk.css ?? []) found.add(css);
  for (const next of chunk.imports ?? []) closure(next, found);
  return found;
}

const first = closure("src/early.ts");
const shell = closure("index.html", new Set(first));
const sum = (files) => [...files].reduce((total, file) => total + weigh(file), 0);
let wrong = 0;
const tell = (name, bytes, most) => {
  const over = bytes > most;
  if (over) wrong += 1;
  console.log(`${over ? "OVER " : "ok   "} ${kb(bytes).padStart(9)} of ${kb(most)}  ${name}`);
};
tell("before the first questions", sum(first) + weigh("index.html"), FIRST_MOST);
tell("shell", sum(shell) + weigh("index.html"), SHELL_MOST);
// Pages, and what comes behind them: layers, the palette.
const later = new Set(Object.values(manifest).flatMap((chunk) => chunk.dynamicImports ?? []));
for (const key of later) {
  const own = [...closure(key)].filter((file) => !shell.has(file));
  tell(key.replace(/^src\/(pages\/)?/, ""), sum(own), ROUTE_MOST);
}
console.log(`${readdirSync(`${DIST}assets`).length} files`);
process.exit(wrong === 0 ? 0 : 1);
