/** Phase, reason, who asked; what holds it and why; and what can be done now. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { download } from "../../api/client";
import { OPERATIONS, operationHosts } from "../../api/operations";
import { Glyph, Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Stale } from "../../design/states";
import { toast } from "../../design/toast";
import { type Key, useT } from "../../i18n";
import { ActBar } from "../../operation/ActBar";
import { type Act, whyNot } from "../../operation/acts";
import { PhaseBadge, PhaseSaid } from "../../operation/Phase";
import { common, useView } from "../../shell/view";
import { duration, hms } from "../../time/format";
import { HoldNote } from "./HoldNote";
import { ShownTime } from "./ShownTime";
import { useSelection } from "./selection";
import type { Run } from "./useRun";

/** So long nothing is heard of a runner before that is told. */
const SILENT_MS = 30_000;

/** How long nothing was heard of a run that goes on. */
function silence({ detail, over, store }: Run): number {
  const { heard } = detail.summary;
  return over || !heard ? 0 : store.end() - Date.parse(heard);
}

export function RunHead({ run }: { run: Run }) {
  const t = useT();
  const view = useView();
  const { detail, snapshot, store } = run;
  const { summary, actions, plan } = detail;
  const chosen = useSelection(summary.id);
  const replay = snapshot.replay;
  const retried = chosen.length > 0 ? chosen.length : summary.hosts.bad;
  const running = summary.steps.reduce((sum, step) => sum + (step.hosts.running ?? 0), 0);
  const effect = (act: Act) =>
    t(`act.${act}.effect` as Key, {
      running: group(running),
      bad: group(summary.hosts.bad),
      owed: group(summary.owed),
      hosts: group(act === "retry" ? retried : summary.hosts.total),
      step: summary.present?.step ?? "–",
    });
  const hidden = (act: Act) => {
    if (act === "approve" || act === "reject") return !summary.needs_approval || summary.phase !== "Pending";
    // A run that is over may be read; buttons for what will never be possible again would be dead.
    return run.over && whyNot(actions, act) !== null;
  };
  const started = summary.started ? Date.parse(summary.started) : null;
  const end = summary.ended ? Date.parse(summary.ended) : store.end();
  return (
    <>
      <div className="runhead">
        <PhaseSaid phase={summary.phase} reason={summary.reason} also={silence(run) > SILENT_MS ? t("run.notHeard") : undefined} />
        {replay ? (
          <span className="badge run">
            <Icon name="clock" />
            {t("run.replay")}
          </span>
        ) : (
          <PhaseBadge phase={summary.phase} />
        )}
        <h2 className="nowrap">{t("run.title", { type: summary.type, n: group(summary.hosts.total), cluster: summary.cluster })}</h2>
        <span className="dim small cut grow">
          {summary.owner ? (
            <>
              {t("nav.task")}{" "}
              <Link to="/tasks/$id" params={{ id: summary.owner.task }} search={common(view.search) as never}>
                <Foreign text={summary.owner.name ?? summary.owner.task} mid={28} />
              </Link>
              {" · "}
            </>
          ) : null}
          <Foreign text={summary.why === "" ? summary.subject : `${summary.subject}: ${summary.why}`} most={160} />
          {summary.approved_by ? ` · ${t("run.approvedBy", { who: summary.approved_by })}` : ""}
          {" · "}
          {summary.bundle.name} {summary.bundle.version}
          {summary.dry_run ? ` · ${t("run.dryRun")}` : ""}
          {started === null
            ? ` · ${t("run.notStarted")}`
            : ` · ${t("run.started", { time: hms(started, view.zone), length: duration(end - started, t) })}`}
        </span>
        <span className="row tight acts">
          {replay ? (
            <button type="button" className="btn prime" onClick={() => store.live()}>
              <Icon name="live" />
              {t(run.over ? "run.toEnd" : "run.toLive")}
            </button>
          ) : null}
          <ActBar
            path={`${OPERATIONS}/${summary.id}`}
            name={summary.name}
            actions={actions}
            hidden={hidden}
            closed={replay ? t("run.notInReplay") : null}
            bad={summary.hosts.bad}
            steps={plan.steps.map((step) => step.name)}
            step={summary.present?.step ?? plan.steps[0]?.name ?? ""}
            hosts={chosen}
            effect={effect}
            onDone={run.refresh}
          />
          <button
            type="button"
            className="btn icon"
            aria-label={t("run.export")}
            title={t("run.export")}
            onClick={() =>
              void download(`${OPERATIONS}/${summary.id}/export`, `operation-${summary.id}.ndjson`).catch((error) => toast(String(error)))
            }
          >
            <Icon name="download" />
          </button>
        </span>
      </div>
      {replay ? (
        <div className="note run">
          <Icon name="clock" />
          <span className="cut">
            {t("run.asRecorded")} <ShownTime store={store} />. {t("run.isNow", { phase: t(`phase.${summary.phase}` as Key) })}
          </span>
        </div>
      ) : (
        <LiveNotes run={run} />
      )}
    </>
  );
}

/** What a person must know of the live run: what holds it, that nothing is heard, that the page is old. */
function LiveNotes({ run }: { run: Run }) {
  const t = useT();
  const { detail, snapshot, store } = run;
  const { summary } = detail;
  const errors = useQuery({
    ...operationHosts(summary.id, { group: "error", limit: 1 }, Math.floor(snapshot.version / 8)),
    enabled: summary.hosts.bad > 0,
  });
  const silent = silence(run);
  return (
    <>
      {detail.hold ? <HoldNote detail={detail} groups={errors.data?.groups ?? []} now={store.end()} /> : null}
      {!detail.hold && summary.message !== "" ? (
        <div className={summary.phase === "Failed" ? "note bad" : "note plain"}>
          <span className="cut">
            {summary.reason ? <b className="medium mono">{summary.reason}</b> : null} <Foreign text={summary.message} most={400} />
          </span>
        </div>
      ) : null}
      {silent > SILENT_MS ? (
        <div className="note warn">
          <Glyph name="warn" />
          <span className="cut">{t("run.silent", { length: duration(silent, t), most: duration(detail.plan.limits.silence_ms, t) })}</span>
        </div>
      ) : null}
      {snapshot.stream === "lost" ? (
        <div className="note plain">
          <Stale since={snapshot.since} />
          <span className="cut">{t("run.streamLost")}</span>
        </div>
      ) : null}
    </>
  );
}
