import { describe, expect, it } from "vitest";
import { translator } from "../src/i18n";
import { fieldMoment, fieldText } from "../src/time/clock";
import { clockIn, duration, hms, hmsMillis, monthDay, offset, readZone, span, weekday } from "../src/time/format";
import { absolute, bounds, DEFAULT_RANGE, lengthMs, lengthText, moment, readRange, shifted, zoomed } from "../src/time/range";
import { countTicks, ticks } from "../src/time/ticks";

const NOW = Date.parse("2026-11-29T06:40:00Z");

describe("a day of the week", () => {
  it("has its name in the language of the page", () => {
    expect([1, 7].map((day) => weekday(day, "en"))).toEqual(["Mon", "Sun"]);
    expect(weekday(1, "zh")).toBe("周一");
  });
});

describe("range", () => {
  it("keeps relative ends relative and reads absolute ones", () => {
    expect(readRange("-6h", "now", NOW)).toEqual({ from: "-6h", to: "now" });
    expect(moment("-6h", NOW)).toBe(NOW - 6 * 3_600_000);
    expect(moment("2026-11-29T00:00:00Z", NOW)).toBe(Date.parse("2026-11-29T00:00:00Z"));
  });
  it("never leaves a question without bounds", () => {
    for (const [from, to] of [
      ["x", "now"],
      ["now", "-6h"],
      ["-0h", "now"],
      ["2026-11-29", "now"],
      [undefined, "yesterday"],
    ] as const) {
      expect(readRange(from, to, NOW)).toEqual(DEFAULT_RANGE);
    }
  });
  it("moves by half its length and stops at now", () => {
    expect(bounds(shifted({ from: "-2h", to: "now" }, -1, NOW), NOW)).toEqual([NOW - 3 * 3_600_000, NOW - 3_600_000]);
    expect(bounds(shifted({ from: "-2h", to: "now" }, 1, NOW), NOW)).toEqual([NOW - 2 * 3_600_000, NOW]);
    expect(bounds(zoomed(absolute(NOW - 4000_000, NOW - 2000_000), 2, NOW), NOW)).toEqual([NOW - 5000_000, NOW - 1000_000]);
  });
  it("writes lengths as it reads them", () => {
    for (const text of ["30s", "15m", "6h", "3d", "2w"]) expect(lengthText(lengthMs(text) ?? 0)).toBe(text);
    expect(lengthMs("6 h")).toBeNull();
  });
});

