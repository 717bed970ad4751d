/** The histogram under the hand: brush with the pointer or with keys, read with the cursor, or as a table. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useState } from "react";
import type { Histogram, OperationList } from "../api/types";
import { atLeast, group } from "../design/number";
import { useT } from "../i18n";
import { modified } from "../shell/keys";
import { coverageWord, missing, stretches } from "../time/coverage";
import { duration, full, hms } from "../time/format";
import { Canvas, type Draw } from "./Canvas";
import { drawHistogram } from "./drawHistogram";
import { HistogramTable } from "./HistogramTable";
import { binAt, type Scale, snapped, stacks, timeAt } from "./histogram";
import { MarkLinks, placeWords } from "./RunLinks";
import { runMarks } from "./runs";

interface Props {
  data: Histogram;
  /** What was done meanwhile; undefined while that is not known. */
  runs: OperationList | undefined;
  /** What lies before this moment was read from the archive. */
  tablesFrom?: string | undefined;
  zone: string;
  scale: Scale;
  table: boolean;
  onBrush: (from: number, to: number) => void;
  onBack: () => void;
}

export function HistogramChart({ data, runs, tablesFrom, zone, scale, table, onBrush, onBack }: Props) {
  const t = useT();
  const bins = useMemo(() => stacks(data.bins), [data]);
  const range = useMemo(() => [Date.parse(data.range.from), Date.parse(data.range.to)] as const, [data]);
  const strip = useMemo(() => stretches(data.coverage), [data]);
  const marks = useMemo(() => runMarks(runs?.items ?? [], range), [runs, range]);
  const lost = useMemo(() => missing(data.coverage, range[1]), [data, range]);
  const [cursor, setCursor] = useState<number | null>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const first = lost[0];
  const label = first ? `${first.cluster} ${t(coverageWord(first.state))} ${duration(first.to - first.from, t)}` : null;
  const word = t("set.archive");
  const shown = brush ? snapped(bins, brush[0], brush[1]) : null;
  const draw: Draw = useCallback(
    (c, w, h) => {
      const runs = { runs: marks, runWords: placeWords };
      const archive = tablesFrom ? { until: Date.parse(tablesFrom), word: `← ${word}` } : null;
      drawHistogram(c, w, h, { bins, range, stretches: strip, ...runs, label, archive, zone, scale, cursor, brush: shown });
    },
    [bins, range, strip, marks, label, tablesFrom, word, zone, scale, cursor, shown],
  );
  if (table) return <HistogramTable bins={bins} marks={marks} zone={zone} />;

  const at = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return timeAt(event.clientX - box.left, box.width, range);
  };
  const done = (ends: [number, number] | null) => {
    setBrush(null);
    if (ends) onBrush(Math.max(range[0], ends[0]), Math.min(range[1], ends[1]));
  };
  const keys = (event: KeyboardEvent) => {
    if (modified(event)) return;
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      event.stopPropagation();
      const now = cursor === null ? (step > 0 ? 0 : bins.length - 1) : Math.min(bins.length - 1, Math.max(0, binAt(bins, cursor) + step));
      const bin = bins[now];
      if (!bin) return;
      const middle = (bin.from + bin.to) / 2;
      setCursor(middle);
      setBrush(event.shiftKey ? [brush?.[0] ?? cursor ?? middle, middle] : null);
    } else if (event.key === "Enter" && (shown || cursor !== null)) {
      event.preventDefault();
      const bin = cursor === null ? undefined : bins[binAt(bins, cursor)];
      done(shown ?? (bin ? [bin.from, bin.to] : null));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (brush) setBrush(null);
      else onBack();
    }
  };
  const bin = cursor === null ? undefined : bins[binAt(bins, cursor)];
  const worst = bins.reduce((a, b) => (b.total > a.total ? b : a), bins[0] ?? { from: range[0], total: 0 });
  const name = t("hist.name", {
    from: full(range[0], zone),
    to: full(range[1], zone),
    total: atLeast(group(data.states), lost.length === 0),
    peak: hms(worst.from, zone),
    lost: lost.length,
  });
  return (
    <div className="hist rel">
      <Canvas
        draw={draw}
        name={name}
        tabIndex={0}
        onKeyDown={keys}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const t0 = at(event);
          setBrush([t0, t0]);
        }}
        onPointerMove={(event) => {
          const now = at(event);
          setCursor(now);
          if (brush && event.buttons === 1) setBrush([brush[0], now]);
        }}
        onPointerUp={(event) => {
          const moved = brush && Math.abs(brush[1] - brush[0]) > (range[1] - range[0]) / 200;
          done(moved ? snapped(bins, brush[0], at(event)) : null);
        }}
        onPointerLeave={() => setCursor(null)}
        onDoubleClick={onBack}
      />
      {runs ? <MarkLinks list={runs} range={range} /> : null}
      <div className="read small" aria-live="polite">
        {bin ? (
          <>
            <b className="medium">
              {full(bin.from, zone)} – {hms(bin.to, zone)}
            </b>{" "}
            · Warning {group(bin.counts.Warning)} · Normal {group(bin.counts.Normal)}
            {bin.counts.other > 0 ? ` · ${t("hist.other")} ${group(bin.counts.other)}` : ""}
            {bin.coverage === "complete" ? "" : ` · ${t("hist.atLeast")}`}
          </>
        ) : null}
      </div>
    </div>
  );
}
