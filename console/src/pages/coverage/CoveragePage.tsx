/** Coverage: for every cluster how much of the range is known, why not, and how late Events come. */
import "./coverage.css";
import { useCallback } from "react";
import { costOf, get } from "../../api/client";
import type { ClusterCompleteness, CoverageInterval, Page as ListPage, Reject } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Canvas, type Draw } from "../../canvas/Canvas";
import { coverageStrip } from "../../canvas/paint";
import { Glyph, Icon } from "../../design/Icon";
import { Foreign, Id, Tabs } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { coverageCopies } from "../../shell/copies";
import { useView, type View } from "../../shell/view";
import { isCut, stripStretches } from "../../time/coverage";
import { duration, full, span } from "../../time/format";
import { ticks } from "../../time/ticks";
import { coverageFirst } from "../first";
import { Intervals, Rejects } from "./Tables";

export function Page() {
  const t = useT();
  const view = useView();
  const params = { ...view.scope, bins: 480 };
  const answer = useHeld(coverageFirst(view).cover);
  const row = view.search.row ?? answer.data?.items[0]?.cluster_uid;
  const chosen = answer.data?.items.find((item) => item.cluster_uid === row);
  useChrome({
    title: t("nav.coverage"),
    copies: coverageCopies(view, params),
    cost: costOf(answer.data),
  });
  if (answer.isPending) return <Loading rows={10} />;
  if (answer.isError) return <Failed error={answer.error} what={t("nav.coverage")} retry={() => void answer.refetch()} />;
  if (answer.data.items.length === 0) {
    return (
      <Empty title={t("fleet.none")}>
        <p>
          {answer.data.imported_only.length > 0
            ? t("cov.importedOnly", { names: answer.data.imported_only.join(", ") })
            : t("fleet.noneHint")}
        </p>
        <code>beidou up --kubeconfig ~/.kube/config</code>
      </Empty>
    );
  }
  const range = [Date.parse(answer.data.range.from), Date.parse(answer.data.range.to)] as const;
  return (
    <div className="coverage col grow">
      <section className={answer.isPlaceholderData ? "scroll upper stale" : "scroll upper"} tabIndex={0} aria-label={t("cov.byCluster")}>
        <StaleNote since={answer.asOf} />
        <table className="tbl">
          <colgroup>
            <col style={{ width: 150 }} />
            <col style={{ width: 84 }} />
            <col />
            <col style={{ width: 92 }} />
            <col style={{ width: 92 }} />
            <col style={{ width: 92 }} />
            <col style={{ width: 76 }} />
            <col style={{ width: 76 }} />
          </colgroup>
          <thead>
            <tr>
              <th scope="col">{t("col.cluster")}</th>
              <th scope="col" className="num">
                {t("cov.complete")}
              </th>
              <th scope="col">{span(range[0], range[1], view.zone, view.anchor, t("time.today"))}</th>
              <th scope="col" className="num">
                {t("cov.gap")}
              </th>
              <th scope="col" className="num">
                {t("cov.degraded")}
              </th>
              <th scope="col" className="num">
                {t("cov.unknown")}
              </th>
              <th scope="col" className="num" title={t("nav.lagHint")}>
                {t("cov.lag50")}
              </th>
              <th scope="col" className="num" title={t("nav.lagHint")}>
                {t("cov.lag99")}
              </th>
            </tr>
          </thead>
          <tbody>
            {answer.data.items.map((item) => (
              <Line
                key={item.cluster_uid}
                item={item}
                range={range}
                chosen={item.cluster_uid === row}
                onPick={() => view.set({ row: item.cluster_uid }, { replace: true })}
              />
            ))}
            <tr className="axisrow">
              <td colSpan={2} />
              <td>
                <Axis range={range} zone={view.zone} />
              </td>
              <td colSpan={5} />
            </tr>
          </tbody>
        </table>
        <p className="small dim key">
          <span className="full" /> {t("cov.complete")} <span className="late" /> {t("cov.degradedLong")}{" "}
          <span className="hatch swatch bad" /> {t("cov.gapLong")} <span className="hatch swatch" /> {t("cov.unknownLong")}
        </p>
        {answer.data.items.some(isCut) ? <p className="small held key">{t("cov.tooMany")}</p> : null}
      </section>
      {chosen ? <Detail key={chosen.cluster_uid} item={chosen} view={view} /> : null}
    </div>
  );
}

