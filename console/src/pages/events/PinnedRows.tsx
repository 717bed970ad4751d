/** Pinned rows: they stay over the list while the rest scrolls, whatever is asked for there. */
import { asProblem } from "../../api/problem";
import type { Event } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import type { Columns } from "./columns";
import { EventRow, WaitingRow } from "./EventRow";
import type { Pins } from "./usePins";

interface Props {
  pins: Pins;
  columns: Columns;
  zone: string;
  showDay: boolean;
  selected: string | null;
  /** The row that keys act upon. */
  focus: number;
  size: number;
  /** More of a message cannot be seen. */
  letters: number;
  onOpen: (event: Event, index: number) => void;
}

export function PinnedRows({ pins, columns, selected, focus, size, ...row }: Props) {
  const t = useT();
  return (
    <div className="pins" role="rowgroup" aria-label={t("events.pinned")} style={{ height: pins.items.length * size + 1 }}>
      {pins.items.map(({ key, event, error, retry }, index) =>
        event ? (
          <EventRow
            {...row}
            key={key}
            event={event}
            selected={key === selected}
            focused={index === focus}
            index={index}
            top={index * size}
            has={columns.has}
          />
        ) : error ? (
          <div key={key} className="er vrow gone" role="row" style={{ top: index * size }}>
            <span role="gridcell" className="row tight">
              <Glyph name="fail" />
              <span className="cut" role="alert">
                {t("state.failed", { what: t("events.pinned") })} <span className="dim">· {visible(asProblem(error).message, 200)}</span>
              </span>
              <button type="button" className="btn bare sm link" onClick={retry}>
                {t("action.retry")}
              </button>
              <button
                type="button"
                className="btn bare sm link"
                onClick={(event) => {
                  // The button goes with its row, and the focus not.
                  event.currentTarget.closest<HTMLElement>(".list")?.focus();
                  pins.drop(key);
                }}
              >
                {t("events.unpin")}
              </button>
            </span>
          </div>
        ) : (
          <WaitingRow key={key} top={index * size} list={columns.list} />
        ),
      )}
    </div>
  );
}
