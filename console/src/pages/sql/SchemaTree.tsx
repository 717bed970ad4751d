/** Views and their columns, functions and limits: what may be asked. A click writes the name. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { sqlSchema } from "../../api/questions";
import { Icon } from "../../design/Icon";
import { Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { limitsText } from "./Start";

export function SchemaTree({ onPick }: { onPick: (word: string) => void }) {
  const t = useT();
  const schema = useQuery({ ...sqlSchema(), staleTime: 600_000 });
  const [open, setOpen] = useState<string[]>(["events"]);
  const toggle = (name: string) => setOpen(open.includes(name) ? open.filter((one) => one !== name) : [...open, name]);
  return (
    <section className="col grow" aria-label={t("sql.schema")}>
      <div className="bar">
        <h2>{t("sql.schema")}</h2>
        <span className="dim small">{t("sql.readOnly")}</span>
      </div>
      {schema.isPending ? <Loading rows={10} /> : null}
      {schema.isError ? <Failed error={schema.error} what={t("sql.schema")} retry={() => void schema.refetch()} /> : null}
      <div className="scroll grow tree" tabIndex={0} role="group" aria-label={t("sql.schema")}>
        {schema.data?.views.map((item) => (
          <div key={item.name}>
            <button
              type="button"
              className="it"
              aria-expanded={open.includes(item.name)}
              onClick={() => toggle(item.name)}
              title={item.comment}
            >
              <Icon name={open.includes(item.name) ? "down" : "right"} />
              <span className="mono">{item.name}</span>
              <span className="end">{t("sql.columns", { n: item.columns.length })}</span>
            </button>
            {open.includes(item.name)
              ? item.columns.map((column) => (
                  <button
                    key={column.name}
                    type="button"
                    className="it column"
                    onClick={() => onPick(column.name)}
                    title={column.comment ?? ""}
                  >
                    <span className="mono cut">{column.name}</span>
                    <span className="end mono">
                      {column.type.replace(/LowCardinality\((.*)\)/, "$1").replace(/DateTime64.*/, "DateTime64")}
                    </span>
                  </button>
                ))
              : null}
          </div>
        ))}
        {schema.data?.functions.map((family) => (
          <div key={family.family}>
            <button type="button" className="it" aria-expanded={open.includes(family.family)} onClick={() => toggle(family.family)}>
              <Icon name={open.includes(family.family) ? "down" : "right"} />
              <span className="dim">{family.family}</span>
              <span className="end">{family.functions.length}</span>
            </button>
            {open.includes(family.family)
              ? family.functions.map((name) => (
                  <button key={name} type="button" className="it column" onClick={() => onPick(`${name}(`)}>
                    <span className="mono cut">{name}</span>
                  </button>
                ))
              : null}
          </div>
        ))}
      </div>
      {schema.data ? <p className="small dim pad ht">{limitsText(schema.data.limits, t)}</p> : null}
    </section>
  );
}
