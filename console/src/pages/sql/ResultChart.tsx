/** The answer as a chart: over time as lines or bars, else a bar for each row. What cannot be drawn says why. */
import { useMemo, useState } from "react";
import type { SqlAnswer } from "../../api/types";
import { RowsChart, TimeChart } from "../../canvas/SeriesChart";
import { type Series, slotEnd } from "../../canvas/series";
import { group } from "../../design/number";
import { Foreign, Segment } from "../../design/parts";
import { Empty } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { useView } from "../../shell/view";
import { stretches } from "../../time/coverage";
import { full } from "../../time/format";
import { rowsOf } from "./cells";
import { overLost, peakOf, unasked } from "./lost";
import { axisOf, type Plot, plotOf } from "./plot";

/** `bound`: the statement has the ends of the range in it, so that the axis is the range. */
export function ResultChart({ data, bound }: { data: SqlAnswer; bound: boolean }) {
  const t = useT();
  const drawing = useMemo(() => plotOf(data.columns, rowsOf(data)), [data]);
  if ("plot" in drawing) return <Chart data={data} plot={drawing.plot} bound={bound} />;
  return (
    <Empty title={t("sql.undrawn")}>
      <p>{t(drawing.why, { column: visible(drawing.column, 120) })}</p>
    </Empty>
  );
}

function Chart({ data, plot, bound }: { data: SqlAnswer; plot: Plot; bound: boolean }) {
  const t = useT();
  const { search, set, zone } = useView();
  const [off, setOff] = useState<readonly string[]>([]);
  const range = useMemo(() => axisOf(plot, bound ? data.range : null), [plot, bound, data]);
  const called = useMemo(() => {
    const word = (name: string) => (name === "" ? t("facet.none") : visible(name, 120));
    return overLost(plot, data, range).map((one) => ({ ...one, name: word(one.name) }));
  }, [plot, data, range, t]);
  const shown = useMemo(() => called.filter(({ id }) => !off.includes(id)), [called, off]);
  const form = search.view === "bar" ? "bar" : "line";
  const strip = useMemo(() => [...unasked(range, data.range), ...stretches(data.coverage)], [range, data]);
  const what = t("sql.by", { what: visible(plot.measures.join(", "), 120), axis: visible(plot.axis, 120) });
  const { times } = plot;
  const peak = peakOf(shown, (place) => (times ? slotEnd(times, times.indexOf(place), plot.step) : place + 1));
  const name = t("sql.chartName", {
    what,
    n: plot.times ? plot.times.length : plot.names.length,
    most: peak?.most ?? "–",
    where: peak ? (plot.times ? full(peak.place, zone) : visible(plot.names[peak.place] ?? "", 60)) : "–",
  });
  const rest = [
    ...(plot.restSeries > 0 ? [t("sql.restSeries", { n: group(plot.restSeries) })] : []),
    ...(plot.restRows > 0 ? [t("sql.restRows", { n: group(plot.restRows) })] : []),
  ];
  return (
    <>
      <div className="bar plothead">
        <h3 className="cut">{what}</h3>
        {rest.length > 0 ? <span className="badge warn">{rest.join(" · ")}</span> : null}
        {called.length > 1 ? <Legend series={called} off={off} onOff={setOff} /> : null}
        {plot.times ? (
          <span className="end">
            <Segment
              small
              label={t("sql.form")}
              value={form}
              choices={[
                { value: "line", label: t("sql.lines") },
                { value: "bar", label: t("sql.bars") },
              ]}
              onChange={(one) => set({ view: one === "bar" ? one : "" }, { replace: true })}
            />
          </span>
        ) : null}
      </div>
      {plot.times ? (
        <TimeChart name={name} series={shown} times={plot.times} step={plot.step} range={range} stretches={strip} zone={zone} form={form} />
      ) : (
        <RowsChart name={name} names={plot.names} series={shown} />
      )}
    </>
  );
}

interface LegendProps {
  series: readonly Series[];
  off: readonly string[];
  onOff: (off: readonly string[]) => void;
}

/** What is drawn; one click takes a series out, and the scale follows. */
function Legend({ series, off, onOff }: LegendProps) {
  const t = useT();
  return (
    <fieldset className="row tight plotlegend" aria-label={t("sql.series")}>
      {series.map(({ id, name, color }) => (
        <button
          key={id}
          type="button"
          className="chip"
          aria-pressed={!off.includes(id)}
          onClick={() => onOff(off.includes(id) ? off.filter((one) => one !== id) : [...off, id])}
        >
          <i className={`dot ${color}`} aria-hidden="true" />
          <Foreign text={name} mid={28} />
        </button>
      ))}
    </fieldset>
  );
}
