/** Hosts × steps on canvas: the pointer names a cell, a click or Enter opens it, arrows move. */
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { modified } from "../shell/keys";
import { type Beat, Canvas, type Draw } from "./Canvas";
import { cellAt, drawMatrix, geometry, HEAD, type MatrixCursor, type MatrixShape, rowHeight } from "./drawMatrix";

interface Props {
  shape: MatrixShape;
  bytes: () => Uint8Array;
  beat: Beat;
  cursor: MatrixCursor | null;
  name: string;
  tell: (cell: MatrixCursor) => ReactNode;
  onOpen: (cell: MatrixCursor) => void;
}

export function MatrixChart({ shape, bytes, beat, cursor, name, tell, onOpen }: Props) {
  const [over, setOver] = useState<{ cell: MatrixCursor; x: number; y: number } | null>(null);
  const [at, setAt] = useState<MatrixCursor | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const shown = at ?? cursor;
  const scroller = useRef<HTMLDivElement>(null);
  const step = shown?.step;
  // What the keys or the address choose is in sight.
  useEffect(() => {
    const pane = scroller.current;
    if (!pane || step === undefined) return;
    const tall = rowHeight(shape.steps.length);
    const top = HEAD + step * tall;
    pane.scrollTop = Math.min(top - HEAD, Math.max(pane.scrollTop, top + tall - pane.clientHeight));
  }, [step, shape.steps.length]);
  const draw: Draw = (c, w) => drawMatrix(c, w, shape, bytes(), shown);
  const find = (event: PointerEvent<HTMLCanvasElement>) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const cell = cellAt(shape, bounds.width, x, y);
    return cell ? { cell, x, y } : null;
  };
  const keys = (event: KeyboardEvent) => {
    if (modified(event)) return;
    const moves: Record<string, [number, number]> = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    const move = moves[event.key];
    if (move && !event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      const from = shown ?? { step: 0, host: -move[1] };
      const cell = {
        step: Math.min(shape.steps.length - 1, Math.max(0, from.step + move[0])),
        host: Math.min(shape.hosts - 1, Math.max(0, from.host + move[1])),
      };
      setAt(cell);
      const width = box.current?.clientWidth ?? 0;
      const place = geometry(shape, width);
      setOver({ cell, x: place.x(cell.host), y: place.y(cell.step) + place.row });
    } else if (event.key === "Enter" && at) {
      event.preventDefault();
      onOpen(at);
    }
  };
  return (
    <div className="matrixbox scroll" ref={scroller}>
      <div className="rel" ref={box} style={{ height: HEAD + shape.steps.length * rowHeight(shape.steps.length) + 6 }}>
        <Canvas
          draw={draw}
          beat={beat}
          name={name}
          tabIndex={0}
          onKeyDown={keys}
          onBlur={() => {
            setAt(null);
            setOver(null);
          }}
          onPointerMove={(event) => setOver(find(event))}
          onPointerLeave={() => setOver(null)}
          onPointerDown={(event) => {
            const found = find(event);
            if (found) onOpen(found.cell);
          }}
        />
        {over ? (
          <div
            className="tip"
            style={{ left: Math.max(4, Math.min(over.x - 60, (box.current?.clientWidth ?? 0) - 280)), top: over.y + 14 }}
          >
            {tell(over.cell)}
          </div>
        ) : null}
      </div>
    </div>
  );
}
