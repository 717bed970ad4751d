/** One line of the log: when, what, of whom; and all that it holds. */
import type { LogItem } from "../../api/types";
import { Foreign } from "../../design/parts";
import { visibleLines } from "../../design/visible";
import { hmsMillis } from "../../time/format";

const BAD = ["failed", "unreachable"];

interface Props {
  line: LogItem;
  zone: string;
  open: boolean;
  withHost: boolean;
}

/** A line is too low for a button of its own: the list takes clicks and arrows for all of them. */
export function LogRow({ line, zone, open, withHost }: Props) {
  const bad = BAD.includes(line.state ?? "") && line.kind !== "retry";
  return (
    <div className={`ll${bad ? " bad" : ""}${open ? " sel" : ""}`}>
      <span className="t">{hmsMillis(Date.parse(line.time), zone)}</span>
      <span className="cut">
        <Said line={line} withHost={withHost} />
      </span>
    </div>
  );
}

/** The open line, all of it: nothing of a log is cut, and how long a line can be its runner says. */
export function LogMore({ line }: { line: LogItem }) {
  const results = line.results ? JSON.stringify(line.results, null, 2) : "";
  const head = [line.kind, line.state, line.host, line.task, line.action, line.item].filter(Boolean).join(" · ");
  const parts = [head, line.code, line.message, line.remedy ? `→ ${line.remedy}` : "", results];
  return <pre className="code">{visibleLines(parts.filter(Boolean).join("\n"), Number.POSITIVE_INFINITY)}</pre>;
}

function Said({ line, withHost }: { line: LogItem; withHost: boolean }) {
  const host = withHost && line.host ? <span className="h">{line.host} </span> : null;
  const message = line.message ? <Foreign text={line.message} most={400} /> : null;
  switch (line.kind) {
    case "play":
      return (
        <b>
          PLAY <Foreign text={line.play ?? ""} most={200} />
        </b>
      );
    case "task":
      return (
        <>
          <b>TASK</b> <Foreign text={line.task ?? ""} most={200} />
        </>
      );
    case "host":
    case "item":
    case "retry":
      return (
        <>
          <span
            className={
              BAD.includes(line.state ?? "") ? "fail" : line.kind === "retry" ? "warn" : line.state === "changed" ? "accent" : "ok"
            }
          >
            {line.kind === "retry" ? "retry" : line.state}
          </span>
          : {host}
          {line.code ? <span className="medium">{line.code} </span> : null}
          {message ?? <span className="dim">{line.task}</span>}
        </>
      );
    default:
      return (
        <span className="dim">
          {line.kind} {host}
          {message}
        </span>
      );
  }
}
