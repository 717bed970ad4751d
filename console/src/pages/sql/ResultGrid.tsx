/** The answer: rows and columns, only those that are seen; a bar beside the numbers of the first measure. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { saveBlob } from "../../api/client";
import type { SqlAnswer } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { csv } from "./light";

const WIDEST = 420;
const NARROWEST = 84;

function isNumber(type: string): boolean {
  return /^(Nullable\()?(U?Int|Float|Decimal)/.test(type);
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function ResultGrid({ data, summary }: { data: SqlAnswer; asked: string; summary: string }) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = data.rows as unknown as unknown[][];
  const widths = useMemo(
    () =>
      data.columns.map((column, n) => {
        const longest = rows.slice(0, 100).reduce((most, row) => Math.max(most, textOf(row[n]).length), column.name.length + 2);
        return Math.min(WIDEST, Math.max(NARROWEST, longest * 7 + 24));
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
  const save = (kind: "csv" | "json") => {
    const names = data.columns.map((column) => column.name);
    const text =
      kind === "csv"
        ? csv(names, rows)
        : JSON.stringify(
            rows.map((row) => Object.fromEntries(names.map((name, n) => [name, row[n]]))),
            null,
            1,
          );
    saveBlob(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }), `beidou-sql.${kind}`);
  };
  return (
    <>
      <div className="bar">
        <Glyph name="ok" />
        <b className="medium">{t("sql.rows", { n: group(rows.length) })}</b>
        {data.truncated ? (
          <span className="badge warn" title={t("sql.truncatedHint")}>
            {t("sql.truncated")}
          </span>
        ) : null}
        <span className="dim small cut">{summary}</span>
        <span className="row end">
          <button type="button" className="btn sm" onClick={() => save("csv")}>
            <Icon name="download" />
            CSV
          </button>
          <button type="button" className="btn sm" onClick={() => save("json")}>
            <Icon name="download" />
            JSON
          </button>
        </span>
      </div>
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
                      <Foreign text={number ? grouped(value) : textOf(value)} most={300} />
                    )}
                  </span>
                );
              })}
            </div>
          ))}
        </div>
      </div>
    </>
  );
}

/** Whole numbers are grouped; others stay as they came. */
function grouped(value: unknown): string {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? group(value) : textOf(value);
}
