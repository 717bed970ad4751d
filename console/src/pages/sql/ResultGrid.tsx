/** The answer as a table: rows and columns, only those that are seen; a bar beside the numbers of the first measure. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { SqlAnswer } from "../../api/types";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { isNumber, rowsOf, textOf } from "./cells";

const WIDEST = 420;
const NARROWEST = 84;
/** So wide is a letter of a cell, and a little more. */
const LETTER = 7;

export function ResultGrid({ data }: { data: SqlAnswer }) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = rowsOf(data);
  const widths = useMemo(
    () =>
      data.columns.map((column, n) => {
        const longest = rows.slice(0, 100).reduce((most, row) => Math.max(most, textOf(row[n]).length), column.name.length + 2);
        return Math.min(WIDEST, Math.max(NARROWEST, longest * LETTER + 24));
      }),
    [data, rows],
  );
  const size = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 26;
  const vertical = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: 12 });
  const horizontal = useVirtualizer({
    horizontal: true,
    count: data.columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (n) => widths[n] ?? NARROWEST,
    overscan: 4,
  });
  const measure = data.columns.findIndex((column) => isNumber(column.type));
  const most = measure < 0 ? 1 : rows.reduce((top, row) => Math.max(top, Number(row[measure]) || 0), 1);
  const columns = horizontal.getVirtualItems();
  return (
    <div
      className="scroll grow grid"
      ref={scroller}
      role="grid"
      aria-label={t("sql.result")}
      aria-rowcount={rows.length}
      aria-colcount={data.columns.length}
      tabIndex={0}
    >
      <div role="rowgroup" className="heads" style={{ width: horizontal.getTotalSize() }}>
        <div role="row">
          {columns.map((column) => (
            <span
              key={column.key}
              role="columnheader"
              className={isNumber(data.columns[column.index]?.type ?? "") ? "cell num head" : "cell head"}
              style={{ left: column.start, width: column.size }}
              title={data.columns[column.index]?.type}
            >
              {data.columns[column.index]?.name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" style={{ height: vertical.getTotalSize(), width: horizontal.getTotalSize(), position: "relative" }}>
        {vertical.getVirtualItems().map((line) => (
          <div key={line.key} role="row" aria-rowindex={line.index + 1} className="line" style={{ top: line.start, height: size }}>
            {columns.map((column) => {
              const value = rows[line.index]?.[column.index];
              const number = isNumber(data.columns[column.index]?.type ?? "");
              return (
                <span
                  key={column.key}
                  role="gridcell"
                  className={number ? "cell num" : "cell mono"}
                  style={{ left: column.start, width: column.size }}
                >
                  {column.index === measure ? <i style={{ width: `${((Number(value) || 0) / most) * 40}%` }} aria-hidden="true" /> : null}
                  {value === null ? (
                    <span className="dim">NULL</span>
                  ) : (
                    <Foreign {...(number ? { text: grouped(value) } : cut(textOf(value), column.size))} most={300} />
                  )}
                </span>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

/** What has no blanks is an identifier, whose tail matters too. */
function cut(text: string, width: number) {
  return /\s/.test(text) ? { text } : { text, mid: Math.floor((width - 24) / LETTER) };
}

/** Whole numbers are grouped; others stay as they came. */
function grouped(value: unknown): string {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? group(value) : textOf(value);
}
