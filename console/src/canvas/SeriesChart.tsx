/** Series over time, or over rows, under the hand: the pointer or arrows choose a place, and its figures are read beside. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { modified } from "../shell/keys";
import { full } from "../time/format";
import { Canvas, type Draw } from "./Canvas";
import { drawRows, rowAt, tallOfRow, tallOfRows, topOfRow } from "./drawRows";
import { drawSeries, LEFT, rightOf, type SeriesPicture } from "./drawSeries";
import { nearest, type Series, said, slotEnd } from "./series";

const STEPS: Readonly<Record<string, -1 | 1>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

interface Chosen {
  place: number | null;
  byPointer: boolean;
}

const NONE: Chosen = { place: null, byPointer: false };
const chosen = (place: number | null, byKey: boolean): Chosen => ({ place, byPointer: place !== null && !byKey });

interface Hand {
  /** So many places there are. */
  count: number;
  cursor: number | null;
  onCursor: (place: number | null, byKey: boolean) => void;
  at: (x: number, y: number, width: number) => number | null;
  draw: Draw;
  name: string;
}

function Under({ count, cursor, onCursor, at, draw, name }: Hand) {
  const keys = (event: KeyboardEvent) => {
    if (modified(event) || event.shiftKey) return;
    const step = STEPS[event.key];
    const end = event.key === "Home" ? 0 : event.key === "End" ? count - 1 : null;
    if (step === undefined && end === null) {
      if (event.key === "Escape") onCursor(null, true);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const from = cursor ?? (step === 1 ? -1 : count);
    onCursor(end ?? Math.min(count - 1, Math.max(0, from + (step ?? 0))), true);
  };
  const move = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    onCursor(at(event.clientX - box.left, event.clientY - box.top, box.width), false);
  };
  return <Canvas draw={draw} name={name} tabIndex={0} onKeyDown={keys} onPointerMove={move} onPointerLeave={() => onCursor(null, false)} />;
}

interface ReadProps {
  place: string | undefined;
  series: readonly Series[];
  /** The slot that is read. */
  at: number | undefined;
  until: number;
  /** What the pointer passes is seen, and not read out. */
  silent: boolean;
}

function Read({ place, series, at, until, silent }: ReadProps) {
  return (
    <p className="read small" aria-live={silent ? "off" : "polite"}>
      {place === undefined || at === undefined ? null : (
        <>
          <b className="medium">{visible(place, 120)}</b>
          {series.map((one) => ` · ${visible(one.name, 60)} ${said(one, at, until)}`)}
        </>
      )}
    </p>
  );
}

export function TimeChart({ name, ...picture }: Omit<SeriesPicture, "cursor"> & { name: string }) {
  const { series, times, step, range, stretches, zone, form } = picture;
  const [{ place: cursor, byPointer }, setCursor] = useState(NONE);
  const choose = (place: number | null, byKey: boolean) => setCursor(chosen(place, byKey));
  const draw: Draw = useCallback(
    (c, w, h) => drawSeries(c, w, h, { series, times, step, range, stretches, zone, form, cursor }),
    [series, times, step, range, stretches, zone, form, cursor],
  );
  const at = (x: number, _: number, width: number) => {
    const share = (x - LEFT) / Math.max(1, rightOf(width, picture) - LEFT);
    return nearest(times, range[0] + share * (range[1] - range[0]));
  };
  const moment = cursor === null ? undefined : times[cursor];
  return (
    <div className="plotbox rel grow">
      <Under count={times.length} cursor={cursor} onCursor={choose} at={at} draw={draw} name={name} />
      <Read
        place={moment === undefined ? undefined : full(moment, zone)}
        series={series}
        at={moment}
        until={slotEnd(times, cursor ?? 0, step)}
        silent={byPointer}
      />
    </div>
  );
}

export function RowsChart({ name, names, series }: { name: string; names: readonly string[]; series: readonly Series[] }) {
  const t = useT();
  const [{ place: cursor, byPointer }, setCursor] = useState(NONE);
  const shown = useMemo(() => names.map((one) => (one === "" ? t("facet.none") : visible(one, 200))), [names, t]);
  const draw: Draw = useCallback((c, w, h) => drawRows(c, w, h, { names: shown, series, cursor }), [shown, series, cursor]);
  const at = (_: number, y: number) => rowAt(y, names.length, series.length);
  const scroller = useRef<HTMLDivElement>(null);
  const choose = (place: number | null, byKey: boolean) => {
    setCursor(chosen(place, byKey));
    const box = scroller.current;
    if (!box || !byKey || place === null) return;
    const [top, tall] = [topOfRow(place, series.length), tallOfRow(series.length)];
    box.scrollTop = Math.min(top, Math.max(box.scrollTop, top + tall - box.clientHeight));
  };
  return (
    <div className="plotbox rel grow col">
      <div className="scroll grow" ref={scroller}>
        <div style={{ height: tallOfRows(names.length, series.length) }}>
          <Under count={names.length} cursor={cursor} onCursor={choose} at={at} draw={draw} name={name} />
        </div>
      </div>
      <Read
        place={cursor === null ? undefined : shown[cursor]}
        series={series}
        at={cursor ?? undefined}
        until={(cursor ?? 0) + 1}
        silent={byPointer}
      />
    </div>
  );
}
