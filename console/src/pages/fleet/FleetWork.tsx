/** Beside the grid: what people and tasks are doing to the fleet now. What stands still comes before what runs. */
import { Link } from "@tanstack/react-router";
import { operationList } from "../../api/operations";
import type { OperationItem } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Glyph } from "../../design/Icon";
import { Foreign, Id } from "../../design/parts";
import { Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { HostBar, HostNumbers } from "../../operation/Phase";
import { asPhase, PHASE_LOOK, share } from "../../operation/states";
import { common, type View } from "../../shell/view";
import { duration } from "../../time/format";

const MOST = 4;

export function FleetWork({ view, ask }: { view: View; ask: boolean }) {
  const t = useT();
  const asked = { cluster: view.clusters, phase: "active", sort: "phase", limit: MOST };
  const list = useHeld({ ...operationList(asked, view.anchor), enabled: ask });
  return (
    <section className="work hb">
      <div className="hd">
        <h2>{t("nav.operations")}</h2>
        <Link to="/operations" search={{ ...common(view.search), phase: "active" } as never}>
          {t("fleet.allWork", { n: list.data?.total?.value ?? "…" })}
        </Link>
      </div>
      <div className={list.isPlaceholderData ? "stale" : undefined}>
        <StaleNote since={list.asOf} />
        {list.isPending ? <Loading rows={2} /> : null}
        {list.isError ? <Failed error={list.error} what={t("nav.operations")} retry={() => void list.refetch()} /> : null}
        {list.data?.items.length === 0 ? <p className="small dim">{t("fleet.noWork")}</p> : null}
        {list.data?.items.map((item) => (
          <One key={item.id} item={item} view={view} />
        ))}
      </div>
    </section>
  );
}

function One({ item, view }: { item: OperationItem; view: View }) {
  const t = useT();
  const phase = asPhase(item.phase);
  const hosts = share(item.hosts, item.steps);
  const length = duration(Math.max(0, view.anchor - Date.parse(item.since)), t);
  return (
    <Link className="inc" to="/operations/$id" params={{ id: item.id }} search={common(view.search) as never}>
      <Glyph name={PHASE_LOOK[phase].glyph} label={t(`phase.${phase}`)} />
      <Id text={item.name} most={30} />
      <span className="small num">
        <HostNumbers share={hosts} />
      </span>
      <span className="small two row">
        <span className="mono dim">
          <Foreign text={item.cluster} mid={20} />
        </span>
        <span className={phase === "Held" ? "end held nowrap" : "end dim cut"}>
          {phase === "Held" ? t("run.held", { length }) : (item.present?.step ?? t(`phase.${phase}`))}
        </span>
      </span>
      <span className="two">
        <HostBar share={hosts} />
      </span>
    </Link>
  );
}
