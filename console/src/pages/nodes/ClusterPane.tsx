/** When a cluster may be touched, who holds what of it, and what was done to it lately. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { operationList } from "../../api/operations";
import type { CalendarAnswer, ClusterCalendar } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Fit, Foreign, Id } from "../../design/parts";
import { Failed, Loading, oldSince, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { HostBar, HostNumbers, PhaseBadge } from "../../operation/Phase";
import { share } from "../../operation/states";
import { langOf, usePrefs } from "../../shell/prefs";
import { common, useView } from "../../shell/view";
import { clockIn, duration, full, weekday } from "../../time/format";

const RECENT = 12;
const NODE_TYPES = ["Cordon", "Uncordon", "Drain", "Reboot", "ScaleUp", "ScaleDown", "NodeJoin", "NodeRemove"];

export function ClusterPane({ cluster, locks }: { cluster: ClusterCalendar; locks: CalendarAnswer["locks"] }) {
  const t = useT();
  const { zone, search } = useView();
  const lang = langOf(usePrefs());
  const link = (id: string) => ({ to: "/operations/$id" as const, params: { id }, search: common(search) as never });
  return (
    <section aria-label={cluster.cluster}>
      <div className="bar">
        <h2 className="mono cut">
          <Fit text={cluster.cluster} />
        </h2>
        <span className="end small row tight">
          <Glyph name={cluster.open ? "ok" : "held"} />
          {t(cluster.open ? "nodes.open" : "nodes.closed")}
        </span>
      </div>
      <div className="pad">
        <h3>{t("nodes.calendar")}</h3>
        {cluster.windows.length === 0 ? <p className="small dim">{t("nodes.noWindows")}</p> : null}
        {cluster.windows.map((one) => {
          const time = clockIn(one.start_minute, one.time_zone, one.utc_offset_minutes);
          return (
            <p key={`${time}/${one.days.join()}`} className="small">
              {t("nodes.window", {
                days: one.days.length === 0 ? t("nodes.everyDay") : one.days.map((day) => weekday(day, lang)).join(", "),
                time,
                length: duration(one.minutes * 60_000, t),
              })}
            </p>
          );
        })}
        {cluster.freezes.map((one) => (
          <p key={one.from} className="small held">
            {t("nodes.freeze", { time: full(Date.parse(one.until), zone), why: one.why })}
          </p>
        ))}
        {cluster.opens ? <p className="small">{t("nodes.opens", { time: full(Date.parse(cluster.opens), zone) })}</p> : null}
        {cluster.approve_above_hosts === null || cluster.approve_above_hosts === undefined ? null : (
          <p className="small">{t("nodes.approveAbove", { n: cluster.approve_above_hosts })}</p>
        )}
        <h3>{t("nodes.held")}</h3>
        {locks.length === 0 ? <p className="small dim">{t("nodes.noLocks")}</p> : null}
        {locks.map((item) => (
          <p key={`${item.operation}/${item.lock.since}`} className="small">
            <Link {...link(item.operation)}>
              <Id text={item.name} most={36} />
            </Link>{" "}
            {item.lock.scope === "cluster" ? cluster.cluster : t("nodes.pool", { n: group(item.lock.count) })} ·{" "}
            {t("nodes.until", { time: full(Date.parse(item.lock.until), zone) })}{" "}
            {item.lock.why === item.name ? null : <Foreign className="dim" text={item.lock.why} most={120} />}
          </p>
        ))}
        <h3>
          <Link to="/operations" search={{ ...common(search), c: cluster.cluster } as never}>
            {t("nodes.recent")}
          </Link>
        </h3>
        <Recent cluster={cluster.cluster} />
      </div>
    </section>
  );
}

function Recent({ cluster }: { cluster: string }) {
  const t = useT();
  const { search } = useView();
  const list = useQuery({
    ...operationList({ cluster: [cluster], type: NODE_TYPES, limit: RECENT }, 0),
    refetchInterval: 3000,
  });
  if (list.isPending) return <Loading rows={4} />;
  if (!list.data) return <Failed error={list.error} what={t("nav.operations")} retry={() => void list.refetch()} />;
  if (list.data.items.length === 0) return <p className="small dim">{t("ops.noneYet")}</p>;
  return (
    <>
      <StaleNote since={oldSince(list)} />
      {list.data.items.map((item) => (
        <div key={item.id} className="recent">
          <div className="row">
            <PhaseBadge phase={item.phase} />
            <Link to="/operations/$id" params={{ id: item.id }} search={common(search) as never} className="cut">
              <Id text={item.name} most={32} />
            </Link>
            <span className="end small num">
              <HostNumbers share={share(item.hosts, item.steps)} />
            </span>
          </div>
          <HostBar share={share(item.hosts, item.steps)} />
        </div>
      ))}
    </>
  );
}
