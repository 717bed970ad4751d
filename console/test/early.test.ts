import type { IndexHtmlTransformContext, Plugin } from "vite";
import { expect, it } from "vitest";
import config from "../vite.config";

const early = (config.plugins ?? []).find(
  (one): one is Plugin => one !== null && typeof one === "object" && "name" in one && one.name === "early",
);

function tags(bundle?: object) {
  const transform = early?.transformIndexHtml;
  if (typeof transform !== "object" || !("handler" in transform)) throw new Error("the plugin changes no document");
  return transform.handler.call({} as never, "", { bundle } as IndexHtmlTransformContext);
}

it("the early module stands first in the document, waits for no stylesheet, and what it needs comes beside it", () => {
  const chunk = { type: "chunk", isEntry: true, imports: [] as string[] };
  const bundle = {
    a: { ...chunk, name: "index", fileName: "assets/index-1.js" },
    b: { ...chunk, name: "early", fileName: "assets/early-2.js", imports: ["assets/questions-3.js"] },
  };
  expect(tags(bundle)).toEqual([
    {
      tag: "script",
      attrs: { type: "module", async: true, crossorigin: true, fetchpriority: "high", src: "/assets/early-2.js" },
      injectTo: "head-prepend",
    },
    { tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: "/assets/questions-3.js" }, injectTo: "head-prepend" },
  ]);
  expect(tags()).toEqual([]);
  expect(() => tags({ a: bundle.a })).toThrow("no early.js");
});
