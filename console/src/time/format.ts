/** Times and lengths as people read them, in the zone of the address. */
import type { Translate } from "../i18n";

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
    cache.set(key, found);
  }
  return found;
}

export const BROWSER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** A zone that this browser knows, else its own. */
export function readZone(zone: string | undefined): string {
  if (!zone) return BROWSER_ZONE;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return BROWSER_ZONE;
  }
}

/** The zone's distance from UTC at a moment: `UTC+8`. */
export function offset(zone: string, ms: number): string {
  const part = formatter(zone, { timeZoneName: "shortOffset" })
    .formatToParts(ms)
    .find((p) => p.type === "timeZoneName")?.value;
  return (part ?? "UTC").replace("GMT", "UTC").replace(/\+0$/, "");
}

/** The name of a day of the week in a language: 1 is Monday, 7 Sunday. */
export function weekday(day: number, lang: string): string {
  return new Intl.DateTimeFormat(lang, { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2026, 10, 22 + day));
}

export function hm(ms: number, zone: string): string {
  return formatter(zone, { hour: "2-digit", minute: "2-digit" }).format(ms);
}

export function hms(ms: number, zone: string): string {
  return formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
}

const QUARTER_MS = 900_000;
let quarter = { zone: "", at: Number.NaN, shift: 0 };

/** How far a zone's clock is from UTC at a moment, in milliseconds. It is set anew at full quarters of an hour alone, so the last
 * answer serves most rows of a list: a formatter takes ten times as long. */
export function zoneShift(ms: number, zone: string): number {
  const at = Math.floor(ms / QUARTER_MS);
  if (quarter.at === at && quarter.zone === zone) return quarter.shift;
  const options = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  const parts = formatter(zone, options).formatToParts(ms);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const clock = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  quarter = { zone, at, shift: clock - Math.floor(ms / 1000) * 1000 };
  return quarter.shift;
}

/** The clock with milliseconds, for every row of a long list. */
export function hmsMillis(ms: number, zone: string): string {
  return new Date(ms + zoneShift(ms, zone)).toISOString().slice(11, 23);
}

export function day(ms: number, zone: string): string {
  const parts = formatter(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(ms);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return `${of("year")}-${of("month")}-${of("day")}`;
}

/** Month and day alone: `11-27`. */
export function monthDay(ms: number, zone: string): string {
  return new Date(ms + zoneShift(ms, zone)).toISOString().slice(5, 10);
}

export function full(ms: number, zone: string): string {
  return `${day(ms, zone)} ${hms(ms, zone)}`;
}

/** A moment in a list: the clock alone today, with the day before. */
export function moment(ms: number, zone: string, now: number): string {
  return day(ms, zone) === day(now, zone) ? hms(ms, zone) : `${monthDay(ms, zone)} ${hm(ms, zone)}`;
}

/** Two moments, the day only where it says something: `08:26 – 14:26 today`. */
export function span(fromMs: number, toMs: number, zone: string, now: number, today: string): string {
  const [from, to] = [day(fromMs, zone), day(toMs, zone)];
  const clock = (ms: number) => (ms % 60_000 === 0 ? hm(ms, zone) : hms(ms, zone));
  if (from === to) return `${clock(fromMs)} – ${clock(toMs)} ${from === day(now, zone) ? today : from.slice(5)}`;
  return `${from.slice(5)} ${hm(fromMs, zone)} – ${to.slice(5)} ${hm(toMs, zone)}`;
}

/** A minute of the day with the clocks that it is told by: their zone (`22:30 Europe/Berlin`), else their distance (`22:30 UTC+8`). */
export function clockIn(minute: number, zone: string | null | undefined, offsetMinutes: number): string {
  const hours = (minutes: number) => `${Math.floor(minutes / 60)}`;
  const rest = (minutes: number) => `:${String(minutes % 60).padStart(2, "0")}`;
  const far = Math.abs(offsetMinutes);
  const distance = `UTC${offsetMinutes < 0 ? "−" : "+"}${hours(far)}${far % 60 ? rest(far) : ""}`;
  return `${hours(minute).padStart(2, "0")}${rest(minute)} ${zone ?? distance}`;
}

/** A length with two units at most: `1 h 52 m`, `350 ms`. */
export function duration(ms: number, t: Translate): string {
  if (ms < 1000) return t("length.ms", { n: Math.round(ms) });
  const seconds = ms / 1000;
  if (seconds < 10) return t("length.s", { n: seconds.toFixed(1) });
  const s = Math.round(seconds);
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86_400)];
  const days = d > 0 ? t("length.d", { n: d }) : "";
  const hours = h % 24 > 0 ? t("length.h", { n: h % 24 }) : "";
  const minutes = d === 0 && m % 60 > 0 ? t("length.m", { n: m % 60 }) : "";
  const rest = h === 0 && s % 60 > 0 ? t("length.s", { n: s % 60 }) : "";
  return [days, hours, minutes, rest].filter(Boolean).join(" ");
}
