/** The answer: how many rows it has, and these as a table or as a chart. Which of them stands in the address. */
import { saveBlob } from "../../api/client";
import type { SqlAnswer } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { bytes, group } from "../../design/number";
import { Segment } from "../../design/parts";
import { Partial } from "../../design/states";
import { useT } from "../../i18n";
import { useView } from "../../shell/view";
import { missing } from "../../time/coverage";
import { duration } from "../../time/format";
import { csv, rowsOf } from "./cells";
import { ResultChart } from "./ResultChart";
import { ResultGrid } from "./ResultGrid";

function save(data: SqlAnswer, kind: "csv" | "json"): void {
  const names = data.columns.map((column) => column.name);
  const objects = () => rowsOf(data).map((row) => Object.fromEntries(names.map((name, n) => [name, row[n]])));
  const text = kind === "csv" ? csv(names, rowsOf(data)) : JSON.stringify(objects(), null, 1);
  saveBlob(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }), `beidou-sql.${kind}`);
}

export function Result({ data, sql }: { data: SqlAnswer; sql: string }) {
  const t = useT();
  const { search, set } = useView();
  const tab = search.tab === "chart" ? "chart" : "table";
  const { elapsed, rows_read, bytes_read } = data.statistics;
  const cost = t("sql.read", { rows: group(rows_read), bytes: bytes(bytes_read) });
  return (
    <>
      <Partial parts={data.range ? missing(data.coverage, Date.parse(data.range.to)) : []} />
      <div className="bar">
        <Glyph name="ok" />
        <b className="medium">{t("sql.rows", { n: group(data.rows.length) })}</b>
        {data.truncated ? (
          <span className="badge warn" title={t("sql.truncatedHint")}>
            {t("sql.truncated")}
          </span>
        ) : null}
        <span className="dim small cut">
          {duration(elapsed * 1000, t)} · {cost}
        </span>
        <span className="row end">
          <Segment
            small
            label={t("sql.result")}
            value={tab}
            choices={[
              { value: "table", label: t("sql.table") },
              { value: "chart", label: t("sql.chart") },
            ]}
            onChange={(one) => set({ tab: one === "chart" ? one : "" }, { replace: true })}
          />
          {(["csv", "json"] as const).map((kind) => (
            <button key={kind} type="button" className="btn sm" onClick={() => save(data, kind)}>
              <Icon name="download" />
              {kind.toUpperCase()}
            </button>
          ))}
        </span>
      </div>
      {tab === "chart" ? <ResultChart data={data} bound={/\{(from|to)\}/.test(sql)} /> : <ResultGrid data={data} />}
    </>
  );
}
