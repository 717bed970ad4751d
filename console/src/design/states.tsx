/** The six states of a pane: loading, empty, error, partial, no permission, stale. Every page uses these and no others. */
import type { ReactNode } from "react";
import { clustersOf } from "../api/asked";
import type { Problem } from "../api/problem";
import { asProblem } from "../api/problem";
import { useT } from "../i18n";
import { useView } from "../shell/view";
import { coverageWord, type Missing } from "../time/coverage";
import { duration, hms, moment, span } from "../time/format";
import { Glyph, Icon } from "./Icon";
import { copy } from "./toast";
import { visible } from "./visible";

/** Lines where rows will be; they appear only after 150 ms. */
export function Loading({ rows = 8 }: { rows?: number }) {
  const t = useT();
  return (
    <div className="bones" role="status" aria-label={t("state.loading")}>
      {Array.from({ length: rows }, (_, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bones have no identity
        <i key={n} style={{ width: `${88 - ((n * 37) % 46)}%` }} />
      ))}
    </div>
  );
}

/** Why there is nothing, and the nearest thing that there is. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty" role="status">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Of which clusters it was asked, how often and since when, and the id to ask somebody with. */
function Asked({ problem }: { problem: Problem }) {
  const t = useT();
  const { zone, anchor } = useView();
  const { asked, times } = problem;
  if (asked === "") return null;
  const clusters = clustersOf(asked);
  const time = moment(problem.since, zone, anchor);
  const whom = clusters === null ? [] : [clusters.length > 0 ? visible(clusters.join(", "), 200) : t("scope.all")];
  return (
    <>
      <p className="small dim">{[...whom, t(times > 1 ? "state.askedTimes" : "state.askedOnce", { n: times, time })].join(" · ")}</p>
      {problem.requestId ? (
        <p className="small dim row">
          {t("state.request")} <code>{problem.requestId}</code> <CopyId id={problem.requestId} />
        </p>
      ) : null}
    </>
  );
}

function CopyId({ id }: { id: string }) {
  const t = useT();
  const label = t("state.copyRequest");
  return (
    <button
      type="button"
      className="btn bare sm icon"
      aria-label={label}
      title={`${label}: ${id}`}
      onClick={() => void copy(id, t("copy.done", { form: t("state.request") }))}
    >
      <Icon name="copy" />
    </button>
  );
}

/** What failed, whether it is tried again, and the id to ask somebody with. */
export function Failed({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  const t = useT();
  const problem = asProblem(error);
  if (problem.forbidden) return <Forbidden problem={problem} what={what} />;
  return (
    <div className="empty" role="alert">
      <h2>
        <Glyph name="fail" /> {problem.unreachable ? t("state.unreachable") : t("state.failed", { what })}
      </h2>
      <p>{problem.unreachable ? t("state.unreachableHint") : visible(problem.message)}</p>
      <Asked problem={problem} />
      {retry ? (
        <button type="button" className="btn" onClick={retry}>
          <Icon name="refresh" />
          {t("action.retry")}
        </button>
      ) : null}
    </div>
  );
}

function Forbidden({ problem, what }: { problem: Problem; what: string }) {
  const t = useT();
  return (
    <div className="empty" role="alert">
      <h2>
        <Icon name="lock" /> {t("state.forbidden", { what })}
      </h2>
      <p>{visible(problem.message)}</p>
      <p className="dim">{t("state.forbiddenHint")}</p>
      <Asked problem={problem} />
    </div>
  );
}

/** Parts of the range are not known: which, how long, and since when. The answer below stays. */
export function Partial({ parts }: { parts: readonly Missing[] }) {
  const t = useT();
  const { zone, anchor } = useView();
  const first = parts[0];
  if (!first) return null;
  const text = t("state.partial", {
    cluster: first.cluster,
    state: t(coverageWord(first.state)),
    length: duration(first.to - first.from, t),
    when: span(first.from, first.to, zone, anchor, t("time.today")),
  });
  return (
    <div className="note plain" role="note">
      <span className="hatch swatch" aria-hidden="true" />
      <span className="cut">
        {text} <span className="dim">· {first.reason}</span>
        {parts.length > 1 ? <span className="dim"> · {t("state.partialMore", { n: parts.length - 1 })}</span> : null}
      </span>
    </div>
  );
}

/** Above what could not be asked for anew, or not to its end: of when it is, or what failed, and another try. */
export function StaleNote({ since, error, what, retry }: { since: number | null; error?: unknown; what?: string; retry?: () => void }) {
  const t = useT();
  if (since === null && !error) return null;
  const problem = asProblem(error);
  return (
    <div className="note plain">
      {since === null ? <Glyph name="fail" /> : <Stale since={since} />}
      {since !== null || problem.unreachable ? (
        <span className="cut">{t("state.unreachable")}</span>
      ) : (
        <span className="cut" role="alert">
          {t("state.failed", { what: what ?? "" })} <span className="dim">· {visible(problem.message, 300)}</span>
        </span>
      )}
      {since === null && problem.requestId ? <CopyId id={problem.requestId} /> : null}
      {retry ? (
        <button type="button" className="btn sm end" onClick={retry}>
          {t("action.retry")}
        </button>
      ) : null}
    </div>
  );
}

/** Of when an answer is that could not be had anew; null where it is no older than it must be. */
export function oldSince(query: { isError: boolean; data: unknown; dataUpdatedAt: number }): number | null {
  return query.isError && query.data !== undefined ? query.dataUpdatedAt : null;
}

/** A pane whose live source is lost: since when, and that what is shown is old. */
export function Stale({ since }: { since: number }) {
  const t = useT();
  const { zone } = useView();
  return (
    <span className="badge warn" role="status">
      <Glyph name="warn" />
      {t("state.asOf", { time: hms(since, zone) })}
    </span>
  );
}
