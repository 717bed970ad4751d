/** One Event in a list: fixed height, one line, nothing measured. */
import { memo } from "react";
import type { Event } from "../../api/types";
import { Glyph, typeGlyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { hmsMillis, monthDay } from "../../time/format";

interface Props {
  event: Event;
  zone: string;
  selected: boolean;
  showDay: boolean;
  id: string;
  onOpen: (event: Event) => void;
}

export const EventRow = memo(function EventRow({ event, zone, selected, showDay, id, onOpen }: Props) {
  const ms = Date.parse(event.time);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the grid
    <div id={id} role="row" aria-selected={selected} tabIndex={-1} className={selected ? "er sel" : "er"} onClick={() => onOpen(event)}>
      <span role="gridcell" className="mono t">
        {showDay ? <span className="dim">{monthDay(ms, zone)} </span> : null}
        {hmsMillis(ms, zone)}
      </span>
      <span role="gridcell" className="row">
        <Glyph name={typeGlyph(event.type)} label={event.type} />
      </span>
      <span role="gridcell" className="cut mono">
        <Id text={event.cluster} most={12} />
      </span>
      <span role="gridcell" className="cut">
        <span className="dim">{event.kind}</span> <Id text={event.name} most={event.kind.length > 6 ? 19 : 25} />
      </span>
      <span role="gridcell" className={event.type === "Warning" ? "cut medium warn" : "cut medium"}>
        <Foreign text={event.reason} most={80} />
      </span>
      <span role="gridcell" className="cut m">
        <Foreign text={event.message} most={400} />
      </span>
      <span role="gridcell" className="num dim">
        {event.occurrences > 1 ? group(event.occurrences) : ""}
      </span>
    </div>
  );
});

/** A row that is on its way. */
export function WaitingRow() {
  return (
    <div className="er" role="row" aria-busy="true">
      {["t", "g", "c", "o", "r", "m"].map((name) => (
        <span key={name} role="gridcell" className="bone" />
      ))}
    </div>
  );
}
