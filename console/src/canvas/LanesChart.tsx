/** Lanes on one time axis, with two cursors: T2 follows the pointer's click and the arrows, T1 the arrows with ⌥. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import type { Lanes } from "../api/types";
import { group } from "../design/number";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { stretches } from "../time/coverage";
import { full, hms } from "../time/format";
import { ticks } from "../time/ticks";
import { Canvas, type Draw } from "./Canvas";
import { AXIS, type Box, boxes, densest, heightOf, LANE, NARROWEST, neighbourMark } from "./lanes";
import { type Ctx, coverageStrip, hatch, line, palette } from "./paint";

interface Props {
  data: Lanes;
  zone: string;
  t1: number | null;
  t2: number;
  onT1: (t: number) => void;
  onT2: (t: number) => void;
  onZoom: (from: number, to: number) => void;
  name: string;
}

const PAD = 14;

export function LanesChart({ data, zone, t1, t2, onT1, onT2, onZoom, name }: Props) {
  const t = useT();
  const range = useMemo(() => [Date.parse(data.range.from), Date.parse(data.range.to)] as const, [data]);
  const all = useMemo(() => boxes(data), [data]);
  const strip = useMemo(() => stretches(data.coverage), [data]);
  const [over, setOver] = useState<{ box: Box; x: number; y: number } | null>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const lane = useRef(0);
  const draw: Draw = useCallback(
    (c, w, h) => {
      const x = (at: number) => ((at - range[0]) / (range[1] - range[0])) * (w - PAD);
      const color = palette();
      for (const tick of ticks(range[0], range[1], w / 110, zone)) {
        c.fillStyle = color(tick.strong ? "line" : "line-soft");
        c.fillRect(Math.round(x(tick.at)), 0, 1, h - AXIS + 4);
        c.fillStyle = color("ink-3");
        c.textAlign = "center";
        if (x(tick.at) > 18 && x(tick.at) < w - 24) c.fillText(tick.label, x(tick.at), h - 10);
      }
      for (const part of strip)
        if (part.to > range[0])
          hatch(
            c,
            x(Math.max(part.from, range[0])),
            0,
            x(Math.min(part.to, range[1])) - x(Math.max(part.from, range[0])),
            h - AXIS,
            color("hatch"),
            7,
          );
      for (let n = 1; n <= data.lanes.length; n += 1) line(c, 0, n * LANE - 0.5, w, n * LANE - 0.5, color("line-soft"));
      drawMarks(c, data, all, x);
      coverageStrip(c, 0, h - AXIS + 4, w - PAD, 9, range, strip);
      if (brush) {
        c.fillStyle = color("brush");
        c.fillRect(x(Math.min(...brush)), 0, Math.abs(x(brush[1]) - x(brush[0])), h - AXIS);
      }
      if (t1 !== null) cursor(c, x(t1), h, "ink-3", `T1 ${hms(t1, zone)}`, true, w);
      cursor(c, x(t2), h, "accent", `T2 ${hms(t2, zone)}`, false, w);
    },
    [data, all, range, strip, zone, t1, t2, brush],
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
    const n = Math.floor(y / LANE);
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
      lane.current = Math.min(data.lanes.length - 1, Math.max(0, lane.current + (event.key === "ArrowDown" ? 1 : -1)));
    } else if (!event.altKey && (event.key === "n" || event.key === "p")) {
      event.preventDefault();
      event.stopPropagation();
      const next = neighbourMark(all, lane.current, t2, event.key === "n" ? 1 : -1);
      if (next !== null) onT2(next);
    }
  };
  return (
    <div className="rel lanecanvas" style={{ height: data.lanes.length * LANE + AXIS }}>
      <Canvas
        draw={draw}
        name={name}
        tabIndex={0}
        onKeyDown={keys}
        onPointerMove={hover}
        onPointerLeave={() => setOver(null)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const { at } = place(event);
          setBrush([at, at]);
        }}
        onPointerUp={(event) => {
          const { at } = place(event);
          const begin = brush?.[0] ?? at;
          setBrush(null);
          if (Math.abs(at - begin) > (range[1] - range[0]) / 100) onZoom(Math.min(begin, at), Math.max(begin, at));
          else if (event.altKey) onT1(at);
          else onT2(at);
        }}
      />
      {over ? (
        <div className="tip" style={{ left: Math.max(4, over.x - 90), top: over.y + 18 }}>
          <b className="medium">{visible(data.lanes[over.box.lane]?.reason ?? t("lanes.others"), 60)}</b> ×{" "}
          {group(over.box.mark.occurrences)}
          <br />
          <span className="dim">
            {full(over.box.from, zone)}
            {over.box.to > over.box.from ? ` – ${hms(over.box.to, zone)}` : ""} · {t("lanes.states", { n: group(over.box.mark.states) })}
          </span>
        </div>
      ) : null}
    </div>
  );
}

function drawMarks(c: Ctx, data: Lanes, all: readonly Box[], x: (t: number) => number): void {
  const color = palette();
  const most = data.lanes.map((_, n) => densest(data, n));
  for (const box of all) {
    const warning = data.lanes[box.lane]?.type === "Warning";
    const top = box.lane * LANE;
    const base = top + LANE - 6;
    const [a, b] = [x(box.from), x(box.to)];
    if (box.mark.shape === "span") {
      c.fillStyle = color(warning ? "sev-warn-soft" : "sev-info-soft");
      c.beginPath();
      c.roundRect(a, top + 5, Math.max(NARROWEST, b - a), LANE - 10, 3);
      c.fill();
      c.fillStyle = color(warning ? "sev-warn" : "sev-info");
      c.fillRect(a, top + 5, 2, LANE - 10);
      continue;
    }
    c.fillStyle = color(warning ? "sev-warn" : "sev-info");
    const tall = heightOf(box.mark.states, most[box.lane] ?? 1, LANE - 13);
    c.fillRect(a, base - tall, Math.max(NARROWEST, b - a), tall);
  }
}

function cursor(c: Ctx, x: number, h: number, ink: string, label: string, dashed: boolean, w: number): void {
  const color = palette();
  const at = Math.round(x) + 0.5;
  line(c, at, 0, at, h - 20, color(ink), dashed ? [3, 3] : []);
  const wide = c.measureText(label).width + 10;
  const left = Math.min(w - wide, Math.max(0, dashed ? at - wide : at));
  c.fillStyle = color(ink);
  c.beginPath();
  c.roundRect(left, h - 19, wide, 17, 3);
  c.fill();
  c.fillStyle = color("surface");
  c.textAlign = "center";
  c.fillText(label, left + wide / 2, h - 10);
}
