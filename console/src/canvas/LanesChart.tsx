/** Lanes on one time axis, with two cursors: T2 follows the pointer's click and the arrows, T1 the arrows with ⌥. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import type { Lanes } from "../api/types";
import { atLeast, group } from "../design/number";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { stretches } from "../time/coverage";
import { full, hms } from "../time/format";
import { Canvas, type Draw } from "./Canvas";
import { drawLanes } from "./drawLanes";
import { AXIS, type Box, boxes, LANE, markTimes, neighbourTime, PAD } from "./lanes";
import { SpanLinks, shortName } from "./RunLinks";
import { type RunSpan, tallOf } from "./runs";
import { useWidth } from "./useWidth";

interface Props {
  data: Lanes;
  /** Whether all of the range is known: else figures are lower bounds. */
  complete: boolean;
  /** What was done: each on its row of the lane on top; null where that is hidden. */
  runs: readonly RunSpan[] | null;
  zone: string;
  t1: number | null;
  t2: number;
  onT1: (t: number) => void;
  onT2: (t: number) => void;
  onZoom: (from: number, to: number) => void;
  name: string;
}

const spanWords = ({ run }: RunSpan) => `${shortName(run)} · ${run.type}`;

const NONE: readonly RunSpan[] = [];

export function LanesChart({ data, complete, runs: done, zone, t1, t2, onT1, onT2, onZoom, name }: Props) {
  const t = useT();
  const range = useMemo(() => [Date.parse(data.range.from), Date.parse(data.range.to)] as const, [data]);
  const all = useMemo(() => boxes(data), [data]);
  const strip = useMemo(() => stretches(data.coverage), [data]);
  const [over, setOver] = useState<{ box: Box; x: number; y: number } | null>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const [picked, setPicked] = useState(0);
  const [focused, setFocused] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  const width = useWidth(ref);
  const runs = done ?? NONE;
  const top = done ? tallOf(done) : 0;
  // The lane that keys act upon; above the first one is that of operations.
  const inLanes = (n: number) => Math.min(data.lanes.length - 1, Math.max(done ? -1 : 0, n));
  const chosen = inLanes(picked);
  const shown = focused ? chosen : null;
  const draw: Draw = useCallback(
    (c, w, h) => {
      const lanes = { data, boxes: all, range, stretches: strip, runs, runWords: spanWords, top };
      drawLanes(c, w, h, { ...lanes, chosen: shown, zone, t1, t2, brush });
    },
    [data, all, range, strip, runs, top, shown, zone, t1, t2, brush],
  );
  const place = (event: PointerEvent<HTMLCanvasElement>) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const x = event.clientX - bounds.left;
    const y = event.clientY - bounds.top;
    const at = range[0] + Math.min(1, Math.max(0, x / (bounds.width - PAD))) * (range[1] - range[0]);
    return { x, y, at, slack: (4 / bounds.width) * (range[1] - range[0]) };
  };
  const hover = (event: PointerEvent<HTMLCanvasElement>) => {
    const { x, y, at, slack } = place(event);
    if (brush && event.buttons === 1) setBrush([brush[0], at]);
    const n = Math.floor((y - top) / LANE);
    const hit = all
      .filter((box) => box.lane === n && at >= box.from - slack && at <= box.to + slack)
      .sort((a, b) => a.to - a.from - (b.to - b.from))[0];
    setOver(hit ? { box: hit, x, y } : null);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey) return;
    const step = (range[1] - range[0]) / 200;
    const arrow = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (arrow !== 0) {
      event.preventDefault();
      event.stopPropagation();
      const clamp = (value: number) => Math.min(range[1], Math.max(range[0], value));
      if (event.altKey) onT1(clamp((t1 ?? t2) + arrow * step));
      else onT2(clamp(t2 + arrow * step));
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setPicked(inLanes(chosen + (event.key === "ArrowDown" ? 1 : -1)));
    } else if (!event.altKey && (event.key === "n" || event.key === "p")) {
      event.preventDefault();
      event.stopPropagation();
      const times = chosen < 0 ? runs.flatMap(({ from, to }) => [from, to]) : markTimes(all, chosen);
      const next = neighbourTime(times, t2, event.key === "n" ? 1 : -1);
      if (next !== null) onT2(next);
    }
  };
  return (
    <div className="rel lanecanvas" ref={ref} style={{ height: top + data.lanes.length * LANE + AXIS }}>
      <Canvas
        draw={draw}
        name={name}
        tabIndex={0}
        onKeyDown={keys}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onPointerMove={hover}
        onPointerLeave={() => setOver(null)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const { at } = place(event);
          setBrush([at, at]);
        }}
        onPointerUp={(event) => {
          const { at, y } = place(event);
          setPicked(inLanes(Math.floor((y - top) / LANE)));
          const begin = brush?.[0] ?? at;
          setBrush(null);
          if (Math.abs(at - begin) > (range[1] - range[0]) / 100) onZoom(Math.min(begin, at), Math.max(begin, at));
          else if (event.altKey) onT1(at);
          else onT2(at);
        }}
      />
      <div className="runs">
        {width > 0 ? <SpanLinks spans={runs} moment={t2} x={(at) => ((at - range[0]) / (range[1] - range[0])) * (width - PAD)} /> : null}
      </div>
      <span className="vh" aria-live="polite">
        {focused ? (chosen < 0 ? t("nav.operations") : visible(data.lanes[chosen]?.reason ?? t("lanes.others"), 60)) : ""}
      </span>
      {over ? (
        <div className="tip" style={{ left: Math.max(4, over.x - 90), top: over.y + 18 }}>
          <b className="medium">{visible(data.lanes[over.box.lane]?.reason ?? t("lanes.others"), 60)}</b> ×{" "}
          {atLeast(group(over.box.mark.occurrences), complete)}
          <br />
          <span className="dim">
            {full(over.box.from, zone)}
            {over.box.to > over.box.from ? ` – ${hms(over.box.to, zone)}` : ""} ·{" "}
            {t("lanes.states", { n: atLeast(group(over.box.mark.states), complete) })}
          </span>
        </div>
      ) : null}
    </div>
  );
}
