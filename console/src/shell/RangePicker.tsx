/** The range of time: relative lengths, or two moments in the zone of the page. */
import { type FormEvent, useRef, useState } from "react";
import { Icon } from "../design/Icon";
import { Pop } from "../design/lazy";
import { Segment } from "../design/parts";
import { useT } from "../i18n";
import { fieldMoment, fieldText } from "../time/clock";
import { BROWSER_ZONE, offset, span } from "../time/format";
import { isRelative, type Range, shifted, zoomed } from "../time/range";
import { useView } from "./view";

export const PRESETS = ["15m", "1h", "6h", "24h", "3d", "7d", "30d", "90d"] as const;

/** How a range is called in the bar. */
export function useRangeLabel(range: Range, bounds: readonly [number, number], zone: string, anchor: number): string {
  const t = useT();
  if (!isRelative(range)) return span(bounds[0], bounds[1], zone, anchor, t("time.today"));
  const [, number = "", unit = "h"] = /^-(\d+)([smhdw])$/.exec(range.from) ?? [];
  return t("time.last", { length: `${number} ${t(`time.${unit}` as "time.h")}` });
}

export function RangePicker({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  const t = useT();
  const view = useView();
  const trigger = useRef<HTMLButtonElement>(null);
  const label = useRangeLabel(view.range, view.bounds, view.zone, view.anchor);
  const take = (range: Range) => {
    view.set({ from: range.from, to: range.to });
    onOpen(false);
  };
  return (
    <>
      <button type="button" ref={trigger} className="pick" aria-haspopup="dialog" aria-expanded={open} onClick={() => onOpen(!open)}>
        <span className="vh">{t("time.title")}: </span>
        <Icon name="clock" />
        <span>{label}</span>
        <span className="dim small long">{offset(view.zone, view.bounds[1])}</span>
        <Icon name="down" />
      </button>
      {open ? (
        <Pop trigger={trigger} className="inner" label={t("time.title")} onClose={() => onOpen(false)}>
          <div className="presets">
            {PRESETS.map((length) => (
              <button
                key={length}
                type="button"
                className="btn sm"
                aria-pressed={view.range.from === `-${length}` && view.range.to === "now"}
                onClick={() => take({ from: `-${length}`, to: "now" })}
              >
                {length.slice(0, -1)} {t(`time.${length.slice(-1)}` as "time.h")}
              </button>
            ))}
          </div>
          <div className="row">
            <button type="button" className="btn sm" onClick={() => take(shifted(view.range, -1, Date.now()))}>
              {t("time.earlier")}
            </button>
            <button type="button" className="btn sm" onClick={() => take(shifted(view.range, 1, Date.now()))}>
              {t("time.later")}
            </button>
            <button type="button" className="btn sm" onClick={() => take(zoomed(view.range, 2, Date.now()))}>
              {t("time.wider")}
            </button>
          </div>
          <Absolute bounds={view.bounds} zone={view.zone} onTake={take} />
          <div className="row">
            <span className="dim small">{t("time.zone")}</span>
            <Segment
              small
              label={t("time.zone")}
              value={view.zone === "UTC" ? "UTC" : "local"}
              choices={[
                { value: "local", label: BROWSER_ZONE === "UTC" ? t("time.local") : BROWSER_ZONE },
                { value: "UTC", label: "UTC" },
              ]}
              onChange={(zone) => view.set({ tz: zone === "UTC" ? "UTC" : "" })}
            />
          </div>
        </Pop>
      ) : null}
    </>
  );
}

function Absolute({ bounds, zone, onTake }: { bounds: readonly [number, number]; zone: string; onTake: (range: Range) => void }) {
  const t = useT();
  const [was] = useState(bounds);
  const [from, setFrom] = useState(() => fieldText(bounds[0], zone));
  const [to, setTo] = useState(() => fieldText(bounds[1], zone));
  const [begin, end] = [fieldMoment(from, zone, was[0]), fieldMoment(to, zone, was[1])];
  const right = begin !== null && end !== null && begin < end;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (right) onTake({ from: new Date(begin).toISOString(), to: new Date(end).toISOString() });
  };
  return (
    <form className="col" style={{ gap: 6 }} onSubmit={submit}>
      <label className="row small">
        <span className="dim" style={{ width: 40 }}>
          {t("time.from")}
        </span>
        <input className="in grow" type="datetime-local" step="1" value={from} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label className="row small">
        <span className="dim" style={{ width: 40 }}>
          {t("time.to")}
        </span>
        <input className="in grow" type="datetime-local" step="1" value={to} onChange={(event) => setTo(event.target.value)} />
      </label>
      <div className="row">
        <span className="small dim grow">{right ? "" : t("time.wrong")}</span>
        <button type="submit" className="btn prime sm" disabled={!right}>
          {t("action.apply")}
        </button>
      </div>
    </form>
  );
}
