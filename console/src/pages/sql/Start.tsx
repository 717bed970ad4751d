/** In the place of an answer, before there is one: questions to begin with, and what may be asked. A click writes it into the statement. */
import { useQuery } from "@tanstack/react-query";
import { sqlSchema } from "../../api/questions";
import type { SqlSchema } from "../../api/types";
import { Icon } from "../../design/Icon";
import { bytes, group } from "../../design/number";
import { Failed, Loading } from "../../design/states";
import { type Translate, useT } from "../../i18n";
import { duration } from "../../time/format";
import { COOKBOOK } from "./cookbook";

interface Props {
  /** Takes a statement in the place of the present one. */
  onStatement: (sql: string) => void;
  /** Writes a name where the cursor is. */
  onName: (name: string) => void;
}

export function Start({ onStatement, onName }: Props) {
  const t = useT();
  const schema = useQuery({ ...sqlSchema(), staleTime: 600_000 });
  return (
    <div className="start row flush grow">
      <section className="col vr" aria-label={t("sql.cookbook")}>
        <div className="bar">
          <h2>{t("sql.cookbook")}</h2>
        </div>
        <div className="scroll grow menu" tabIndex={0} role="group" aria-label={t("sql.cookbook")}>
          {COOKBOOK.map(({ title, view, sql }) => (
            <button key={title} type="button" className="it" onClick={() => onStatement(sql)} title={sql}>
              <Icon name="sql" />
              <span className="cut">{t(title)}</span>
              <span className="end mono">{view}</span>
            </button>
          ))}
        </div>
        <p className="small dim pad ht">{t("sql.firstHint")}</p>
      </section>
      <section className="col grow" aria-label={t("sql.views")}>
        <div className="bar">
          <h2>{t("sql.views")}</h2>
          <span className="dim small cut">{schema.data ? limitsText(schema.data.limits, t) : ""}</span>
        </div>
        {schema.isPending ? <Loading rows={6} /> : null}
        {schema.isError ? <Failed error={schema.error} what={t("sql.schema")} retry={() => void schema.refetch()} /> : null}
        <div className="scroll grow" tabIndex={0} role="group" aria-label={t("sql.views")}>
          {schema.data?.views.map((view) => (
            <div key={view.name} className="view">
              <button type="button" className="btn bare sm link mono" onClick={() => onName(view.name)}>
                {view.name}
              </button>
              <span className="small sub">{view.comment}</span>
              <span className="row tight wrap names">
                {view.columns.map((column) => (
                  <button
                    key={column.name}
                    type="button"
                    className="chip mono"
                    onClick={() => onName(column.name)}
                    title={[column.type, column.comment].filter(Boolean).join(" · ")}
                  >
                    {column.name}
                  </button>
                ))}
              </span>
            </div>
          ))}
        </div>
      </section>
    </div>
  );
}

/** What a statement may take. */
export function limitsText({ seconds, rows, memory_bytes }: SqlSchema["limits"], t: Translate): string {
  return t("sql.limits", { time: duration(seconds * 1000, t), rows: group(rows), memory: bytes(memory_bytes) });
}
