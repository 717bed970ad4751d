import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

it("the client's types are those of the committed OpenAPI document (npm run api)", () => {
  const out = join(mkdtempSync(join(tmpdir(), "console-")), "schema.ts");
  execFileSync(here("../node_modules/.bin/openapi-typescript"), [here("../../query-api/openapi.json"), "-o", out], { stdio: "ignore" });
  expect(readFileSync(here("../src/api/schema.gen.ts"), "utf8")).toBe(readFileSync(out, "utf8"));
}, 60_000);
