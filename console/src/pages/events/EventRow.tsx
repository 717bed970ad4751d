/** One Event in a list: fixed height, one line, nothing measured. It has as few elements as it can: fifty rows change in a frame
 * when somebody scrolls fast. Each cell is a block, so text that runs from right to left turns nothing beside it. */
import { memo } from "react";
import type { Event } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { middle, visible } from "../../design/visible";
import { hmsMillis, monthDay } from "../../time/format";
import { type Columns, maybeCut } from "./columns";

interface Props {
  event: Event;
  zone: string;
  selected: boolean;
  focused: boolean;
  showDay: boolean;
  index: number;
  top: number;
  /** More of a message cannot be seen. */
  letters: number;
  has: Columns["has"];
  onOpen: (event: Event, index: number) => void;
}

/** The signs of the two types that Kubernetes has, drawn by CSS. */
const SIGNS: Readonly<Record<string, string>> = { Normal: "sign info", Warning: "sign warn" };

/** Each column of names may be narrower than its names: they say all of themselves. */
export const EventRow = memo(function EventRow(props: Props) {
  const { event, zone, selected, focused, showDay, index, top, letters, has, onOpen } = props;
  const ms = Date.parse(event.time);
  const sign = SIGNS[event.type];
  const cluster = visible(event.cluster, 1000);
  const name = visible(event.name, 1000);
  const reason = visible(event.reason, 80);
  const names = event.kind.length > 6 ? 19 : 25;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the grid
    <div
      id={`row-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      tabIndex={-1}
      className={`er vrow${selected ? " sel" : ""}${focused ? " at" : ""}`}
      style={{ top }}
      onClick={() => onOpen(event, index)}
    >
      <span role="gridcell" className="mono t">
        {showDay ? <span className="dim">{monthDay(ms, zone)} </span> : null}
        {hmsMillis(ms, zone)}
      </span>
      {!has.type ? null : sign ? (
        <span role="gridcell" className={sign} aria-label={event.type} />
      ) : (
        <span role="gridcell">
          <Glyph name="unknown" label={visible(event.type, 40)} />
        </span>
      )}
      {has.cluster ? (
        <span role="gridcell" className="mono" title={cluster}>
          {middle(cluster, 12)}
        </span>
      ) : null}
      {has.namespace ? <Name text={event.namespace} most={16} /> : null}
      {has.object ? (
        <span role="gridcell" className="cut">
          <span className="dim">{visible(event.kind, 40)}</span>{" "}
          <span className="mono" title={name}>
            {middle(name, names)}
          </span>
        </span>
      ) : null}
      {has.node ? <Name text={event.node ?? ""} most={18} /> : null}
      {has.reason ? (
        <span role="gridcell" className={event.type === "Warning" ? "cut medium warn" : "cut medium"} title={reason}>
          {reason}
        </span>
      ) : null}
      {has.component ? <Name text={event.component || event.reporting_component || ""} most={16} /> : null}
      {has.message ? (
        <span role="gridcell" className="cut m" title={maybeCut(event.message, letters) ? visible(event.message, 1000) : undefined}>
          {visible(event.message, letters)}
        </span>
      ) : null}
      {has.count ? (
        <span role="gridcell" className="num dim">
          {event.occurrences > 1 ? group(event.occurrences) : ""}
        </span>
      ) : null}
    </div>
  );
});

/** A name that is a column only where somebody chose it. */
function Name({ text, most }: { text: string; most: number }) {
  const name = visible(text, 1000);
  return (
    <span role="gridcell" className="mono" title={name}>
      {middle(name, most)}
    </span>
  );
}

/** A row that is on its way. */
export function WaitingRow({ top, list }: { top: number; list: Columns["list"] }) {
  return (
    <div className="er vrow" role="row" aria-busy="true" style={{ top }}>
      {list.map((column) => (
        <span key={column} role="gridcell" className={column === "count" ? undefined : "bone"} />
      ))}
    </div>
  );
}
