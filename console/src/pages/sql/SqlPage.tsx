/** SQL: the question that no screen foresaw, with the same honesty. The address may name a saved statement. */
import "./sql.css";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useRef } from "react";
import { queries } from "../../api/questions";
import type { QueryItem, QueryList } from "../../api/types";
import { Beside, SideButton, useSide } from "../../design/side";
import { Empty, Failed, Loading } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { isSql, opening, type SavedSql } from "../../query/saved";
import { useChrome } from "../../shell/chrome";
import { curl } from "../../shell/command";
import { common, useView } from "../../shell/view";
import { SavedList } from "./SavedList";
import { Statement } from "./Statement";

export function Page() {
  const { saved: name } = useParams({ strict: false }) as { saved?: string };
  // A link may be younger than the list that the tab knows.
  const list = useQuery({ ...queries(), refetchOnMount: "always" });
  const found = list.data?.items.find((item) => item.name === name);
  // What somebody deletes meanwhile stays open here.
  const known = useRef<SavedSql>(undefined);
  if (found && isSql(found)) known.current = found;
  const opened = known.current?.name === name ? known.current : undefined;
  if (name === undefined || opened) return <Statement key={name ?? ""} saved={opened} gone={opened !== found} />;
  return <Missing name={name} found={found} list={list} />;
}

/** Under this name is no statement, or not yet. */
function Missing({ name, found, list }: { name: string; found: QueryItem | undefined; list: UseQueryResult<QueryList> }) {
  const t = useT();
  const { search } = useView();
  const side = useSide(901);
  useChrome({ title: "SQL", copies: { cli: "beidou queries", api: curl("/api/v1/queries", {}) }, cost: null });
  const shown = visible(name, 63);
  const elsewhere = found ? opening(found, common(search)) : null;
  return (
    <div className="sqlpage row flush grow">
      <Beside side={side} title={t("sql.saved")}>
        <aside className="schema vr col" aria-label={t("sql.saved")}>
          <SavedList />
        </aside>
      </Beside>
      <section className="col grow">
        {side.isLayer ? (
          <div className="bar">
            <SideButton side={side} title={t("sql.saved")} icon="save" />
          </div>
        ) : null}
        {list.isFetching ? (
          <Loading rows={8} />
        ) : list.isError ? (
          <Failed error={list.error} what={t("sql.saved")} retry={() => void list.refetch()} />
        ) : elsewhere ? (
          <Empty title={t("sql.isLine", { name: shown })}>
            <Link to={elsewhere.to} params={elsewhere.params as never} search={elsewhere.search as never}>
              {t("nav.events")}
            </Link>
          </Empty>
        ) : (
          <Empty title={t("sql.unknown", { name: shown })}>
            <Link to="/sql" search={common(search) as never}>
              {t("sql.another")}
            </Link>
          </Empty>
        )}
      </section>
    </div>
  );
}
