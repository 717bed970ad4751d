/** The rows of an object, newest first; the one at T2 is marked. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Event } from "../../api/types";
import { usePages } from "../../api/usePages";
import { Glyph, typeGlyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useKeys } from "../../shell/keys";
import type { View } from "../../shell/view";
import { hmsMillis, monthDay } from "../../time/format";
import type { Range } from "../../time/range";

interface Props {
  url: string;
  range: Range;
  view: View;
  t2: number;
  total: number;
  onT2: (t: number) => void;
}

export function ObjectRows({ url, range, view, t2, total, onT2 }: Props) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const asked = view.search.q ?? "";
  const [line, setLine] = useState(asked);
  useEffect(() => setLine(asked), [asked]);
  const [visible, setVisible] = useState<[number, number]>([0, 40]);
  const params = useMemo(() => ({ from: range.from, to: range.to, q: asked }), [range.from, range.to, asked]);
  const pages = usePages<Event>(`${url}/timeline`, params, view.anchor, visible);
  const size = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
  const rows = useVirtualizer({ count: pages.count, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (first !== visible[0] || last !== visible[1]) setVisible([first, last]);
  }, [first, last, visible]);
  // The newest row that is not behind T2.
  let at = -1;
  for (let n = 0; n < pages.count; n += 1) {
    const event = pages.row(n);
    if (event && Date.parse(event.time) <= t2) {
      at = n;
      break;
    }
  }
  const step = (by: number) => {
    const next = pages.row(Math.min(pages.count - 1, Math.max(0, at + by)));
    if (next) onT2(Date.parse(next.time));
    rows.scrollToIndex(Math.max(0, at + by));
  };
  useKeys({ j: () => step(1), k: () => step(-1) });
  return (
    <section className={pages.asOf === null ? "col grow" : "col grow lost"} aria-label={t("lanes.rows")}>
      <div className="bar">
        <h2>{t("lanes.rows")}</h2>
        <span className="dim small cut">{t("lanes.rowsUnder", { n: group(total) })}</span>
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
                    className={item.index === at ? "ev now" : "ev"}
                    aria-current={item.index === at}
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
