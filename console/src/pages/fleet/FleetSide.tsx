/** Beside the grid: what changed most in the whole scope, and the coverage of the log cluster by cluster. */
import { Link } from "@tanstack/react-router";
import { useCallback } from "react";
import { explain } from "../../api/questions";
import type { Change, ClusterCompleteness, Completeness } from "../../api/types";
import { type Held, useHeld } from "../../api/useHeld";
import { Canvas, type Draw } from "../../canvas/Canvas";
import { coverageStrip } from "../../canvas/paint";
import { Glyph } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Fit, Id } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { timesText } from "../../design/times";
import { type Key, useT } from "../../i18n";
import { withValue } from "../../query/edit";
import { common, type View } from "../../shell/view";
import { isWhole, stripStretches } from "../../time/coverage";
import { hm, monthDay } from "../../time/format";
import { comparable, level } from "./cell";
import { FleetWork } from "./FleetWork";
import type { Baseline } from "./signals";

const GLYPHS = ["info", "warn", "error", "crit"] as const;

interface Props {
  view: View;
  cover: Held<Completeness>;
  baseline: Baseline;
  /** What is seen first has come. */
  ask: boolean;
}

export function FleetSide({ view, cover, baseline, ask }: Props) {
  const t = useT();
  const asked = {
    ...view.scope,
    q: "type:Warning",
    top: 8,
    fields: ["reason", "pattern", "node", "cluster", "namespace"],
    baseline: baseline === "before" ? undefined : baseline,
  };
  const changes = useHeld({ ...explain(asked, view.anchor), enabled: ask });
  return (
    <aside className="side col" aria-label={t("fleet.side")}>
      <section className="col grow hb">
        <div className="hd">
          <h2>{t("fleet.changes")}</h2>
          <Link to="/events" search={{ ...common(view.search), q: "type:Warning", panel: "explain" } as never}>
            {t("fleet.explainAll")}
          </Link>
        </div>
        <div className="scroll grow" tabIndex={0} role="group" aria-label={t("fleet.changes")}>
          <StaleNote since={changes.asOf} />
          {changes.isPending ? <Loading rows={6} /> : null}
          {changes.isError ? <Failed error={changes.error} what={t("fleet.changes")} retry={() => void changes.refetch()} /> : null}
          {changes.data && changes.data.changes.length === 0 ? <Empty title={t("explain.none")} /> : null}
          {changes.data?.changes.map((change) => (
            <One
              key={change.field + change.value}
              change={change}
              view={view}
              known={comparable(changes.data)}
              complete={isWhole(changes.data.coverage, changes.data.range)}
              whole={isWhole(changes.data.baseline_coverage, changes.data.baseline)}
            />
          ))}
        </div>
      </section>
      <FleetWork view={view} ask={ask} />
      <section className="cover">
        <div className="hd">
          <h2>{t("nav.coverage")}</h2>
          <Link to="/coverage" search={common(view.search) as never}>
            {t("fleet.allClusters")}
          </Link>
        </div>
        {cover.data?.items.slice(0, 6).map((item) => (
          <Strip key={item.cluster_uid} item={item} range={[Date.parse(cover.data.range.from), Date.parse(cover.data.range.to)]} />
        ))}
        {cover.data ? (
          <div className="row small dim axis" aria-hidden="true">
            {[0, 0.5, 1].map((share) => {
              const ms = view.bounds[0] + share * (view.bounds[1] - view.bounds[0]);
              return (
                <span key={share}>{view.bounds[1] - view.bounds[0] > 2 * 86_400_000 ? monthDay(ms, view.zone) : hm(ms, view.zone)}</span>
              );
            })}
          </div>
        ) : null}
        <p className="small dim">{t("fleet.gapHint")}</p>
      </section>
    </aside>
  );
}

interface OneProps {
  change: Change;
  view: View;
  /** Whether enough is known of the time before to compare with it; whether all is known of the range, and of the time before. */
  known: boolean;
  complete: boolean;
  whole: boolean;
}

function One({ change, view, known, complete, whole }: OneProps) {
  const t = useT();
  const text = change.label ?? change.value;
  const glyph = GLYPHS[known && change.states >= change.states_before ? level(change.states, change.states_before, change.score) : 0];
  return (
    <Link
      className="inc"
      to="/events"
      search={{ ...common(view.search), q: withValue("type:Warning", change.field, text), panel: "explain" } as never}
    >
      <Glyph name={glyph} />
      <Fit className="medium" text={text === "" ? t("facet.none") : text} />
      <span className="small nowrap">
        {!known ? (
          ""
        ) : change.new ? (
          <span className="badge warn">{t("pat.new")}</span>
        ) : (
          timesText(change.states, change.states_before, t("explain.gone"))
        )}
      </span>
      <span className="dim small two">
        {t(`facet.${change.field}` as Key)} · {known ? `${atLeast(group(change.states_before), whole)} → ` : ""}
        {atLeast(group(change.states), complete)}
      </span>
    </Link>
  );
}

function Strip({ item, range }: { item: ClusterCompleteness; range: readonly [number, number] }) {
  const t = useT();
  const [from, to] = range;
  const draw: Draw = useCallback(
    (c, w) => coverageStrip(c, 0, 2, w, 8, [from, to], stripStretches(item.strip ?? "", [from, to])),
    [item.strip, from, to],
  );
  return (
    <div className="cov">
      <Id text={item.cluster} most={14} />
      <Canvas draw={draw} name={t("cov.stripName", { cluster: item.cluster, percent: item.percent })} />
      <span className={item.percent === "100" ? "num dim" : "num warn medium"}>{item.percent} %</span>
    </div>
  );
}
