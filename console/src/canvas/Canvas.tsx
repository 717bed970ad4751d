/** A canvas that is sharp on every screen and drawn anew when its size, its theme or its drawing changes, or at every beat. */
import { type CanvasHTMLAttributes, useEffect, useRef } from "react";
import { usePrefs } from "../shell/prefs";
import type { Ctx } from "./paint";

export type Draw = (c: Ctx, width: number, height: number) => void;
/** Tells whenever there is a new picture; what moves with each frame goes by React no more than needed. */
export type Beat = (listener: () => void) => () => void;

interface Props extends CanvasHTMLAttributes<HTMLCanvasElement> {
  draw: Draw;
  name?: string;
  beat?: Beat;
}

export function Canvas({ draw, name, beat, ...rest }: Props) {
  const ref = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  const prefs = usePrefs();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new drawing or theme is the reason to draw
  useEffect(() => {
    if (ref.current) paint(ref.current, draw);
  }, [draw, prefs]);
  useEffect(() => {
    const canvas = ref.current;
    if (!canvas) return;
    const again = () => paint(canvas, latest.current);
    // It tells at once of the size that has just been drawn: that is no reason.
    const observer = new ResizeObserver(() => {
      const { wide, tall } = wanted(canvas);
      if (canvas.width !== wide || canvas.height !== tall) again();
    });
    observer.observe(canvas);
    const stop = beat?.(again);
    return () => {
      observer.disconnect();
      stop?.();
    };
  }, [beat]);
  const named = name === undefined ? { "aria-hidden": true as const } : { role: "img", "aria-label": name };
  return <canvas ref={ref} {...named} {...rest} />;
}

/** The surface that is sharp where the canvas stands. */
function wanted(canvas: HTMLCanvasElement) {
  const box = canvas.getBoundingClientRect();
  const density = window.devicePixelRatio || 1;
  const [wide, tall] = [Math.max(1, Math.round(box.width * density)), Math.max(1, Math.round(box.height * density))];
  return { box, density, wide, tall };
}

function paint(canvas: HTMLCanvasElement, draw: Draw): void {
  const { box, density, wide, tall } = wanted(canvas);
  const c = canvas.getContext("2d");
  // Setting a size makes a new surface: only where it is another one.
  if (canvas.width !== wide || canvas.height !== tall) {
    canvas.width = wide;
    canvas.height = tall;
  }
  if (!c || box.width < 2) return;
  c.setTransform(density, 0, 0, density, 0, 0);
  c.clearRect(0, 0, box.width, box.height);
  const style = getComputedStyle(document.documentElement);
  c.font = `${style.getPropertyValue("--fs-micro")} ${style.getPropertyValue("--font-ui")}`;
  c.textBaseline = "middle";
  c.textAlign = "start";
  c.lineWidth = 1;
  c.globalAlpha = 1;
  draw(c, box.width, box.height);
}
