// Packs what Vite built for the binary: each file once by brotli and once by gzip below dist/packed, and dist/files.txt with a
// line for each: path, media type, tag. query-api/build.rs reads it.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const packed = join(dist, "packed");
const isBuilt = (file) => !/^(packed|\.)/.test(relative(dist, file)) && relative(dist, file) !== "files.txt";
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .filter(isBuilt)
  .sort();

const lines = files.map((file) => {
  const path = relative(dist, file).split(sep).join("/");
  const type = TYPES[extname(file)];
  if (!type) throw new Error(`dist/${path}: no media type is known for ${extname(file)}; add it to scripts/pack.mjs`);
  const bytes = readFileSync(file);
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
  mkdirSync(dirname(join(packed, path)), { recursive: true });
  writeFileSync(join(packed, `${path}.br`), brotliCompressSync(bytes, brotli));
  writeFileSync(join(packed, `${path}.gz`), gzipSync(bytes, { level: 9 }));
  return `${path}\t${type}\t${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
});
writeFileSync(join(dist, "files.txt"), `${lines.join("\n")}\n`);
// Vite empties the folder, and git must see it as it was.
writeFileSync(join(dist, ".gitignore"), "*\n!.gitignore\n");
console.log(`packed ${files.length} files`);
