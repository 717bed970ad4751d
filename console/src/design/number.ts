/** Numbers as they stand in the console: grouped below a million, then short. */
export function group(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Short form for narrow places; the full number belongs into the hint beside it. */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : 1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return group(value);
}

/** Any number: negative ones and fractions too, of which so many digits are seen. */
export function figure(value: number, digits = 6): string {
  if (value < 0) return `−${figure(-value, digits)}`;
  return Number.isInteger(value) || value >= 10 ** digits ? group(value) : String(Number(value.toPrecision(digits)));
}

/** How much in a unit of time: two digits of what is small, for little is not nothing. */
export function rateText(value: number): string {
  return value < 10 ? figure(value, 2) : short(value);
}

/** A number that may be a lower bound. */
export function atLeast(text: string, complete: boolean): string {
  return complete ? text : `≥ ${text}`;
}

export function bytes(value: number): string {
  for (const [size, unit] of [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "KB"],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(value >= size * 100 ? 0 : 1)} ${unit}`;
  }
  return `${value} B`;
}

export function signed(share: number): string {
  const percent = Math.round(share * 100);
  return `${percent >= 0 ? "+" : "−"}${Math.abs(percent)} %`;
}

/** For cells: no blank, and no more than five signs. */
export function tight(value: number): string {
  return short(value).replace(" ", "");
}
