/** The Gantt and, under its axis, the replay. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { taskDetail } from "../../api/operations";
import type { GanttPicture } from "../../canvas/drawGantt";
import { GanttChart } from "../../canvas/GanttChart";
import { type Key, useT } from "../../i18n";
import { axisOf, ghosts, type Hold, holdsAt, rowsOf } from "../../operation/gantt";
import { batchName } from "../../operation/words";
import { useView } from "../../shell/view";
import { duration, hms } from "../../time/format";
import { ReplayBar } from "./ReplayBar";
import { warned } from "./runEvents";
import type { Run } from "./useRun";
import type { RunEventsAnswer } from "./useRunEvents";

export function GanttPane({ run, events }: { run: Run; events: RunEventsAnswer }) {
  const t = useT();
  const { zone } = useView();
  const { detail, store, snapshot, over } = run;
  const { summary, stages, forecast, hold } = detail;
  const owner = summary.owner?.task ?? null;
  const task = useQuery({ ...taskDetail(owner ?? ""), enabled: owner !== null, refetchInterval: over ? false : 5000 });
  const parts = owner === null ? undefined : task.data?.summary.steps;
  const rows = useMemo(() => rowsOf(stages, parts ?? [], summary.id), [stages, parts, summary.id]);
  const anyCanary = stages.some((stage) => stage.canary);
  const end = store.end();
  const coming = over ? [] : ghosts(stages, end);
  const begin = Math.min(Date.parse(summary.created), ...(parts ?? []).flatMap((part) => (part.started ? [Date.parse(part.started)] : [])));
  // The axis of a live run moves in steps, so that bars do not creep.
  const tail = over ? end : Math.ceil(end / 10_000) * 10_000;
  const axis = axisOf(begin, tail, coming, over ? end : null);
  const told = events.open ? events.answer.data?.items : undefined;
  const warnedAt = useMemo(() => warned(told ?? []), [told]);
  const standing = (holds: readonly Hold[]) => {
    const open = holds.find((one) => one.open);
    return { holds, heldWords: open ? t("run.held", { length: duration(open.to - open.from, t) }) : "" };
  };
  const picture = (): GanttPicture => ({
    ...standing(holdsAt(detail.holds, store.moment())),
    rows,
    stages,
    profiles: store.profiles.of,
    counts: (stage) => store.counts(stage),
    coming: snapshot.replay ? [] : coming,
    axis,
    at: store.moment(),
    live: !snapshot.replay,
    over,
    marks: detail.warnings.map((one) => ({
      at: Date.parse(one.time),
      label: t("run.warnings", { n: one.count, reason: one.reason }),
    })),
    warned: warnedAt,
    zone,
    rowName: (row) => (row.batch === null ? row.name : batchName(t, row.batch, row.canary, anyCanary)),
    stageWords: (stage, counts) => {
      if (counts.bad > 0) return t("run.stageBad", { ok: counts.through, bad: counts.bad, running: counts.running });
      if (counts.running > 0) return t("run.stageRuns", { ok: counts.through, n: stage.hosts, running: counts.running });
      const soak = stage.soak_ms > 0 && stage.canary ? `, ${t("run.soak", { length: duration(stage.soak_ms, t) })}` : "";
      return `${t("run.stageOf", { ok: counts.through, n: stage.hosts })}${soak}`;
    },
    partWords: (row) => (row.part ? t(`taskState.${row.part.state}` as Key) : ""),
    cursor: snapshot.replay || over ? hms(store.moment(), zone) : t("run.now", { time: hms(store.moment(), zone) }),
    ghostWords:
      forecast.p50_ms === null || forecast.p50_ms === undefined
        ? ""
        : t(hold ? "run.ifResumed" : "run.expected", {
            p50: duration(Math.max(0, (coming.at(-1)?.to ?? end) - end), t),
            p90: duration(Math.max(0, (coming.at(-1)?.p90 ?? end) - end), t),
          }),
  });
  return (
    <section aria-label={t("run.gantt")} className="gantt">
      <div className="scroll ganttscroll" tabIndex={-1}>
        <GanttChart
          picture={picture}
          rows={rows.length}
          axis={axis}
          beat={store.beat}
          name={t("run.ganttName", { n: stages.length, steps: detail.plan.steps.length })}
          onSeek={(moment) => store.seek(moment)}
        />
      </div>
      {forecast.unknown.length > 0 && !over ? (
        <p className="small dim unknown">{t("run.noLike", { steps: forecast.unknown.join(", ") })}</p>
      ) : null}
      <ReplayBar run={run} axis={axis} />
    </section>
  );
}
