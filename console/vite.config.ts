import react from "@vitejs/plugin-react";
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

const SHARED = /src\/(api|time|design\/(?!layers)|query|shell\/(?!Palette|KeysHelp|keyMap|choices|palette)|i18n|canvas\/(paint|Canvas|Spark))/;
const isShared = (file: string) => !file.includes("node_modules") && SHARED.test(file);

export default defineConfig({
  plugins: [react()],
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
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "base", test: isShared }] } } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
