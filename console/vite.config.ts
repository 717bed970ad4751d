import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { HtmlTagDescriptor, Plugin } from "vite";
import { defineConfig } from "vitest/config";

// A server to develop against: the API has one origin with the console, so the proxy stands in for it.
const target = process.env.BEIDOU_URL ?? "http://127.0.0.1:7480";
const proxy = Object.fromEntries(
  // Writes are checked for their origin: behind the proxy it is that of the server.
  ["/api", "/readyz", "/healthz", "/openapi.json", "/problems"].map((path) => [
    path,
    { target, changeOrigin: true, headers: { origin: new URL(target).origin } },
  ]),
);

const SHARED =
  /src\/(api|time|design\/(?!layers)|query|shell\/(?!Palette|KeysHelp|keyMap|choices|palette|labels)|i18n|operation\/(Phase|states)|canvas\/(paint|Canvas|Spark|HistogramChart|histogram|drawHistogram))/;
/** Of libraries what pages share beside what these bring: each would be a file of its own, of a few hundred bytes. */
const SHARED_LIBRARIES = /node_modules\/(react-dom\/(index|cjs\/react-dom\.production)|@tanstack\/react-router\/dist\/esm\/useParams)\.js$/;
const isShared = (file: string) => (file.includes("node_modules") ? SHARED_LIBRARIES : SHARED).test(file);

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Puts `src/early.ts` before all else in the document. It is `async`, so that it waits for no stylesheet. */
const early: Plugin = {
  name: "early",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle }) {
      // While somebody develops, main.tsx begins: pages must come behind what exchanges their code.
      if (!bundle) return [];
      for (const file of Object.values(bundle)) {
        if (file.type !== "chunk" || !file.isEntry || file.name !== "early") continue;
        const tag = (name: "script" | "link", attrs: HtmlTagDescriptor["attrs"]): HtmlTagDescriptor => ({
          tag: name,
          attrs: { ...attrs, crossorigin: true },
          injectTo: "head-prepend",
        });
        return [
          tag("script", { type: "module", async: true, fetchpriority: "high", src: `/${file.fileName}` }),
          ...file.imports.map((needed) => tag("link", { rel: "modulepreload", href: `/${needed}` })),
        ];
      }
      throw new Error("the build has no early.js");
    },
  },
};

export default defineConfig({
  plugins: [react(), early],
  server: { proxy },
  preview: { proxy },
  build: {
    target: "es2022",
    sourcemap: false,
    manifest: true,
    chunkSizeWarningLimit: 700,
    // Inlined assets would need `data:` in the CSP, and the polyfill an inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What most pages share is one file, and not ten of one KB: a browser has six connections, and the first questions want them too.
    // What is needed to ask them comes in a small file of its own, and a group brings what its files import.
    rolldownOptions: {
      input: { index: here("index.html"), early: here("src/early.ts") },
      output: {
        codeSplitting: {
          groups: [
            { name: "questions", test: /src\/pages\/first\.ts$/, priority: 1 },
            { name: "base", test: isShared },
          ],
        },
      },
    },
  },
  // Far above what a busy machine needs: it only turns a hang into a failure.
  test: { include: ["test/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