describe("format", () => {
  it("tells the clock of every row as a formatter does, where clocks are set forward and back too", () => {
    // Kathmandu is 5:45 off; New York goes back in the night to November 1, Lord Howe by half an hour in April.
    for (const [zone, from] of [
      ["Asia/Kathmandu", "2026-11-28T17:58:00Z"],
      ["America/New_York", "2026-11-01T05:30:00Z"],
      ["Australia/Lord_Howe", "2026-04-04T14:40:00Z"],
    ] as const) {
      for (let minute = 0; minute < 90; minute += 7) {
        const ms = Date.parse(from) + minute * 60_000 + 42;
        expect(hmsMillis(ms, zone)).toBe(`${hms(ms, zone)}.042`);
        const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(ms);
        expect(monthDay(ms, zone)).toBe(parts.slice(5));
      }
    }
  });
  it("names the zone and the day only where it says something", () => {
    expect(offset("Asia/Shanghai", NOW)).toBe("UTC+8");
    expect(offset("UTC", NOW)).toBe("UTC");
    expect(readZone("Mars/Olympus")).toBe(readZone(undefined));
    expect(span(NOW - 3_600_000, NOW, "UTC", NOW, "today")).toBe("05:40 – 06:40 today");
    expect(span(NOW - 86_400_000, NOW, "UTC", NOW, "today")).toBe("11-28 06:40 – 11-29 06:40");
  });
  it("tells the clock of a window in its zone, or by its distance from UTC", () => {
    expect([clockIn(1350, "Europe/Berlin", 60), clockIn(545, null, 480), clockIn(0, undefined, -210), clockIn(60, null, 0)]).toEqual([
      "22:30 Europe/Berlin",
      "09:05 UTC+8",
      "00:00 UTC−3:30",
      "01:00 UTC+0",
    ]);
  });
  it("reads a field as the zone's clock shows it, on days on which clocks are set too", () => {
    const read = (text: string) => new Date(fieldMoment(text, "America/New_York", 0) ?? Number.NaN).toISOString();
    expect(read("2026-11-01T03:00:00")).toBe("2026-11-01T08:00:00.000Z");
    expect(read("2026-11-01T00:30")).toBe("2026-11-01T04:30:00.000Z");
    expect(read("2026-03-08T05:00:00")).toBe("2026-03-08T09:00:00.000Z");
    expect(fieldMoment("yesterday", "UTC", 0)).toBeNull();
  });
  it("leaves a field that nobody changed the moment that it was", () => {
    // Twice it is 01:30 in New York on that day.
    for (const ms of [Date.parse("2026-11-01T05:30:00.250Z"), Date.parse("2026-11-01T06:30:00.250Z")]) {
      expect(fieldText(ms, "America/New_York")).toBe("2026-11-01T01:30:00");
      expect(fieldMoment(fieldText(ms, "America/New_York"), "America/New_York", ms)).toBe(ms);
    }
  });
  it("tells lengths with two units, in the language of the page", () => {
    const lengths = [350, 2500, 43_000, 61_000, 840_000, 6_725_000, 7_200_000, 90_061_000, 259_200_000];
    const told = (lang: "en" | "zh") => lengths.map((ms) => duration(ms, translator(lang))).join(", ");
    expect(told("en")).toBe("350 ms, 2.5 s, 43 s, 1 m 1 s, 14 m, 1 h 52 m, 2 h, 1 d 1 h, 3 d");
    expect(told("zh")).toBe("350 毫秒, 2.5 秒, 43 秒, 1 分钟 1 秒, 14 分钟, 1 小时 52 分钟, 2 小时, 1 天 1 小时, 3 天");
  });
});

describe("ticks", () => {
  it("are round in the zone, and not too many", () => {
    const found = ticks(NOW - 6 * 3_600_000, NOW, 12, "Asia/Kolkata");
    expect(found.length).toBeLessThanOrEqual(13);
    expect(found[0]?.label).toMatch(/:(00|30)$/);
    expect(ticks(NOW - 7 * 86_400_000, NOW, 8, "UTC").map((tick) => tick.label)).toEqual([
      "11-23",
      "11-24",
      "11-25",
      "11-26",
      "11-27",
      "11-28",
      "11-29",
    ]);
  });
  it("are round on both sides of a day on which clocks are set", () => {
    const told = (from: string, to: string, most: number, zone: string) =>
      ticks(Date.parse(from), Date.parse(to), most, zone).map((tick) => `${hms(tick.at, zone).slice(0, 5)} ${tick.label}`);
    const days = ["24", "25", "26", "27"].map((day) => `00:00 10-${day}`);
    expect(told("2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z", 4, "Europe/Berlin")).toEqual(days);
    // 02:00 to 03:00 comes twice on the one day, and not at all on the other.
    const back = ["02:00", "02:30", "02:00", "02:30", "03:00"].map((clock) => `${clock} ${clock}`);
    expect(told("2026-10-25T00:00:00Z", "2026-10-25T02:30:00Z", 5, "Europe/Berlin")).toEqual(back);
    const forth = ["01:00", "01:30", "03:00", "03:30"].map((clock) => `${clock} ${clock}`);
    expect(told("2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", 4, "Europe/Berlin")).toEqual(forth);
  });
  it("of counts are whole and reach up to the most", () => {
    expect(countTicks(42_000, 2)).toEqual([0, 50_000].filter((value) => value <= 42_000));
    expect(countTicks(42_000, 3)).toEqual([0, 20_000, 40_000]);
    expect(countTicks(2, 4)).toEqual([0, 1, 2]);
    expect(countTicks(0, 4)).toEqual([0]);
  });
});
