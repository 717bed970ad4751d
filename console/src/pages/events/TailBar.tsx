/** The line above the list: what the list is, and how the live tail fares. */
import type { Event, Page } from "../../api/types";
import { Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Stale } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import type { View } from "../../shell/view";
import { knownUntil } from "../../time/coverage";
import { hms } from "../../time/format";
import { FACETS } from "../first";
import { ColumnPicker } from "./ColumnPicker";
import type { Columns } from "./columns";
import type { LiveTail } from "./useTail";

interface Props {
  tail: LiveTail | null;
  onResume: () => void;
  view: View;
  columns: Columns;
  patterns: boolean;
  /** By which field rows are grouped; empty for none. */
  grouped: string;
  total: string;
  first: Page<Event> | undefined;
}

export function TailBar({ tail, onResume, view, columns, patterns, grouped, total, first }: Props) {
  const t = useT();
  const until = knownUntil(first?.coverage);
  const folded = patterns || grouped !== "";
  const order = !folded ? "events.newest" : !patterns && view.search.sort === "warnings" ? "events.mostWarned" : "events.mostStates";
  return (
    <div className={tail ? "tail on" : "tail"}>
      {tail ? (
        <>
          <Icon name="live" />
          <span className="cut" role="status">
            {tail.paused ? t("tail.paused") : t("tail.on")}{" "}
            {tail.paused ? (
              <b className="medium">{t("tail.held", { n: group(tail.held) })}</b>
            ) : (
              <b className="medium">{t("tail.rows", { n: group(tail.came) })}</b>
            )}
          </span>
          {tail.paused ? (
            <button type="button" className="btn bare sm link" onClick={onResume}>
              {t("tail.resume")} <kbd>l</kbd>
            </button>
          ) : (
            <button type="button" className="btn bare sm link" onClick={tail.pause}>
              {t("tail.pause")}
            </button>
          )}
          {tail.parked ? <span className="small dim">{t("tail.parked")}</span> : null}
          {tail.refused ? (
            <span className="badge error cut" role="alert">
              {visible(tail.refused.message, 300)}
            </span>
          ) : null}
          {tail.stream === "lost" ? <Stale since={tail.since} /> : null}
          {tail.gaps > 0 ? <span className="badge error">{t("tail.gaps", { n: tail.gaps })}</span> : null}
          {tail.rejects > 0 ? <span className="badge warn">{t("tail.rejects", { n: tail.rejects })}</span> : null}
          {tail.dropped > 0 ? <span className="small dim">{t("tail.dropped", { n: group(tail.dropped) })}</span> : null}
        </>
      ) : (
        <span className="cut">
          {t(order, { n: total })}
          {until === null ? "" : ` · ${t("state.asOf", { time: hms(until, view.zone) })}`}
        </span>
      )}
      <span className="row tight end">
        {folded ? null : <ColumnPicker columns={columns} view={view} />}
        <label className="small dim">
          <span className="vh">{t("events.group")}</span>
          <select className="in sm" value={grouped} onChange={(event) => view.set({ group: event.target.value, view: "" })}>
            <option value="">{t("events.notGrouped")}</option>
            {FACETS.map((field) => (
              <option key={field} value={field}>
                {t("events.groupedBy", { field: t(`facet.${field}`) })}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          className="btn bare sm"
          aria-pressed={patterns}
          onClick={() => view.set({ view: patterns ? "" : "patterns", group: "" })}
        >
          <Icon name="filter" />
          {t("events.patterns")}
        </button>
      </span>
    </div>
  );
}
