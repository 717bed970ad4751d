/** Hosts × steps as a picture: one column for each host, one row for each step; the worst host of a pixel is what it shows. */
import { upTo } from "../design/order";
import { isBad, rank, STATE_COLOR, STATES } from "../operation/states";
import { type Ctx, palette } from "./paint";

export const LEFT = 92;
const PAD = 14;
export const HEAD = 18;
/** Below so many pixels for a host, hosts share pixels. */
const DENSE = 3;
const GAP = 8;

export interface Group {
  label: string;
  from: number;
  to: number;
}

export interface MatrixShape {
  steps: readonly string[];
  hosts: number;
  groups: readonly Group[];
}

export interface MatrixCursor {
  step: number;
  host: number;
}

export interface Geometry {
  row: number;
  cell: number;
  /** Left edge of each host. */
  x: (host: number) => number;
  y: (step: number) => number;
}

export function rowHeight(steps: number): number {
  return steps <= 6 ? 20 : steps <= 14 ? 13 : 9;
}

export function geometry(shape: MatrixShape, width: number): Geometry {
  const gaps = Math.max(0, shape.groups.length - 1);
  const gap = gaps * GAP > (width - LEFT) * 0.2 ? 1 : GAP;
  const cell = Math.min(22, (width - LEFT - PAD - gaps * gap) / Math.max(1, shape.hosts));
  const group = new Uint16Array(shape.hosts);
  shape.groups.forEach((one, n) => {
    group.fill(n, one.from, one.to);
  });
  const row = rowHeight(shape.steps.length);
  return { row, cell, x: (host) => LEFT + host * cell + (group[host] ?? 0) * gap, y: (step) => HEAD + step * row };
}

/** The cell at a place; null beside the matrix. */
export function cellAt(shape: MatrixShape, width: number, x: number, y: number): MatrixCursor | null {
  const at = geometry(shape, width);
  const step = Math.floor((y - HEAD) / at.row);
  if (step < 0 || step >= shape.steps.length || x < LEFT) return null;
  const host = Math.max(0, upTo(shape.hosts, at.x, x) - 1);
  return x <= at.x(host) + at.cell + 1 ? { step, host } : null;
}

export function drawMatrix(c: Ctx, w: number, shape: MatrixShape, bytes: Uint8Array, cursor: MatrixCursor | null): void {
  const color = palette();
  const at = geometry(shape, w);
  names(c, shape, at);
  if (at.cell < DENSE) dense(c, w, shape, bytes, at);
  else sparse(c, shape, bytes, at);
  if (!cursor) return;
  c.strokeStyle = color("focus");
  c.lineWidth = 1.5;
  c.strokeRect(at.x(cursor.host) - 1, at.y(cursor.step) - 0.5, Math.max(3, at.cell) + 1, at.row);
  c.lineWidth = 1;
}

function names(c: Ctx, shape: MatrixShape, at: Geometry): void {
  const color = palette();
  const every = Math.ceil(11 / at.row);
  c.textAlign = "right";
  c.fillStyle = color("ink-2");
  shape.steps.forEach((step, n) => {
    if (n % every === 0) c.fillText(step.length > 14 ? `${step.slice(0, 13)}…` : step, LEFT - 8, at.y(n) + at.row / 2);
  });
  c.textAlign = "left";
  c.fillStyle = color("ink-3");
  const wide = shape.groups.map((group) => c.measureText(group.label).width);
  labelsAt(shape.groups, at, wide).forEach((left, n) => {
    if (left !== null) c.fillText(shape.groups[n]?.label ?? "", left, 8);
  });
}

/** Where labels of groups begin: one that is wider than its group pushes the next one on, within its own. Null is left out. */
export function labelsAt(groups: readonly Group[], at: Geometry, wide: readonly number[]): (number | null)[] {
  let free = 0;
  return groups.map((group, n) => {
    const [begin, own] = [at.x(group.from), wide[n] ?? 0];
    const left = Math.max(begin, free);
    if (left > begin && left + own > at.x(group.to - 1) + at.cell) return null;
    free = left + own + 8;
    return left;
  });
}

