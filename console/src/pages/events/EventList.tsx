/** The list: pinned rows on top, then live rows above pages of history, both in one virtual grid. */
import { defaultRangeExtractor, type Range, type ReactVirtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Params } from "../../api/client";
import type { Event, Page } from "../../api/types";
import { usePages } from "../../api/usePages";
import { Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { followed, NO_FOCUS } from "../../shell/focus";
import { useKeys } from "../../shell/keys";
import { usePrefs } from "../../shell/prefs";
import { offset } from "../../time/format";
import { type Columns, lettersIn, WORDS } from "./columns";
import { EventRow, WaitingRow } from "./EventRow";
import { PinnedRows } from "./PinnedRows";
import { focusAfter, rowKey } from "./pins";
import type { Pins } from "./usePins";
import type { LiveTail } from "./useTail";

interface Props {
  params: Params;
  anchor: number;
  zone: string;
  showDay: boolean;
  columns: Columns;
  pins: Pins;
  tail: LiveTail | null;
  selected: string | null;
  onOpen: (event: Event | null) => void;
  /** All that match, as the histogram counts them; null while it does not know. */
  total: number | null;
  onFirst: (first: Page<Event> | undefined) => void;
  empty: React.ReactNode;
}

/** The virtual list keeps an entry for each of its items: for each of a million rows, 60 MB. So its items are shelves of a few rows. */
const SHELF = 4;
/** Shelves that stand drawn beyond what is seen, on the side to which somebody scrolls. */
const AHEAD = 3;
/** Shelves to draw: what is seen, and some on the side to which somebody scrolls, on both while nobody does. */
function ahead(range: Range, direction: "forward" | "backward" | null): number[] {
  const before = direction === "forward" ? 0 : AHEAD;
  const after = direction === "backward" ? 0 : AHEAD;
  const startIndex = Math.max(0, range.startIndex - before);
  const endIndex = Math.min(range.count - 1, range.endIndex + after);
  return defaultRangeExtractor({ ...range, startIndex, endIndex, overscan: 0 });
}

const pinOf = (key: string) => `pin ${key}`;

function rowHeight(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
}

export function EventList(props: Props) {
  const { params, anchor, zone, showDay, columns, pins, tail, selected, total, onOpen, onFirst, empty } = props;
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  // What is seen is asked of the list itself, while it is drawn: one drawing for each frame that scrolls.
  const seen = useRef<ReactVirtualizer<HTMLDivElement, Element>>(null);
  const pool = useRef(0);
  const [focus, setFocus] = useState(NO_FOCUS);
  const live = tail?.rows ?? [];
  const { startIndex, endIndex } = seen.current?.range ?? { startIndex: 0, endIndex: 15 };
  const pages = usePages<Event, Page<Event>>("/api/v1/events", params, anchor, [
    Math.max(0, (startIndex - AHEAD) * SHELF - live.length),
    Math.max(0, (endIndex + 1 + AHEAD) * SHELF - live.length),
  ]);
  const count = live.length + pages.count;
  const { density } = usePrefs();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows from the density
  const size = useMemo(rowHeight, [density]);
  // With each new number of shelves it works through all of them once more, which a page brings every few frames: it has room for more.
  const room = 2 ** Math.ceil(Math.log2(Math.max(1024, count)));
  const shelves = useVirtualizer({
    count: room / SHELF,
    getScrollElement: () => scroller.current,
    estimateSize: () => size * SHELF,
    rangeExtractor: (range) => ahead(range, seen.current?.scrollDirection ?? null),
  });
  seen.current = shelves;
  const drawn = shelves.getVirtualItems();
  const from = (drawn[0]?.index ?? 0) * SHELF;
  const items = Array.from({ length: Math.max(0, Math.min(count - from, drawn.length * SHELF)) }, (_, n) => from + n);
  // The element of a row that went out takes the row that came in: there are as many as were ever shown at once. So they stand in
  // the document in another order than rows do, and say the order themselves.
  pool.current = Math.max(pool.current, items.length);
  const slot = (index: number) => index % pool.current;
  const slots = [...items].sort((a, b) => slot(a) - slot(b));
  const letters = lettersIn(columns, shelves.scrollRect?.width ?? 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when the first page is another one
  useEffect(() => onFirst(pages.first), [pages.first]);
  const listed = (place: number): Event | undefined => (place < live.length ? live[place] : pages.row(place - live.length));
  // Keys walk over pinned rows first; a row of the list stands at its place behind them.
  const keys = pins.items.map(({ key }) => key);
  const pinned = keys.length;
  const [standing, setStanding] = useState(keys);
  if (keys.join() !== standing.join()) {
    setStanding(keys);
    const onPin = focus.place < standing.length;
    setFocus({ place: focusAfter(focus.place, standing, keys), key: onPin ? null : focus.key });
  }
  const at = (index: number): Event | undefined => (index < pinned ? pins.items[index]?.event : listed(index - pinned));
  // A pinned row stands in the list as well: it is told apart from itself.
  const keyAt = (index: number): string | undefined => {
    if (index < pinned) return pinOf(keys[index] ?? "");
    const event = listed(index - pinned);
    return event && rowKey(event);
  };
  // Live rows come in front, and the list is asked anew: keys go on to mean the row that somebody chose.
  const now = followed(focus, pinned + count, keyAt);
  if (now !== focus && keys.join() === standing.join()) setFocus(now);

  const move = (step: number) => {
    const next = Math.min(pinned + count - 1, Math.max(0, now.place + step));
    setFocus({ place: next, key: keyAt(next) ?? null });
    if (next >= pinned) shelves.scrollToIndex(Math.floor((next - pinned) / SHELF));
    const event = at(next);
    if (event && selected !== null) onOpen(event);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      const event = at(now.place);
      if (event) onOpen(event);
    },
    P: () => {
      const event = at(now.place);
      if (event) pins.toggle(event);
    },
    ".": () => {
      const event = at(now.place);
      if (event) onOpen(event);
      requestAnimationFrame(() => document.querySelector<HTMLElement>(".det .actions a, .det .actions button")?.focus());
    },
  });
  const open = useCallback(
    (event: Event, index: number) => {
      setFocus({ place: index, key: rowKey(event) });
      onOpen(event);
    },
    [onOpen],
  );
  const openPinned = (event: Event, index: number) => {
    setFocus({ place: index, key: pinOf(rowKey(event)) });
    onOpen(event);
  };
  const scrolled = () => {
    if (!tail) return;
    if ((scroller.current?.scrollTop ?? 0) > 4) tail.pause();
  };
  const name = t("events.list");
  const state = pages.isLoading ? (
    <Loading rows={16} />
  ) : pages.error ? (
    <Failed error={pages.error} what={name} retry={pages.retry} />
  ) : (
    empty
  );
  if (count === 0 && pinned === 0) return state;
  return (
    <>
      <StaleNote since={pages.asOf} error={count > 0 ? pages.error : null} what={name} retry={pages.retry} />
      <div
        className={`col${count > 0 ? " grow" : ""}${columns.isUsual ? " usual" : ""}${showDay ? " days" : ""}${tail?.stream === "lost" || pages.asOf !== null ? " lost" : ""}${pages.isDimmed && !pages.isTurning ? " stale" : ""}`}
        style={columns.isUsual ? undefined : ({ "--tracks": columns.tracks } as CSSProperties)}
        role="grid"
        aria-label={name}
        aria-rowcount={total === null ? -1 : total + live.length + pinned + 1}
      >
        <div className="er hd" role="row" aria-rowindex={1}>
          {columns.list.map((column) =>
            column === "count" ? (
              <span key={column} role="columnheader" className="num" title={t(WORDS.count)}>
                ×
              </span>
            ) : (
              <span key={column} role="columnheader">
                {column === "type" ? <span className="vh">{t(WORDS.type)}</span> : t(WORDS[column])}
                {column === "time" ? `, ${offset(zone, anchor)} ↓` : ""}
              </span>
            ),
          )}
        </div>
        {pinned > 0 ? (
          <PinnedRows {...{ pins, columns, zone, showDay, selected, size, letters }} focus={now.place} onOpen={openPinned} />
        ) : null}
        <div
          className="scroll grow rows"
          hidden={count === 0}
          ref={scroller}
          onScroll={scrolled}
          role="rowgroup"
          aria-owns={items.map((place) => `row-${place + pinned}`).join(" ")}
          tabIndex={0}
          onFocus={() => setFocus((before) => (before.place < 0 ? { place: 0, key: null } : before))}
        >
          <div role="presentation" style={{ height: count * size, position: "relative" }}>
            {slots.map((place) => {
              const event = listed(place);
              const key = slot(place);
              return event ? (
                <EventRow
                  key={key}
                  event={event}
                  zone={zone}
                  showDay={showDay}
                  selected={rowKey(event) === selected}
                  focused={place + pinned === now.place}
                  index={place + pinned}
                  top={place * size}
                  letters={letters}
                  has={columns.has}
                  onOpen={open}
                />
              ) : (
                <WaitingRow key={key} top={place * size} list={columns.list} />
              );
            })}
          </div>
        </div>
      </div>
      {count === 0 ? state : null}
    </>
  );
}
