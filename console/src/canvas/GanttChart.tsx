/** The Gantt of a run. A click or the arrows move the shown moment. */
import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import { modified } from "../shell/keys";
import { type Beat, Canvas, type Draw } from "./Canvas";
import { drawGantt, type GanttPicture, LABEL, RIGHT, ROW, TOP } from "./drawGantt";

interface Props {
  picture: () => GanttPicture;
  rows: number;
  name: string;
  beat?: Beat;
  axis: readonly [number, number];
  onSeek?: (moment: number) => void;
}

export function GanttChart({ picture, rows, name, beat, axis, onSeek }: Props) {
  const at = useRef(picture);
  at.current = picture;
  const draw: Draw = (c, w, h) => drawGantt(c, w, h, at.current());
  const seek = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = event.clientX - box.left;
    if (x < LABEL) return;
    onSeek?.(axis[0] + ((x - LABEL) / (box.width - LABEL - RIGHT)) * (axis[1] - axis[0]));
  };
  const keys = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0 || !onSeek || event.shiftKey || modified(event)) return;
    event.preventDefault();
    onSeek(at.current().at + (step * (axis[1] - axis[0])) / 200);
  };
  const acts = onSeek
    ? {
        tabIndex: 0,
        onKeyDown: keys,
        onPointerDown: (event: PointerEvent<HTMLCanvasElement>) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          seek(event);
        },
        onPointerMove: (event: PointerEvent<HTMLCanvasElement>) => {
          if (event.buttons === 1) seek(event);
        },
      }
    : {};
  return (
    <div className="ganttbox" style={{ height: TOP + rows * ROW + 6 }}>
      <Canvas draw={draw} name={name} {...(beat ? { beat } : {})} {...acts} />
    </div>
  );
}
