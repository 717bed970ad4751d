/** A canvas that is sharp on every screen and drawn anew when its size, its theme or its drawing changes. */
import { type CanvasHTMLAttributes, useEffect, useRef } from "react";
import { usePrefs } from "../shell/prefs";
import type { Ctx } from "./paint";

export type Draw = (c: Ctx, width: number, height: number) => void;

interface Props extends CanvasHTMLAttributes<HTMLCanvasElement> {
  draw: Draw;
  name?: string;
}

export function Canvas({ draw, name, ...rest }: Props) {
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
    const observer = new ResizeObserver(() => paint(canvas, latest.current));
    observer.observe(canvas);
    return () => observer.disconnect();
  }, []);
  const named = name === undefined ? { "aria-hidden": true as const } : { role: "img", "aria-label": name };
  return <canvas ref={ref} {...named} {...rest} />;
}

function paint(canvas: HTMLCanvasElement, draw: Draw): void {
  const box = canvas.getBoundingClientRect();
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(box.width * density));
  canvas.height = Math.max(1, Math.round(box.height * density));
  const c = canvas.getContext("2d");
  if (!c || box.width < 2) return;
  c.setTransform(density, 0, 0, density, 0, 0);
  const style = getComputedStyle(document.documentElement);
  c.font = `${style.getPropertyValue("--fs-micro")} ${style.getPropertyValue("--font-ui")}`;
  c.textBaseline = "middle";
  c.lineWidth = 1;
  draw(c, box.width, box.height);
}
