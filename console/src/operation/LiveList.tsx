/** A list by cursors that is asked anew while something in it moves: operations, tasks. Rows are links; j, k and Enter go by keys. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Params } from "../api/client";
import { type AnyPage, usePages } from "../api/usePages";
import { Failed, Loading, StaleNote } from "../design/states";
import { followed, NO_FOCUS } from "../shell/focus";
import { useKeys } from "../shell/keys";

export interface Column<Row> {
  key: string;
  head: string;
  number?: boolean;
  cell: (row: Row) => ReactNode;
}

interface Props<Row> {
  path: string;
  params: Params;
  anchor: number;
  name: string;
  /** Grid columns of CSS; classes of the page may change it by width. */
  className: string;
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  moves: (row: Row) => boolean;
  onOpen: (row: Row) => void;
  onFirst?: (first: AnyPage<Row> | undefined) => void;
  empty: ReactNode;
  focusable?: boolean;
}

const QUICK_MS = 2000;
const SLOW_MS = 15_000;
const ROW = 34;

export function LiveList<Row>(props: Props<Row>) {
  const { path, params, anchor, name, className, columns, keyOf, moves, onOpen, onFirst, empty } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [visible, setVisible] = useState<[number, number]>([0, 60]);
  const [focus, setFocus] = useState(NO_FOCUS);
  const [turn, setTurn] = useState(0);
  const pages = usePages<Row>(path, params, anchor + turn, visible);
  const rows = useVirtualizer({ count: pages.count, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (first !== visible[0] || last !== visible[1]) setVisible([first, last]);
  }, [first, last, visible]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when the first page is another one
  useEffect(() => onFirst?.(pages.first), [pages.first]);
  const moving = items.some((item) => {
    const row = pages.row(item.index);
    return row !== undefined && moves(row);
  });
  // Far down nothing is turned over under the eye.
  const top = first < 40;
  // Each turn is answered, or has failed, before the next one is asked for.
  const waits = pages.isFetching;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn has a time of its own
  useEffect(() => {
    if (!top || waits) return;
    const timer = setTimeout(() => setTurn((now) => now + 1), moving ? QUICK_MS : SLOW_MS);
    return () => clearTimeout(timer);
  }, [moving, top, waits, turn]);
  const keyAt = (place: number) => {
    const row = pages.row(place);
    return row === undefined ? undefined : keyOf(row);
  };
  // The list is asked anew by itself: keys go on to mean the row that somebody chose.
  const now = followed(focus, pages.count, keyAt);
  if (now !== focus) setFocus(now);
  const move = (step: number) => {
    const next = Math.min(pages.count - 1, Math.max(0, now.place + step));
    setFocus({ place: next, key: keyAt(next) ?? null });
    rows.scrollToIndex(next);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      const row = pages.row(now.place);
      if (row) onOpen(row);
    },
  });
  if (pages.isLoading && !pages.isTurning) return <Loading rows={12} />;
  if (pages.error && pages.count === 0) return <Failed error={pages.error} what={name} retry={pages.retry} />;
  if (pages.count === 0) return empty;
  return (
    <>
      <StaleNote since={pages.asOf} error={pages.error} what={name} retry={pages.retry} />
      <div
        className={`col grow livelist ${className}${pages.asOf === null ? "" : " lost"}`}
        role="table"
        aria-label={name}
        aria-rowcount={pages.total?.value ?? -1}
      >
        <div role="rowgroup">
          <div className="lr hd" role="row">
            {columns.map((column) => (
              <span key={column.key} role="columnheader" className={`c-${column.key}${column.number ? " num" : ""}`}>
                {column.head}
              </span>
            ))}
          </div>
        </div>
        <div className="scroll grow" ref={scroller} role="rowgroup" tabIndex={0}>
          <div role="presentation" style={{ height: rows.getTotalSize(), position: "relative" }}>
            {items.map((item) => {
              const row = pages.row(item.index);
              return (
                <div
                  key={row === undefined ? item.key : keyOf(row)}
                  role="row"
                  className={item.index === now.place ? "lr vrow at" : "lr vrow"}
                  style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                >
                  {columns.map((column) => (
                    <span key={column.key} role="cell" className={`c-${column.key}${column.number ? " num" : ""}`}>
                      {row === undefined ? <span className="bone" /> : column.cell(row)}
                    </span>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </>
  );
}
