/** One Event beside a run: when, what and of whom, its message under it; and all that it says. */
import type { Event } from "../../api/types";
import { Glyph, typeGlyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Fit, Foreign } from "../../design/parts";
import { visible, visibleLines } from "../../design/visible";
import { useT } from "../../i18n";
import { hms } from "../../time/format";

interface Props {
  event: Event;
  zone: string;
  open: boolean;
  /** It came after the shown moment. */
  later: boolean;
  /** It is the last one before that. */
  now: boolean;
  onShow: (event: Event) => void;
}

export function RunEventRow({ event, zone, open, later, now, onShow }: Props) {
  return (
    <button
      type="button"
      className={`ev${open ? " sel" : ""}${later ? " later" : ""}${now ? " now" : ""}`}
      aria-current={now ? "time" : undefined}
      title={visible(event.message, 1000)}
      onClick={() => onShow(event)}
    >
      <span className="row">
        <span className="mono t">{hms(Date.parse(event.time), zone)}</span>
        <Glyph name={typeGlyph(event.type)} label={event.type} />
        <Fit className={event.type === "Warning" ? "medium warn" : "medium"} text={event.reason} />
        {event.occurrences > 1 ? <span className="num dim small">×{group(event.occurrences)}</span> : null}
        <span className="row tight end small">
          <span className="dim">{visible(event.kind, 40)}</span>
          <Fit className="mono" text={event.name} />
        </span>
      </span>
      <span className="cut small sub">
        <Foreign text={event.message} most={400} />
      </span>
    </button>
  );
}

/** The chosen Event, all of it. */
export function EventMore({ event }: { event: Event }) {
  const t = useT();
  const object = [event.kind, event.namespace, event.name].filter(Boolean).join("/");
  const by = event.component || event.reporting_component;
  const head = [event.type, event.reason, object, event.node, by].filter(Boolean).join(" · ");
  return (
    <pre className="code">
      {visibleLines([head, event.message, event.message_cut ? t("events.cut") : ""].filter(Boolean).join("\n"), 8000)}
    </pre>
  );
}
