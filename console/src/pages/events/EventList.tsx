/** The list: live rows above, pages of history below, both in one virtual grid. */
import { type ReactVirtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Params } from "../../api/client";
import type { Event, Page } from "../../api/types";
import { usePages } from "../../api/usePages";
import { Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useKeys } from "../../shell/keys";
import { usePrefs } from "../../shell/prefs";
import { offset } from "../../time/format";
import { EventRow, WaitingRow } from "./EventRow";
import type { LiveTail } from "./useTail";

interface Props {
  params: Params;
  anchor: number;
  zone: string;
  showDay: boolean;
  tail: LiveTail | null;
  selected: string | null;
  onOpen: (event: Event | null) => void;
  /** All that match, as the histogram counts them; null while it does not know. */
  total: number | null;
  onFirst: (first: Page<Event> | undefined) => void;
  empty: React.ReactNode;
}

const OVERSCAN = 12;
/** What stands before a message at the least, and how wide narrow letters are: more of a message than fits is not seen. */
const BEFORE_PX = 480;
const LETTER_PX = 4.5;
/** The message is cut in steps of so many letters, so that a width that changes a little changes no row. */
const STEP = 40;

/** What tells a row in the address: cluster, Event and version. */
export function rowKey(event: Event): string {
  return `${event.cluster_uid}~${event.uid}~${event.resource_version}`;
}

function rowHeight(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
}

export function EventList({ params, anchor, zone, showDay, tail, selected, total, onOpen, onFirst, empty }: Props) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  // What is seen is asked of the list itself, while it is drawn: one drawing for each frame that scrolls.
  const seen = useRef<ReactVirtualizer<HTMLDivElement, Element>>(null);
  const pool = useRef(0);
  const [focus, setFocus] = useState(-1);
  const live = tail?.rows ?? [];
  const { startIndex, endIndex } = seen.current?.range ?? { startIndex: 0, endIndex: 60 };
  const pages = usePages<Event, Page<Event>>("/api/v1/events", params, anchor, [
    Math.max(0, startIndex - OVERSCAN - live.length),
    Math.max(0, endIndex + OVERSCAN - live.length),
  ]);
  const count = live.length + pages.count;
  const { density } = usePrefs();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows from the density
  const size = useMemo(rowHeight, [density]);
  // With each new number of rows it works through all of them once more, which a page brings every few frames: it has room for more.
  const room = 2 ** Math.ceil(Math.log2(Math.max(1024, count)));
  const rows = useVirtualizer({ count: room, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: OVERSCAN });
  seen.current = rows;
  const items = rows.getVirtualItems().filter((item) => item.index < count);
  // The element of a row that went out takes the row that came in: there are as many as were ever shown at once. So they stand in
  // the document in another order than rows do, and say the order themselves.
  pool.current = Math.max(pool.current, items.length);
  const slot = (index: number) => index % pool.current;
  const slots = [...items].sort((a, b) => slot(a.index) - slot(b.index));
  const letters = Math.ceil(Math.max(1, ((rows.scrollRect?.width ?? 0) - BEFORE_PX) / LETTER_PX / STEP)) * STEP;
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when the first page is another one
  useEffect(() => onFirst(pages.first), [pages.first]);
  const at = useCallback(
    (index: number): Event | undefined => (index < live.length ? live[index] : pages.row(index - live.length)),
    [live, pages],
  );

  const move = (step: number) => {
    const next = Math.min(count - 1, Math.max(0, focus + step));
    setFocus(next);
    rows.scrollToIndex(next);
    const event = at(next);
    if (event && selected !== null) onOpen(event);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      const event = at(focus);
      if (event) onOpen(event);
    },
    Escape: () => onOpen(null),
    ".": () => {
      const event = at(focus);
      if (event) onOpen(event);
      requestAnimationFrame(() => document.querySelector<HTMLElement>(".det .actions a, .det .actions button")?.focus());
    },
  });
  const open = useCallback(
    (event: Event, index: number) => {
      setFocus(index);
      onOpen(event);
    },
    [onOpen],
  );
  const scrolled = () => {
    if (!tail) return;
    if ((scroller.current?.scrollTop ?? 0) > 4) tail.pause();
  };
  const name = t("events.list");
  if (pages.isLoading && count === 0) return <Loading rows={16} />;
  if (pages.error && count === 0) return <Failed error={pages.error} what={name} retry={pages.retry} />;
  if (count === 0) return empty;
  return (
    <>
      <StaleNote since={pages.asOf} error={pages.error} what={name} retry={pages.retry} />
      <div
        className={`col grow${showDay ? " days" : ""}${tail?.stream === "lost" || pages.asOf !== null ? " lost" : ""}${pages.isDimmed && !pages.isTurning ? " stale" : ""}`}
        role="grid"
        aria-label={name}
        aria-rowcount={total === null ? -1 : total + live.length + 1}
      >
        <div className="er hd" role="row" aria-rowindex={1}>
          {[`${t("col.time")}, ${offset(zone, anchor)} ↓`, "", t("col.cluster"), t("col.object"), t("col.reason"), t("col.message")].map(
            (head, n) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns in their order
              <span key={n} role="columnheader">
                {head === "" ? <span className="vh">{t("col.type")}</span> : head}
              </span>
            ),
          )}
          <span role="columnheader" className="num" title={t("col.occurrences")}>
            ×
          </span>
        </div>
        <div
          className="scroll grow rows"
          ref={scroller}
          onScroll={scrolled}
          role="rowgroup"
          aria-owns={items.map((item) => `row-${item.index}`).join(" ")}
          tabIndex={0}
          onFocus={() => setFocus((now) => Math.max(0, now))}
        >
          <div role="presentation" style={{ height: count * size, position: "relative" }}>
            {slots.map((item) => {
              const event = at(item.index);
              const key = slot(item.index);
              return event ? (
                <EventRow
                  key={key}
                  event={event}
                  zone={zone}
                  showDay={showDay}
                  selected={rowKey(event) === selected}
                  focused={item.index === focus}
                  index={item.index}
                  top={item.start}
                  letters={letters}
                  onOpen={open}
                />
              ) : (
                <WaitingRow key={key} top={item.start} />
              );
            })}
          </div>
        </div>
      </div>
    </>
  );
}
