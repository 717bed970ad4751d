/** The rows of an object, newest first; the one at T2 is marked, and the list goes there. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Event, Lanes } from "../../api/types";
import { usePages } from "../../api/usePages";
import { boxes } from "../../canvas/lanes";
import { Glyph, typeGlyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useDelayed } from "../../operation/useDelayed";
import { useKeys } from "../../shell/keys";
import type { View } from "../../shell/view";
import { full, hmsMillis, monthDay } from "../../time/format";
import { absolute, type Range } from "../../time/range";
import { listEnd } from "./follow";

interface Props {
  url: string;
  lanes: Lanes;
  range: Range;
  view: View;
  t2: number;
  /** How many there are, in words. */
  total: string;
  onT2: (t: number) => void;
}

/** While T2 moves, the list begins nowhere else. */
const SETTLE_MS = 150;
/** The newest first: their times fall. */
const falling = (event: Event) => -Date.parse(event.time);

export function ObjectRows({ url, lanes, range, view, t2, total, onT2 }: Props) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const asked = view.search.q ?? "";
  const [line, setLine] = useState(asked);
  useEffect(() => setLine(asked), [asked]);
  const [visible, setVisible] = useState<[number, number]>([0, 40]);
  const [end, setEnd] = useState<number | null>(null);
  const marks = useMemo(() => boxes(lanes), [lanes]);
  const settled = useDelayed(t2, SETTLE_MS);
  const kept = end !== null && end < Date.parse(lanes.range.to) ? end : null;
  const wanted = listEnd(marks, settled, kept);
  if (wanted !== end) setEnd(wanted);
  const shown = end === null ? range : absolute(Date.parse(lanes.range.from), end);
  const params = useMemo(() => ({ from: shown.from, to: shown.to, q: asked }), [shown.from, shown.to, asked]);
  // Up to the newest row that is not behind T2: half a millisecond tells it from those that are.
  const pages = usePages<Event>(`${url}/timeline`, params, view.anchor, visible, { timeOf: falling, until: -(t2 + 0.5) });
  const size = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
  const rows = useVirtualizer({ count: pages.count, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (first !== visible[0] || last !== visible[1]) setVisible([first, last]);
  }, [first, last, visible]);
  const at = pages.untilMoment ?? 0;
  const isNow = (event: Event) => Date.parse(event.time) <= t2;
  const there = pages.row(at);
  // Its row is known, or lies where none is known yet; an answer that has only come is not counted.
  const ready = pages.count > 0 && (there === undefined || isNow(there));
  const went = useRef("");
  useEffect(() => {
    const place = `${t2} ${end} ${at}`;
    if (!ready || went.current === place) return;
    went.current = place;
    rows.scrollToIndex(Math.min(at, pages.count - 1), { align: "auto" });
  }, [ready, t2, end, at, pages.count, rows]);
  const step = (by: number) => {
    const next = pages.row(Math.min(pages.count - 1, Math.max(0, at + by)));
    if (at + by < 0 && end !== null) onT2(end);
    else if (next) onT2(Date.parse(next.time));
  };
  useKeys({ j: () => step(1), k: () => step(-1) });
  return (
    <section className={pages.asOf === null ? "col grow" : "col grow lost"} aria-label={t("lanes.rows")}>
      <div className="bar">
        <h2>{t("lanes.rows")}</h2>
        <span className="dim small cut">{t("lanes.rowsUnder", { n: total })}</span>
        <form
          className="end"
          onSubmit={(event) => {
            event.preventDefault();
            view.set({ q: line.trim() });
          }}
        >
          <input
            className="in mono"
            data-filter
            aria-label={t("lanes.filter")}
            placeholder={t("lanes.filter")}
            value={line}
            spellCheck={false}
            onChange={(event) => setLine(event.target.value)}
          />
        </form>
      </div>
      {pages.isLoading && !pages.isDimmed ? <Loading rows={8} /> : null}
      {pages.error && pages.count === 0 ? <Failed error={pages.error} what={t("lanes.rows")} retry={pages.retry} /> : null}
      <StaleNote since={pages.asOf} error={pages.count > 0 ? pages.error : null} what={t("lanes.rows")} retry={pages.retry} />
      {!pages.isLoading && !pages.error && pages.count === 0 ? <p className="pad dim">{t("events.none")}</p> : null}
      {end === null ? null : (
        <button type="button" className="btn bare sm link" onClick={() => onT2(end)}>
          {t("lanes.newer", { time: full(end, view.zone) })}
        </button>
      )}
      <div
        className={pages.isDimmed && !pages.isTurning ? "scroll grow stale" : "scroll grow"}
        ref={scroller}
        tabIndex={0}
        role="group"
        aria-label={t("lanes.rows")}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const event = pages.row(item.index);
            return (
              <div key={item.key} className="orow" style={{ transform: `translateY(${item.start}px)`, height: size }}>
                {event ? (
                  <button
                    type="button"
                    className={item.index === at && isNow(event) ? "ev now" : "ev"}
                    aria-current={item.index === at && isNow(event)}
                    onClick={() => onT2(Date.parse(event.time))}
                  >
                    <span className="mono">
                      <span className="dim">{monthDay(Date.parse(event.time), view.zone)}</span>{" "}
                      {hmsMillis(Date.parse(event.time), view.zone)}
                    </span>
                    <Glyph name={typeGlyph(event.type)} label={event.type} />
                    <span className={event.type === "Warning" ? "cut medium warn" : "cut medium"}>
                      <Foreign text={event.reason} most={60} />
                      {event.occurrences > 1 ? <span className="dim"> × {group(event.occurrences)}</span> : null}
                    </span>
                    <span className="cut sub">
                      <Foreign text={event.message} most={400} />
                    </span>
                    <span className="cut dim">
                      <Foreign text={event.component || event.reporting_component || ""} most={30} />
                    </span>
                  </button>
                ) : null}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}
