/** The list: live rows above, pages of history below, both in one virtual grid. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Params } from "../../api/client";
import type { Event, Page } from "../../api/types";
import { type Pages, usePages } from "../../api/usePages";
import { Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { useKeys } from "../../shell/keys";
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
  onFirst: (first: Page<Event> | undefined, total: Pages<Event, Page<Event>>["total"]) => void;
  empty: React.ReactNode;
}

/** What tells a row in the address: cluster, Event and version. */
export function rowKey(event: Event): string {
  return `${event.cluster_uid}~${event.uid}~${event.resource_version}`;
}

function rowHeight(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
}

export function EventList({ params, anchor, zone, showDay, tail, selected, onOpen, onFirst, empty }: Props) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const [visible, setVisible] = useState<[number, number]>([0, 60]);
  const [focus, setFocus] = useState(-1);
  const live = tail?.rows ?? [];
  const pages = usePages<Event, Page<Event>>("/api/v1/events", { ...params, total: true }, anchor, [
    Math.max(0, visible[0] - live.length),
    Math.max(0, visible[1] - live.length),
  ]);
  const count = live.length + pages.count;
  const size = rowHeight();
  const rows = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: 12 });
  const items = rows.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (first !== visible[0] || last !== visible[1]) setVisible([first, last]);
  }, [first, last, visible]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when the first page is another one
  useEffect(() => onFirst(pages.first, pages.total), [pages.first, pages.total]);
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
  const scrolled = () => {
    if (!tail) return;
    if ((scroller.current?.scrollTop ?? 0) > 4) tail.pause();
  };
  const name = t("events.list");
  if (pages.isLoading && live.length === 0) return <Loading rows={16} />;
  if (pages.error && pages.count === 0) return <Failed error={pages.error} what={name} retry={pages.retry} />;
  if (count === 0) return empty;
  return (
    <div
      className={`col grow${pages.isDimmed ? " stale" : ""}${showDay ? " days" : ""}${tail?.stream === "lost" ? " lost" : ""}`}
      role="grid"
      aria-label={name}
      aria-rowcount={pages.total ? pages.total.value + live.length : -1}
    >
      <div className="er hd" role="row">
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
        tabIndex={0}
        onFocus={() => setFocus((now) => Math.max(0, now))}
      >
        <div role="presentation" style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const event = at(item.index);
            return (
              <div
                key={item.key}
                role="presentation"
                className={item.index === focus ? "vrow at" : "vrow"}
                style={{ transform: `translateY(${item.start}px)`, height: size }}
              >
                {event ? (
                  <EventRow
                    event={event}
                    zone={zone}
                    showDay={showDay}
                    selected={rowKey(event) === selected}
                    id={`row-${item.index}`}
                    onOpen={(one) => {
                      setFocus(item.index);
                      onOpen(one);
                    }}
                  />
                ) : (
                  <WaitingRow />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