function Line({
  item,
  range,
  chosen,
  onPick,
}: {
  item: ClusterCompleteness;
  range: readonly [number, number];
  chosen: boolean;
  onPick: () => void;
}) {
  const t = useT();
  const [from, to] = range;
  const draw: Draw = useCallback(
    (c, w, h) => coverageStrip(c, 0, h / 2 - 5, w, 10, [from, to], stripStretches(item.strip ?? "", [from, to])),
    [item.strip, from, to],
  );
  const length = (seconds: number, kind: string) =>
    seconds > 0 ? <span className={`${kind} medium`}>{duration(seconds * 1000, t)}</span> : <span className="dim">0</span>;
  return (
    <tr className={chosen ? "sel" : undefined}>
      <td>
        <button type="button" className="lk" aria-pressed={chosen} onClick={onPick}>
          <Id text={item.cluster} most={20} />
        </button>
      </td>
      <td className="num">
        {item.percent === "100" ? <Glyph name="ok" /> : <Glyph name={item.gap_seconds > 0 ? "error" : "warn"} />} {item.percent} %
      </td>
      <td>
        <Canvas draw={draw} name={t("cov.stripName", { cluster: item.cluster, percent: item.percent })} />
      </td>
      <td className="num">{length(item.gap_seconds, "error")}</td>
      <td className="num">{length(item.degraded_seconds, "held")}</td>
      <td className="num">{length(item.unknown_seconds, "sub")}</td>
      <td className="num">{item.lag ? `${item.lag.p50_seconds.toFixed(1)} s` : "–"}</td>
      <td className="num">{item.lag ? `${item.lag.p99_seconds.toFixed(1)} s` : "–"}</td>
    </tr>
  );
}

function Axis({ range, zone }: { range: readonly [number, number]; zone: string }) {
  const [from, to] = range;
  const draw: Draw = useCallback(
    (c, w, h) => {
      c.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink-3");
      c.textAlign = "center";
      for (const tick of ticks(from, to, w / 90, zone)) {
        const x = ((tick.at - from) / (to - from)) * w;
        if (x > 16 && x < w - 16) c.fillText(tick.label, x, h / 2);
      }
    },
    [from, to, zone],
  );
  return <Canvas draw={draw} />;
}

type Tab = "parts" | "sessions" | "rejects";

function Detail({ item, view }: { item: ClusterCompleteness; view: View }) {
  const t = useT();
  const tab = (["parts", "sessions", "rejects"] as const).find((one) => one === view.search.tab) ?? "parts";
  const params = { from: view.range.from, to: view.range.to, cluster: item.cluster_uid };
  const intervals = useHeld({
    queryKey: ["coverage", params, tab, view.anchor],
    queryFn: ({ signal }) =>
      get<ListPage<CoverageInterval>>(
        "/api/v1/coverage",
        { ...params, limit: 500, state: tab === "parts" ? ["degraded", "gap"] : [] },
        signal,
      ),
    enabled: tab !== "rejects",
  });
  const rejects = useHeld({
    queryKey: ["rejects", params, view.anchor],
    queryFn: ({ signal }) => get<ListPage<Reject>>("/api/v1/rejects", { ...params, limit: 200 }, signal),
    enabled: tab === "rejects",
  });
  const shown = tab === "rejects" ? rejects : intervals;
  return (
    <section className="col grow ht" aria-label={item.cluster}>
      <div className="bar soft">
        <Icon name="clusters" />
        <h2 className="mono">
          <Foreign text={item.cluster} />
        </h2>
        <span className="dim small">{t("cov.settled", { time: full(Date.parse(item.settled_until), view.zone) })}</span>
        <span className="end">
          <Tabs<Tab>
            id="cov"
            label={item.cluster}
            value={tab}
            onChange={(next) => view.set({ tab: next === "parts" ? "" : next }, { replace: true })}
            tabs={[
              { value: "parts", label: t("cov.parts") },
              { value: "sessions", label: t("cov.sessions") },
              { value: "rejects", label: t("cov.rejects") },
            ]}
          />
        </span>
      </div>
      <div className="scroll grow" role="tabpanel" id="cov-panel" aria-labelledby={`cov-${tab}`} tabIndex={0}>
        <StaleNote since={shown.asOf} />
        {shown.isPending ? <Loading rows={5} /> : null}
        {shown.isError ? <Failed error={shown.error} what={t("nav.coverage")} retry={() => void shown.refetch()} /> : null}
        {tab !== "rejects" && intervals.data ? (
          <Intervals items={intervals.data.items} zone={view.zone} more={Boolean(intervals.data.next)} />
        ) : null}
        {tab === "rejects" && rejects.data ? <Rejects items={rejects.data.items} zone={view.zone} /> : null}
      </div>
    </section>
  );
}
