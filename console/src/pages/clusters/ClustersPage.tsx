/** Clusters: all that were ever watched or imported, with what is stored of the range. */
import "../coverage/coverage.css";
import { Link } from "@tanstack/react-router";
import { costOf } from "../../api/client";
import { facets } from "../../api/questions";
import type { Cluster, ClusterCompleteness } from "../../api/types";
import { oldest, useHeld } from "../../api/useHeld";
import { Close } from "../../design/Close";
import { Glyph, Icon } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Fit, Id } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { copy } from "../../design/toast";
import { useT } from "../../i18n";
import { written } from "../../query/edit";
import { useChrome } from "../../shell/chrome";
import { clustersCopies } from "../../shell/copies";
import { common, useView, type View } from "../../shell/view";
import { isWhole } from "../../time/coverage";
import { duration, full } from "../../time/format";
import { clustersFirst } from "../first";

type Sort = "cluster" | "states" | "occurrences" | "last" | "percent";

export function Page() {
  const t = useT();
  const view = useView();
  const first = clustersFirst(view);
  const list = useHeld(first.list);
  const cover = useHeld(first.cover);
  const sort = (["cluster", "states", "occurrences", "last", "percent"] as const).find((one) => one === view.search.sort) ?? "cluster";
  const chosen = list.data?.items.find((item) => item.cluster_uid === view.search.row);
  useChrome({
    title: t("nav.clusters"),
    copies: clustersCopies(view, view.scope),
    cost: costOf(list.data),
  });
  if (list.isPending) return <Loading rows={10} />;
  if (list.isError) return <Failed error={list.error} what={t("nav.clusters")} retry={() => void list.refetch()} />;
  if (list.data.items.length === 0) {
    return (
      <Empty title={t("fleet.none")}>
        <p>{t("fleet.noneHint")}</p>
        <code>beidou up --kubeconfig ~/.kube/config</code>
      </Empty>
    );
  }
  const known = (uid: string) => cover.data?.items.find((item) => item.cluster_uid === uid);
  const value = (item: Cluster) =>
    ({
      cluster: 0,
      states: item.states,
      occurrences: item.occurrences,
      last: item.last_time ? Date.parse(item.last_time) : 0,
      percent: -Number(known(item.cluster_uid)?.percent ?? 0),
    })[sort];
  const rows = [...list.data.items].sort((a, b) => value(b) - value(a) || a.cluster.localeCompare(b.cluster));
  const head = (name: Sort, label: string, number = true) => (
    <th
      scope="col"
      className={number ? "num" : undefined}
      aria-sort={sort === name ? (name === "cluster" ? "ascending" : "descending") : "none"}
    >
      <button type="button" className="th" onClick={() => view.set({ sort: name === "cluster" ? "" : name }, { replace: true })}>
        {label}
        {sort === name ? " ↓" : ""}
      </button>
    </th>
  );
  return (
    <div className="clusters row flush grow">
      <section className={list.isPlaceholderData ? "scroll grow stale" : "scroll grow"} tabIndex={0} aria-label={t("nav.clusters")}>
        <StaleNote since={oldest(list, cover)} error={cover.error} what={t("nav.coverage")} retry={() => void cover.refetch()} />
        <table className="tbl">
          <colgroup>
            <col />
            <col style={{ width: 130 }} />
            <col style={{ width: 110 }} />
            <col style={{ width: 110 }} />
            <col style={{ width: 162 }} />
            <col style={{ width: 90 }} />
            <col style={{ width: 190 }} />
          </colgroup>
          <thead>
            <tr>
              {head("cluster", t("col.cluster"), false)}
              {head("percent", t("cov.complete"))}
              {head("states", t("col.states"))}
              {head("occurrences", t("col.occurrences"))}
              {head("last", t("clusters.last"))}
              <th scope="col" className="num">
                {t("nav.lag")}
              </th>
              <th scope="col">{t("clusters.uid")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((item) => {
              const own = known(item.cluster_uid);
              const whole = own?.percent === "100";
              return (
                <tr key={item.cluster_uid} className={item.cluster_uid === chosen?.cluster_uid ? "sel" : undefined}>
                  <td>
                    <button
                      type="button"
                      className="lk"
                      aria-pressed={item === chosen}
                      onClick={() => view.set({ row: item === chosen ? "" : item.cluster_uid }, { replace: true })}
                    >
                      <Id text={item.cluster} most={26} />
                    </button>
                  </td>
                  <td className="num">
                    <Glyph name={own ? (whole ? "ok" : own.gap_seconds > 0 ? "error" : "warn") : "unknown"} />{" "}
                    {own ? `${own.percent} %` : cover.data ? t("cov.neverWatched") : cover.isError ? "–" : "…"}
                  </td>
                  <td className="num">{atLeast(group(item.states), whole)}</td>
                  <td className="num">{atLeast(group(item.occurrences), whole)}</td>
                  <td className="num mono">
                    {item.last_time ? full(Date.parse(item.last_time), view.zone) : <span className="dim">{t("clusters.silent")}</span>}
                  </td>
                  <td className="num">{own?.lag ? `${own.lag.p99_seconds.toFixed(1)} s` : "–"}</td>
                  <td className="cut dim">
                    <Id text={item.cluster_uid} most={24} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      {chosen ? <Detail item={chosen} cover={known(chosen.cluster_uid)} view={view} /> : null}
    </div>
  );
}

function Detail({ item, cover, view }: { item: Cluster; cover: ClusterCompleteness | undefined; view: View }) {
  const t = useT();
  const top = useHeld(
    facets(
      { from: view.range.from, to: view.range.to, cluster: item.cluster_uid, type: "Warning", fields: ["reason", "node"], top: 10 },
      view.anchor,
    ),
  );
  const search = { ...common(view.search), c: item.cluster };
  return (
    <aside className="panel vl col" aria-label={item.cluster}>
      <div className="bar">
        <Icon name="clusters" />
        <h2 className="mono cut">
          <Fit text={item.cluster} />
        </h2>
        <Close onClose={() => view.set({ row: "" }, { replace: true })} atEnd />
      </div>
      <div className="row hb pad">
        <Link className="chip" to="/events" search={search as never}>
          <Icon name="events" />
          {t("nav.events")}
        </Link>
        <Link className="chip" to="/coverage" search={{ ...common(view.search), row: item.cluster_uid } as never}>
          <Icon name="coverage" />
          {t("nav.coverage")}
        </Link>
        <button type="button" className="chip" onClick={() => void copy(item.cluster_uid, t("copy.done", { form: "uid" }))}>
          <Icon name="copy" />
          uid
        </button>
      </div>
      <div className="scroll grow pad" tabIndex={0} role="group" aria-label={t("clusters.detail")}>
        <dl className="dl">
          <dt>uid</dt>
          <dd className="mono">{item.cluster_uid}</dd>
          <dt>{t("clusters.names")}</dt>
          <dd className="mono">{item.names.join(", ")}</dd>
          <dt>{t("clusters.epoch")}</dt>
          <dd>{item.epoch ?? "–"}</dd>
          {cover?.longest ? (
            <>
              <dt>{t("clusters.longest")}</dt>
              <dd>{duration(Date.parse(cover.longest.to) - Date.parse(cover.longest.from), t)}</dd>
            </>
          ) : null}
        </dl>
        <StaleNote since={top.asOf} />
        {top.isPending ? <Loading rows={6} /> : null}
        {top.isError ? <Failed error={top.error} what={t("events.facets")} retry={() => void top.refetch()} /> : null}
        {top.data?.facets.map((facet) => (
          <div key={facet.field} className="toplist">
            <h3>{t(facet.field === "node" ? "clusters.topNodes" : "clusters.topReasons")}</h3>
            {facet.values
              .filter((value) => value.value !== "")
              .map((value) => (
                <Link
                  key={value.value}
                  className="it"
                  to="/events"
                  search={{ ...search, q: `${facet.field}:${written(value.value)}`, sev: "Warning" } as never}
                >
                  <Fit className="mono" text={value.value} />
                  <span className="end num">{atLeast(group(value.states), isWhole(top.data.coverage, top.data.range))}</span>
                </Link>
              ))}
          </div>
        ))}
      </div>
    </aside>
  );
}
