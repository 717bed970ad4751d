/** Line icons on a grid of 16, and the signs of severity and state on a grid of 12: one shape for each meaning. */
import type { ReactNode } from "react";

const PATHS = {
  fleet: "M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z",
  events: "M2.5 4h1M2.5 8h1M2.5 12h1M6 4h8M6 8h8M6 12h5",
  lanes: "M2 3.5h6M6 8h8M3.5 12.5h6",
  sql: "M2 3.5h12v9H2zM4.5 6.500l2 1.5-2 1.500M8.5 10H11",
  clusters: "M8 1.8l5.4 3.1v6.200L8 14.200l-5.4-3.100V4.900z",
  coverage: "M2 8h3M11 8h3M6.5 5.500l3 5M6.5 10.500l3-5M2 3v10M14 3v10",
  gear: "M2.5 4.500h6M11.5 4.500h2M10 3v3M2.5 11.500h2M7.5 11.500h6M6 10v3",
  search: "M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.400L14 14",
  down: "M4.5 6.500L8 10l3.5-3.5",
  right: "M6.5 4.500L10 8l-3.5 3.5",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.200l2 1.3",
  copy: "M5.5 5.500h8v8h-8zM10.5 5.500v-3h-8v8h3",
  play: "M5 3.200v9.600l7.5-4.800z",
  stop: "M4 4h8v8H4z",
  refresh: "M13.3 8a5.3 5.3 0 1 1-1.7-3.900M13.3 2.200v2.600h-2.6",
  filter: "M2.5 3.500h11l-4.2 5v4.200l-2.6 1V8.500z",
  download: "M8 2.500v7.500M4.8 7L8 10.2 11.2 7M3 13h10",
  star: "M8 2.200l1.8 3.7 4 .6-2.9 2.8.7 4L8 11.400l-3.6 1.9.7-4L2.2 6.500l4-.6z",
  moon: "M13 9.400A5.5 5.5 0 0 1 6.6 3a5.5 5.5 0 1 0 6.4 6.400z",
  sun: "M8 10.800a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.600zM8 1.800v1.400M8 12.800v1.400M1.8 8h1.400M12.8 8h1.400M3.6 3.600l1 1M11.4 11.400l1 1M3.6 12.400l1-1M11.4 4.600l1-1",
  bolt: "M9 2L4 9h3.500L7 14l5-7H8.500z",
  live: "M8 9.200a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.400zM5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10",
  save: "M3 2.500h8L13.5 5v8.500H3zM5.5 2.500v3h4v-3M5.5 13.500v-4h5v4",
  node: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  object: "M8 1.800l5.4 3.100v6.200L8 14.200l-5.4-3.100V4.900zM2.6 4.900L8 8l5.4-3.100M8 8v6.2",
  fold: "M2.5 3h11v10h-11zM6 3v10",
  table: "M2.5 3h11v10h-11zM2.5 6.500h11M2.5 9.800h11M6.5 6.500V13",
  diff: "M5 2.500v7M5 2.500L3 4.500M5 2.500l2 2M11 13.500v-7M11 13.500l-2-2M11 13.500l2-2",
  file: "M4 2.500h5L12 5.500v8H4z",
  eye: "M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8zM8 9.600a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.200z",
  lock: "M4 7.500h8v6H4zM5.5 7.500V5.500a2.5 2.5 0 0 1 5 0v2",
  ops: "M2.5 2.500h4v4h-4zM9.5 9.500h4v4h-4zM6.5 4.500h3a2 2 0 0 1 2 2v3",
  tasks: "M13.3 8a5.3 5.3 0 1 1-2-4.150M13.3 2.200v2.600h-2.6M8 5v3.200l2 1.3",
  pause: "M5.5 3.500v9M10.5 3.500v9",
  back: "M5.5 4.500L2.5 7.500l3 3M2.5 7.500h7a3.5 3.5 0 0 1 0 7h-2",
  skip: "M4 3.500v9l6-4.500zM12 3.500v9",
  undo: "M5.5 4L2.5 7l3 3M2.5 7h7.5a3.5 3.5 0 0 1 0 7H7",
  check: "M3 8.500l3.2 3.200L13 4.8",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  pin: "M6 2.5h4v4l2 2.500v1H4V9l2-2.500zM8 10v4",
  down2: "M8 3v9M4 8.500l4 4 4-4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="i" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

const GLYPHS = {
  info: <circle cx="6" cy="6" r="3.6" fill="none" stroke="var(--sev-info)" strokeWidth="1.6" />,
  warn: <path d="M6 1.2L11.2 10.6H.8z" fill="var(--sev-warn)" />,
  error: <path d="M6 .6L11.4 6 6 11.4.6 6z" fill="var(--sev-error)" />,
  crit: (
    <>
      <path d="M3.7.5h4.600L11.5 3.700v4.600L8.3 11.500H3.700L.5 8.300V3.700z" fill="var(--sev-crit)" />
      <path d="M6 2.800v3.800M6 8.600v.4" stroke="var(--on-crit)" strokeWidth="1.6" strokeLinecap="round" />
    </>
  ),
  ok: (
    <path d="M2 6.400l2.7 2.700L10 3.2" fill="none" stroke="var(--st-ok)" strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round" />
  ),
  fail: <path d="M2.6 2.600l6.8 6.800M9.4 2.600L2.6 9.4" stroke="var(--st-fail)" strokeWidth="2" strokeLinecap="round" />,
  run: (
    <>
      <circle cx="6" cy="6" r="4.4" fill="none" stroke="var(--st-run)" strokeOpacity=".3" strokeWidth="1.7" />
      <path d="M6 1.600A4.4 4.4 0 0 1 10.4 6" fill="none" stroke="var(--st-run)" strokeWidth="1.9" strokeLinecap="round" />
    </>
  ),
  stop: (
    <>
      <circle cx="6" cy="6" r="4.3" fill="none" stroke="var(--st-stop)" strokeWidth="1.5" />
      <path d="M3 9l6-6" stroke="var(--st-stop)" strokeWidth="1.5" />
    </>
  ),
  held: <path d="M3.600 2v8M8.400 2v8" stroke="var(--st-held)" strokeWidth="2.2" strokeLinecap="round" />,
  wait: <circle cx="6" cy="6" r="4.2" fill="none" stroke="var(--st-stop)" strokeWidth="1.3" strokeDasharray="1.600 1.600" />,
  skip: <path d="M2.500 6h7" stroke="var(--st-stop)" strokeWidth="2" strokeLinecap="round" />,
  unknown: (
    <>
      <circle cx="6" cy="6" r="4.6" fill="none" stroke="var(--st-unknown)" strokeWidth="1.2" strokeDasharray="2.2 1.4" />
      <path
        d="M4.7 4.900a1.3 1.3 0 1 1 1.9 1.200c-.4.2-.6.5-.6.900M6 8.700v.01"
        fill="none"
        stroke="var(--st-unknown)"
        strokeWidth="1.2"
        strokeLinecap="round"
      />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type GlyphName = keyof typeof GLYPHS;

export function Glyph({ name, label }: { name: GlyphName; label?: string }) {
  const named = label === undefined ? { "aria-hidden": true as const } : { role: "img", "aria-label": label };
  return (
    <svg className="g" viewBox="0 0 12 12" focusable="false" {...named}>
      {GLYPHS[name]}
    </svg>
  );
}

/** The sign of an Event's type. Kubernetes has two; what is neither is unknown, not well. */
export function typeGlyph(type: string | null | undefined): GlyphName {
  return type === "Warning" ? "warn" : type === "Normal" ? "info" : "unknown";
}

export function Logo() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path
        d="M2.5 6.500L7 5.500l4.2 3.2 3.8 3 .8 6.3 5.7-1.500L21 10.500l-6 1.2"
        fill="none"
        stroke="currentColor"
        strokeOpacity=".45"
        strokeWidth="1.1"
      />
      <g fill="currentColor">
        {[
          [2.5, 6.5, 1.5],
          [7, 5.5, 1.5],
          [11.2, 8.7, 1.5],
          [15, 11.7, 1.7],
          [15.8, 18, 1.6],
          [21.5, 16.5, 1.8],
          [21, 10.5, 1.6],
        ].map(([x, y, r]) => (
          <circle key={x} cx={x} cy={y} r={r} />
        ))}
      </g>
    </svg>
  );
}
