/** What changed most in the range against the time before: values ranked by the server, each one a filter. */
import type { Params } from "../../api/client";
import { explain } from "../../api/questions";
import type { Change } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Close } from "../../design/Close";
import { Icon } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Fit, Segment } from "../../design/parts";
import { Empty, Failed, Loading, Partial, StaleNote } from "../../design/states";
import { timesText } from "../../design/times";
import { type Key, useT } from "../../i18n";
import { withValue } from "../../query/edit";
import type { View } from "../../shell/view";
import { isWhole, missing } from "../../time/coverage";
import { span } from "../../time/format";
import { BASELINE_WORDS, baselines } from "../fleet/signals";

interface Props {
  params: Params;
  view: View;
  line: string;
  onLine: (line: string) => void;
  onClose: () => void;
}

export function ExplainPane({ params, view, line, onLine, onClose }: Props) {
  const t = useT();
  const { allowed, baseline } = baselines(view.bounds[1] - view.bounds[0], view.search.baseline);
  const answer = useHeld(explain({ ...params, top: 15, baseline: baseline === "before" ? undefined : baseline }, view.anchor));
  const when = (range: { from: string; to: string }) =>
    span(Date.parse(range.from), Date.parse(range.to), view.zone, view.anchor, t("time.today"));
  const { data } = answer;
  const complete = data !== undefined && isWhole(data.coverage, data.range);
  const known = data !== undefined && isWhole(data.baseline_coverage, data.baseline);
  return (
    <aside className="det vl col" aria-label={t("events.explain")}>
      <div className="bar">
        <Icon name="bolt" />
        <h2>{t("events.explain")}</h2>
        <Close onClose={onClose} atEnd />
      </div>
      <div className="row hb pad wrap">
        <Segment
          small
          label={t("explain.against")}
          value={baseline}
          onChange={(next) => view.set({ baseline: next === "before" ? "" : next }, { replace: true })}
          choices={allowed.map((one) => ({ value: one, label: t(BASELINE_WORDS[one]) }))}
        />
        {answer.data ? (
          <span className="small dim">
            {when(answer.data.range)} ↔ {when(answer.data.baseline)}
          </span>
        ) : null}
      </div>
      {answer.data ? <Partial parts={missing(answer.data.baseline_coverage, Date.parse(answer.data.baseline.to))} /> : null}
      <div
        className={answer.isPlaceholderData ? "scroll grow stale" : "scroll grow"}
        tabIndex={0}
        role="group"
        aria-label={t("explain.changes")}
      >
        <StaleNote since={answer.asOf} />
        {answer.isPending ? <Loading rows={10} /> : null}
        {answer.isError ? <Failed error={answer.error} what={t("events.explain")} retry={() => void answer.refetch()} /> : null}
        {answer.data && answer.data.changes.length === 0 ? <Empty title={t("explain.none")} /> : null}
        {answer.data ? (
          <p className="small dim pad">
            {t("explain.totals", {
              now: atLeast(group(answer.data.states), complete),
              before: atLeast(group(answer.data.states_before), known),
            })}
          </p>
        ) : null}
        {answer.data?.changes.map((change) => (
          <One
            key={change.field + change.value}
            change={change}
            complete={complete}
            known={known}
            onPick={() => onLine(withValue(line, change.field, change.field === "cluster" ? (change.label ?? change.value) : change.value))}
          />
        ))}
      </div>
    </aside>
  );
}

/** One change: a value, how much of it there is, and how much there was. */
function One({ change, complete, known, onPick }: { change: Change; complete: boolean; known: boolean; onPick: () => void }) {
  const t = useT();
  const most = Math.max(change.states, change.states_before, 1);
  const text = change.label ?? change.value;
  return (
    <button type="button" className="chg" onClick={onPick} title={t("explain.score", { score: change.score.toFixed(1) })}>
      <span className="dim small">{t(`facet.${change.field}` as Key)}</span>
      <Fit className="medium" text={text === "" ? t("facet.none") : text} />
      <span className="num small">
        {change.new ? (
          <span className="badge warn">{t("pat.new")}</span>
        ) : (
          timesText(change.states, change.states_before, t("explain.gone"))
        )}
      </span>
      <span className="bars" aria-hidden="true">
        <i className="now" style={{ width: `${(change.states / most) * 100}%` }} />
        <i style={{ width: `${(change.states_before / most) * 100}%` }} />
      </span>
      <span className="num small dim">
        {atLeast(group(change.states_before), known)} → <b className="medium sub">{atLeast(group(change.states), complete)}</b>
      </span>
    </button>
  );
}
