/** The stages of a plan as they may come, from now on. */
import type { PlanAnswer } from "../../api/types";
import { GanttChart } from "../../canvas/GanttChart";
import { useT } from "../../i18n";
import { axisOf, ghosts, rowsOf, type Stage } from "../../operation/gantt";
import { batchName } from "../../operation/words";
import { useView } from "../../shell/view";
import { duration, hms } from "../../time/format";

/** Of a step without a like run only its place is known. */
const UNKNOWN_MS = 60_000;

export function PlanGantt({ plan }: { plan: PlanAnswer }) {
  const t = useT();
  const { zone, anchor } = useView();
  const known = new Map(plan.forecast.steps.map((step) => [step.step, step]));
  const stages: Stage[] = plan.stages.map((stage) => {
    const like = known.get(stage.step);
    return { ...stage, p50_ms: like?.p50_ms ?? null, p90_ms: like?.p90_ms ?? null };
  });
  const rows = rowsOf(stages);
  const now = Math.max(anchor, Date.now());
  const coming = ghosts(stages, now);
  const axis = axisOf(now, now + (coming.length === 0 ? UNKNOWN_MS : 0), coming, null);
  const canary = stages.some((stage) => stage.canary);
  return (
    <div className="plangantt">
      <div className="ganttwrap">
        <GanttChart
          rows={rows.length}
          axis={axis}
          name={t("run.ganttName", { n: stages.length, steps: plan.plan.steps.length })}
          picture={() => ({
            rows,
            stages,
            profiles: [],
            counts: () => null,
            coming,
            axis,
            at: now,
            live: true,
            over: false,
            holds: [],
            marks: [],
            warned: [],
            zone,
            rowName: (row) => (row.batch === null ? row.name : batchName(t, row.batch, row.canary, canary)),
            stageWords: () => "",
            partWords: () => "",
            cursor: hms(now, zone),
            heldWords: "",
            ghostWords: duration(Math.max(0, (coming.at(-1)?.to ?? now) - now), t),
          })}
        />
      </div>
      {plan.forecast.unknown.length > 0 ? (
        <p className="small dim">{t("run.noLike", { steps: plan.forecast.unknown.join(", ") })}</p>
      ) : null}
    </div>
  );
}
