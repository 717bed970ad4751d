/** Statements that are saved on the server, for all. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "../../api/questions";
import { Icon } from "../../design/Icon";
import { Fit, Foreign } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { isSql } from "../../query/saved";
import { common, useView } from "../../shell/view";

export function SavedList() {
  const t = useT();
  const { search } = useView();
  const list = useQuery(queries());
  const items = list.data?.items.filter(isSql) ?? [];
  return (
    <section className="saved ht col" aria-label={t("sql.saved")}>
      <div className="bar">
        <h2>{t("sql.saved")}</h2>
        <span className="dim small">{items.length}</span>
      </div>
      {list.isPending ? <Loading rows={2} /> : null}
      {list.isError ? <Failed error={list.error} what={t("sql.saved")} retry={() => void list.refetch()} /> : null}
      {items.length > 0 ? (
        <div className="scroll menu" tabIndex={0} role="group" aria-label={t("sql.saved")}>
          {items.map((item) => (
            <Link
              key={item.name}
              to="/sql/$saved"
              params={{ saved: item.name }}
              search={common(search) as never}
              className="it"
              activeProps={{ className: "on" }}
              activeOptions={{ includeSearch: false }}
              title={visible(item.description || item.sql, 600)}
            >
              <Icon name="star" />
              <Fit text={item.name} />
              <Foreign className="end cut" text={item.subject} most={60} />
            </Link>
          ))}
        </div>
      ) : null}
    </section>
  );
}
