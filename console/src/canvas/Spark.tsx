/** Small steps of numbers beside a figure, one for each bin. They say nothing that stands nowhere else. */
import { useCallback } from "react";
import { Canvas, type Draw } from "./Canvas";
import { hatch, palette } from "./paint";

/** Null is "not known", and is hatched, also where nothing else is there. */
export function Spark({ values, color = "accent", className }: { values: readonly (number | null)[]; color?: string; className?: string }) {
  const draw: Draw = useCallback(
    (c, w, h) => {
      const ink = palette();
      const known = values.filter((value): value is number => value !== null);
      const most = Math.max(...known, 1);
      const x = (n: number) => (n / values.length) * w;
      const y = (value: number) => h - 1.5 - (value / most) * (h - 4);
      const area = new Path2D();
      const top = new Path2D();
      let open = false;
      values.forEach((value, n) => {
        if (value === null) {
          hatch(c, x(n), 0, w / values.length, h, ink("hatch"), 4);
          open = false;
          return;
        }
        if (open) top.lineTo(x(n), y(value));
        else top.moveTo(x(n), y(value));
        top.lineTo(x(n + 1), y(value));
        open = true;
        area.rect(x(n), y(value), w / values.length, h - y(value));
      });
      c.fillStyle = ink(color);
      c.globalAlpha = 0.14;
      c.fill(area);
      c.globalAlpha = 1;
      c.strokeStyle = ink(color);
      c.lineWidth = 1.25;
      c.lineJoin = "round";
      c.stroke(top);
    },
    [values, color],
  );
  return <Canvas draw={draw} {...(className ? { className } : {})} />;
}
