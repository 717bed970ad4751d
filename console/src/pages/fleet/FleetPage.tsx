/** The fleet: what is wrong anywhere, what changed most, and whether these numbers can be trusted. */
import "./fleet.css";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { costOf } from "../../api/client";
import { runsOver } from "../../api/operations";
import { patterns, space } from "../../api/questions";
import type { Bin } from "../../api/types";
import { oldest, useHeld } from "../../api/useHeld";
import { HistogramChart } from "../../canvas/HistogramChart";
import { knownCount } from "../../canvas/histogram";
import { Spark } from "../../canvas/Spark";
import { Glyph } from "../../design/Icon";
import { atLeast, rateText, short, signed } from "../../design/number";
import { Segment } from "../../design/parts";
import { Empty, Failed, Loading, Partial, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { fleetCopies } from "../../shell/copies";
import { common, refresh, useView } from "../../shell/view";
import { isWhole, missing } from "../../time/coverage";
import { day, duration } from "../../time/format";
import { absolute, isRelative } from "../../time/range";
import { fleetFirst } from "../first";
import { comparable, warnings as warningsOf } from "./cell";
import { FleetSide } from "./FleetSide";
import { Grid } from "./Grid";
import { BASELINE_WORDS, baselines, SIGNALS, signalParams } from "./signals";

const REFRESH_MS = 30_000;

export function Page() {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const length = view.bounds[1] - view.bounds[0];
  const { allowed, baseline } = baselines(length, view.search.baseline);
  const first = fleetFirst(view);
  const sort = view.search.sort === "name" ? "name" : "worst";
  const list = useHeld(first.list);
  const cover = useHeld(first.cover);
  const signals = useHeld(first.signals);
  const bins = useHeld(first.bins);
  // What is beside the grid waits for it: a server has few cores.
  const seen = signals.isFetched;
  const folds = useHeld({ ...patterns({ ...view.scope, top: 1 }, view.anchor), enabled: seen });
  const disk = useHeld({ ...space(), enabled: seen });
  const runs = useHeld({ ...runsOver(view.scope, view.anchor), enabled: seen });
  // New numbers come by themselves while the range reaches until now and somebody looks.
  useEffect(() => {
    if (!isRelative(view.range)) return;
    const timer = setInterval(() => (document.visibilityState === "visible" ? refresh() : undefined), REFRESH_MS);
    return () => clearInterval(timer);
  }, [view.range]);
  const again = () => {
    for (const one of [list, cover, signals, bins, runs]) if (one.isError || one.asOf !== null) void one.refetch();
  };
  const lost = missing(bins.data?.coverage, view.bounds[1]);
  const whole = lost.length === 0;
  useChrome({
    title: t("nav.fleet"),
    copies: fleetCopies(view, signalParams(view.scope, baseline)),
    cost: costOf(signals.data),
    costText: t("fleet.cost", { n: SIGNALS.length }),
  });
  const total = useMemo(() => (bins.data?.bins ?? []).map((bin) => knownCount(bin, bin.states)), [bins.data]);
  const warned = useMemo(() => (bins.data?.bins ?? []).map((bin) => knownCount(bin, warningsIn(bin))), [bins.data]);
  const warnings = bins.data ? warningsIn(bins.data) : 0;
  const minutes = (view.bounds[1] - view.bounds[0]) / 60_000;
  const all = signals.data;
  const risen = all && comparable(all) ? warningsOf(all) : null;
  const lag = Math.max(...(cover.data?.items ?? []).flatMap((item) => (item.lag ? [item.lag.p99_seconds] : [])), -1);
  const full = disk.data?.growth?.full_at;
  const brush = (from: number, to: number) =>
    void navigate({ to: "/events", search: { ...common(view.search), ...absolute(from, to), sev: "Warning" } as never });
  const figures: { name: string; value: string; under: string; spark?: (number | null)[]; color?: string }[] = [
    {
      name: t("fleet.events", { length: duration(length, t) }),
      value: bins.data ? atLeast(short(bins.data.states), whole) : waits(bins),
      under: bins.data ? t("fleet.occurrences", { n: atLeast(short(bins.data.occurrences), whole) }) : "",
      spark: total,
    },
    {
      name: t("fleet.warnings"),
      value: bins.data ? atLeast(rateText(warnings / minutes), whole) : waits(bins),
      under: risen && risen.before > 0 ? signed(risen.now / risen.before - 1) : "",
      spark: warned,
      color: "sev-warn",
    },
    {
      name: t("fleet.clusters"),
      value: list.data ? String(list.data.items.length) : waits(list),
      under: cover.data ? t("fleet.whole", { n: cover.data.items.filter((item) => item.percent === "100").length }) : "",
    },
    {
      name: t("fleet.templates"),
      value: folds.data ? atLeast(short(folds.data.different), isWhole(folds.data.coverage, folds.data.range)) : waits(folds),
      under: t("fleet.templatesUnder"),
    },
    {
      name: t("fleet.coverage"),
      value: cover.data ? `${lowest(cover.data.items.map((item) => item.percent))} %` : waits(cover),
      under: t("fleet.worst"),
    },
    { name: t("nav.lag"), value: lag < 0 ? "–" : `${lag.toFixed(1)} s`, under: "p99" },
    {
      name: t("fleet.disk"),
      value: full ? day(Date.parse(full), view.zone) : "–",
      under: disk.data?.growth ? t("fleet.perDay", { n: short(disk.data.growth.rows_per_day) }) : "",
    },
  ];
  return (
    <div className="fleet col grow">
      <div className="ribbon">
        {figures.map((figure) => (
          <div key={figure.name} className={figure.spark ? "with" : undefined}>
            <span className="lab">{figure.name}</span>
            <b>
              {figure.value}
              <small>{figure.under}</small>
            </b>
            {figure.spark && figure.spark.length > 1 ? <Spark values={figure.spark} color={figure.color ?? "accent"} /> : null}
          </div>
        ))}
      </div>
      <StaleNote
        since={oldest(list, cover, signals, bins, runs)}
        error={list.isError ? null : (cover.error ?? signals.error ?? bins.error ?? runs.error)}
        what={t(cover.isError ? "nav.coverage" : signals.isError ? "fleet.grid" : bins.isError ? "fleet.over" : "nav.operations")}
        retry={again}
      />
      <Partial parts={lost} />
      <div className="row flush grow">
        <section className="col grow vr" aria-label={t("fleet.grid")}>
          <div className="bar plain">
            <h2>{t("fleet.grid")}</h2>
            <span className="dim small cut">{t(`fleet.against.${baseline}`)}</span>
            <span className="row end small dim legend">
              <span className="row tight">
                <Glyph name="warn" />
                {t("fleet.watch")}
              </span>
              <span className="row tight">
                <Glyph name="error" />
                {t("fleet.bad")}
              </span>
              <span className="row tight">
                <Glyph name="crit" />
                {t("fleet.page")}
              </span>
              <span className="row tight">
                <span className="hatch swatch" />
                {t("fleet.noData")}
              </span>
            </span>
            <Segment
              small
              label={t("fleet.baseline")}
              value={baseline}
              onChange={(next) => view.set({ baseline: next === "before" ? "" : next })}
              choices={allowed.map((one) => ({ value: one, label: t(BASELINE_WORDS[one]) }))}
            />
            <Segment
              small
              label={t("fleet.sort")}
              value={sort}
              onChange={(next) => view.set({ sort: next === "name" ? "name" : "" })}
              choices={[
                { value: "worst", label: t("fleet.worstFirst") },
                { value: "name", label: t("fleet.byName") },
              ]}
            />
          </div>
          {list.isPending ? <Loading rows={12} /> : null}
          {list.isError ? <Failed error={list.error} what={t("nav.clusters")} retry={() => void list.refetch()} /> : null}
          {list.data?.items.length === 0 ? (
            <Empty title={t("fleet.none")}>
              <p>{t("fleet.noneHint")}</p>
              <code>beidou up --kubeconfig ~/.kube/config</code>
              <code>beidou import --cluster NAME dump.json</code>
            </Empty>
          ) : null}
          {list.data && list.data.items.length > 0 ? (
            <Grid list={list.data} cover={cover} signals={signals} sort={sort} view={view} />
          ) : null}
          {all && !comparable(all) ? <p className="small dim nobase">{t("fleet.noBaseline")}</p> : null}
          {bins.data && list.data && list.data.items.length > 0 ? (
            <div className="over">
              <div className="bar plain">
                <h2>{t("fleet.over")}</h2>
                <span className="dim small">{t("fleet.overHint")}</span>
              </div>
              <HistogramChart
                data={bins.data}
                runs={runs.data}
                zone={view.zone}
                scale="linear"
                table={false}
                onBrush={brush}
                onBack={() => undefined}
              />
            </div>
          ) : null}
        </section>
        <FleetSide view={view} cover={cover} baseline={baseline} ask={seen} />
      </div>
    </div>
  );
}

const warningsIn = ({ by_type }: Pick<Bin, "by_type">): number => by_type.find((one) => one.type === "Warning")?.states ?? 0;

/** A number that has not come is on its way, or could not be asked for. */
const waits = (query: { isError: boolean }): string => (query.isError ? "–" : "…");

/** Per cent come as text, cut off and not rounded; the lowest keeps its digits. */
function lowest(percents: readonly string[]): string {
  return percents.reduce((a, b) => (Number(b) < Number(a) ? b : a), percents[0] ?? "–");
}
