import { expect, it, vi } from "vitest";

vi.hoisted(() => Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener: () => undefined }) }));
const { readTogether } = await import("../src/design/ReadSoFar");

const item = (query: string, rows_read: number, share: number | null = null) => ({
  id: query,
  kind: "events" as const,
  subject: "ops",
  query,
  began: "",
  progress: { rows_read, rows: 0, share, memory_bytes: 0 },
});

it("what the questions of a page have read is told together, and nothing of what others ask", () => {
  const bins = { queryKey: ["/api/v1/events/histogram", { to: "now", from: "-7d", q: "reason:Failed kind:Pod", cluster: [] }, 1] };
  const sides = { queryKey: ["/api/v1/events/facets", { top: 25, fields: ["kind", "node"] }, 1] };
  const asked = "/api/v1/events/histogram?from=-7d&q=reason%3AFailed+kind%3APod&to=now";
  const items = [item(asked, 100, 0.5), item(asked, 120, 0.6), item("/api/v1/events/histogram?from=-1d", 7)];
  expect(readTogether({ items }, [bins, sides])).toEqual({ rows_read: 120, share: 0.6 });
  const both = [...items, item("/api/v1/events/facets?fields=kind&fields=node&top=25", 30, 0.9)];
  expect(readTogether({ items: both }, [bins, sides])).toEqual({ rows_read: 150, share: null });
  expect(readTogether({ items: [{ ...item(asked, 1), progress: null }] }, [bins])).toBeNull();
  expect(readTogether(undefined, [bins])).toBeNull();
});
