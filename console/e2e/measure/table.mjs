/** One table for all that is measured: what must hold, what is aimed at, what came out, and what was measured beside it. */

/** The value below which a share of them lies: the nearest one that was measured. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export const median = (values) => percentile(values, 0.5);

function told(value, unit) {
  if (unit === "ms") return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`;
  if (unit === "B") return value < 1_000_000 ? `${(value / 1000).toFixed(1)} KB` : `${(value / 1_000_000).toFixed(2)} MB`;
  return `${value.toFixed(1)} ${unit}`;
}

/** `least`: more is better, as with frames; else less is. */
export function row({ what, must, aim, got, unit, least = false, beside = "" }) {
  const within = (bound) => (least ? got >= bound : got <= bound);
  const sign = least ? "≥" : "≤";
  const verdict = !within(must) ? "**missed**" : aim === undefined ? "held" : within(aim) ? "held, and the aim" : "held, not the aim";
  return [what, `${sign} ${told(must, unit)}`, aim === undefined ? "–" : `${sign} ${told(aim, unit)}`, told(got, unit), verdict, beside];
}

export function print(rows) {
  console.log("| what | must | aim | measured | | beside it |\n|---|---|---|---|---|---|");
  for (const cells of rows) console.log(`| ${cells.join(" | ")} |`);
}
