import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { fitted } from "../src/canvas/paint";
import { atLeast, bytes, rateText, short } from "../src/design/number";
import { Fit } from "../src/design/parts";
import { middle, visible, visibleLines } from "../src/design/visible";
import { LogMore } from "../src/pages/run/LogRow";

describe("hostile text", () => {
  it("shows control characters in place of obeying them", () => {
    expect(visible("\u001b[31mred\u001b[0m\n\t\u0000\u007f\u0085")).toBe("␛[31mred␛[0m⏎⇥␀␡⟦85⟧");
  });
  it("shows marks that turn the reading order or hide", () => {
    expect(visible("a\u202eb\u200bc\u2066d\ufeff\u{e0041}")).toBe("a⟦202E⟧b⟦200B⟧c⟦2066⟧d⟦FEFF⟧⟦E0041⟧");
  });
  it("keeps markup as text and cuts what is long", () => {
    expect(visible("<script>alert(1)</script>")).toBe("<script>alert(1)</script>");
    expect(visible("x".repeat(100_000), 300)).toHaveLength(301);
  });
  it("cuts nothing of a log", () => {
    const line = { attempt: "a", seq: 1, step: "s", batch: 0, number: 1, time: "2026-11-29T06:40:00Z", kind: "host" };
    const long = { message: `${"x".repeat(32_000)}its end`, results: { stdout: `${"y".repeat(250_000)}all of it` } };
    const drawn = renderToStaticMarkup(createElement(LogMore, { line: { ...line, ...long } as never }));
    expect(drawn).toContain("xits end");
    expect(drawn).toContain("yall of it&quot;");
  });
  it("keeps line breaks where lines are read", () => {
    expect(visibleLines("a\n\tb\r\u001b")).toBe("a\n\tb␍␛");
  });
});

describe("identifiers and numbers", () => {
  it("cuts in the middle, at the length that was asked for", () => {
    expect(middle("recsys-ranker-6c9f7d8b5c-x2k9q", 17)).toBe("recsys-ra…c-x2k9q");
    expect(middle("recsys-ranker-6c9f7d8b5c-x2k9q", 17)).toHaveLength(17);
    expect(middle("short", 17)).toBe("short");
  });
  it("keeps its tail in the room that there is, and a sentence its head", () => {
    const drawn = (text: string) => renderToStaticMarkup(createElement(Fit, { text }));
    expect(drawn("recsys-ranker-6c9f7d8b5c-x2k9q")).toContain(
      "><span>recsys-ranker-6c9f7d8b5c-x2k9q</span>" +
        '<span aria-hidden="true" data-half="recsys-ranker-6c9f"></span><span aria-hidden="true" data-half="7d8b5c-x2k9q"></span></bdi>',
    );
    expect(drawn("short\u202e")).toBe('<bdi class="cut" title="short⟦202E⟧">short⟦202E⟧</bdi>');
    expect(drawn("Back-off pulling an image")).toContain(">Back-off pulling an image</bdi>");
    const c = { measureText: (text: string) => ({ width: text.length * 7 }) as TextMetrics };
    expect(fitted(c, "install-container-runtime", 84)).toBe("install…time");
    expect(fitted(c, "join", 84)).toBe("join");
  });
  it("cuts between characters, not within one", () => {
    const boxes = "📦".repeat(9);
    expect(visible(boxes, 5)).toBe("📦📦…");
    expect(middle(boxes, 8)).toBe("📦📦…📦📦");
    const halves = renderToStaticMarkup(createElement(Fit, { text: `a${boxes}-01` }));
    expect(halves).toContain(`data-half="a${"📦".repeat(4)}"></span><span aria-hidden="true" data-half="${"📦".repeat(5)}-01"`);
  });
  it("shortens numbers and says what is a lower bound", () => {
    expect([20 / 1440, 3.456, 0, 12.3, 45_678].map(rateText), "little is not nothing").toEqual(["0.014", "3.5", "0", "12", "45.7 k"]);
    expect([short(9999), short(12_345), short(1_234_567), short(2_000_000_000)]).toEqual(["9,999", "12.3 k", "1.2 M", "2.00 B"]);
    expect(atLeast("12", false)).toBe("≥ 12");
    expect(bytes(65_259_291)).toBe("65.3 MB");
  });
});