function sparse(c: Ctx, shape: MatrixShape, bytes: Uint8Array, at: Geometry): void {
  const color = palette();
  const wide = Math.max(1.5, at.cell - (at.cell > 5 ? 1.5 : 0.75));
  const tall = at.row - 2;
  const signs = at.cell >= 12 && at.row >= 12;
  for (let step = 0; step < shape.steps.length; step += 1) {
    const y = at.y(step) + 1;
    for (let host = 0; host < shape.hosts; host += 1) {
      const byte = bytes[step * shape.hosts + host] ?? 0;
      const state = STATES[byte] ?? "unknown";
      const x = at.x(host);
      c.fillStyle = color(STATE_COLOR[state]);
      if (byte <= 1) c.fillRect(x, y + tall / 2 - 0.5, wide, byte === 0 ? 0.5 : 1.5);
      else if (byte === 6) c.fillRect(x, y + tall - 3, wide, 3);
      else if (byte === 7) {
        c.strokeStyle = color("st-unknown");
        c.setLineDash([2, 1.5]);
        c.strokeRect(x + 0.5, y + 0.5, wide - 1, tall - 1);
        c.setLineDash([]);
      } else {
        c.globalAlpha = byte === 3 ? 0.86 : 1;
        c.fillRect(x, y, wide, tall);
        c.globalAlpha = 1;
      }
      if (signs && byte > 1) sign(c, byte, x + wide / 2, y + tall / 2, byte === 7 ? color("ink-2") : color("surface"));
    }
  }
}

const SIGNS = ["", "", "◔", "✓", "×", "!", "–", "?", "⊘"];

function sign(c: Ctx, byte: number, x: number, y: number, ink: string): void {
  c.fillStyle = ink;
  c.textAlign = "center";
  c.fillText(SIGNS[byte] ?? "?", x, y + 0.5);
  c.textAlign = "left";
}

/** More hosts than pixels: each pixel is coloured once, by the worst of its hosts, in memory. */
function dense(c: Ctx, w: number, shape: MatrixShape, bytes: Uint8Array, at: Geometry): void {
  const density = c.getTransform().a || 1;
  const left = Math.round(LEFT * density);
  const width = Math.max(1, Math.round((w - LEFT - PAD) * density));
  const row = Math.max(2, Math.round(at.row * density));
  const height = row * shape.steps.length;
  const image = c.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const color = palette();
  const inks = STATES.map((state) => packed(c, color(STATE_COLOR[state])));
  const worst = new Uint8Array(width);
  const place = new Int32Array(shape.hosts);
  for (let host = 0; host < shape.hosts; host += 1) place[host] = Math.min(width - 1, Math.round((at.x(host) - LEFT) * density));
  const least = Math.max(1, Math.round(at.cell * density) - (at.cell * density >= 2 ? 1 : 0));
  for (let step = 0; step < shape.steps.length; step += 1) {
    worst.fill(255);
    for (let host = 0; host < shape.hosts; host += 1) {
      const byte = bytes[step * shape.hosts + host] ?? 0;
      // What went wrong is seen, however narrow it is.
      const span = isBad(byte) ? Math.max(2, least) : least;
      const begin = place[host] ?? 0;
      for (let x = begin; x < Math.min(width, begin + span); x += 1) {
        const old = worst[x] ?? 255;
        if (old === 255 || rank(byte) < rank(old)) worst[x] = byte;
      }
    }
    for (let line = 1; line < row - 1; line += 1) {
      const offset = (step * row + line) * width;
      const middle = Math.abs(line - row / 2) < 1;
      for (let x = 0; x < width; x += 1) {
        const byte = worst[x] ?? 255;
        if (byte === 255 || (byte <= 1 && !middle) || (byte === 6 && line < row - 4)) continue;
        pixels[offset + x] = inks[byte] ?? 0;
      }
    }
  }
  c.putImageData(image, left, Math.round(HEAD * density));
}

const known = new Map<string, number>();

/** A colour as four bytes of a picture. */
function packed(c: Ctx, text: string): number {
  let value = known.get(text);
  if (value === undefined) {
    const before = c.fillStyle;
    c.fillStyle = text;
    const hex = String(c.fillStyle);
    c.fillStyle = before;
    const part = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
    value = ((255 << 24) | (part(5) << 16) | (part(3) << 8) | part(1)) >>> 0;
    known.set(text, value);
  }
  return value;
}
