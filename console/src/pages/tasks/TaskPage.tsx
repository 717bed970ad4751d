/** One automatic task: its stages one under the other, their work orders and operations. */
import "./tasks.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { costOf } from "../../api/client";
import { TASKS, taskDetail } from "../../api/operations";
import { asProblem } from "../../api/problem";
import type { StreamState } from "../../api/stream";
import type { TaskDetail, TaskMessage } from "../../api/types";
import { Json } from "../../design/Json";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Beside, SideButton, useSide } from "../../design/side";
import { Empty, Failed, Loading, Stale } from "../../design/states";
import { visible } from "../../design/visible";
import { type Key, useT } from "../../i18n";
import { ActBar } from "../../operation/ActBar";
import { type Act, whyNot } from "../../operation/acts";
import { PhaseBadge, PhaseSaid } from "../../operation/Phase";
import { isOver } from "../../operation/states";
import { useFollow } from "../../operation/useFollow";
import { useThrottled } from "../../operation/useThrottled";
import { taskStepName } from "../../operation/words";
import { useChrome } from "../../shell/chrome";
import { taskCopies } from "../../shell/copies";
import { common, useView } from "../../shell/view";
import { moment } from "../../time/format";
import { Stages } from "./Stages";

const AGAIN_MS = 1000;

export function Page() {
  const t = useT();
  const view = useView();
  const { id } = useParams({ strict: false }) as { id: string };
  const detail = useQuery({ ...taskDetail(id), staleTime: 0 });
  const known = detail.data;
  const list = (
    <Link to="/tasks" search={common(view.search) as never}>
      {t("nav.tasks")}
    </Link>
  );
  useChrome({
    title: known ? known.summary.name : id,
    mono: true,
    crumbs: (
      <>
        {list}
        <span className="sl">/</span>
      </>
    ),
    copies: taskCopies(id, known),
    cost: costOf(known),
    costText: known ? t("run.seq", { n: known.summary.seq }) : "",
  });
  if (detail.isPending) return <Loading rows={12} />;
  if (known) return <Known key={id} id={id} detail={known} />;
  const problem = asProblem(detail.error);
  if (problem.status !== 404 && problem.status !== 400)
    return <Failed error={detail.error} what={t("nav.task")} retry={() => void detail.refetch()} />;
  return (
    <Empty title={t("tasks.gone")}>
      <p>{visible(problem.message)}</p>
      <p>{list}</p>
    </Empty>
  );
}

function Known({ id, detail }: { id: string; detail: TaskDetail }) {
  const t = useT();
  const { zone, anchor } = useView();
  const client = useQueryClient();
  const { summary, actions, operations } = detail;
  const over = isOver(summary.phase);
  const side = useSide(1280);
  const [stream, setStream] = useState<{ state: StreamState; since: number } | null>(null);
  const refresh = useThrottled(() => void client.invalidateQueries({ queryKey: [TASKS, id], exact: true }), AGAIN_MS);
  useFollow<TaskMessage>(`${TASKS}/${id}/stream`, !over, {
    onMessages: (messages) => {
      const summary = messages.findLast((message) => message.summary)?.summary;
      client.setQueryData<TaskDetail>([TASKS, id], (old) => (old && summary ? { ...old, summary } : old));
      refresh();
    },
    onState: (state) => {
      setStream((old) => (old?.state === state ? old : { state, since: Date.now() }));
      if (state === "open") refresh();
    },
  });
  const present = summary.steps.find((one) => one.state === "running" || one.state === "failed");
  const step = present ? taskStepName(present) : null;
  const operation = operations.find((one) => one.id === present?.operation);
  const bad = operation?.hosts.bad ?? 0;
  const effect = (act: Act) =>
    act === "approve" || act === "reject"
      ? t(`tasks.${act}` as Key, { step: step ?? "", machines: group(summary.machines) })
      : t(`act.${act}.effect` as Key, {
          running: group(operation?.steps.reduce((sum, one) => sum + (one.hosts.running ?? 0), 0) ?? 0),
          bad: group(bad),
          owed: group(operations.reduce((sum, one) => sum + one.owed, 0)),
          hosts: group(act === "retry" ? bad : summary.machines),
          step: step ?? "–",
        });
  const hidden = (act: Act) =>
    ((act === "approve" || act === "reject") && summary.reason !== "AwaitingApproval" && whyNot(actions, act) !== null) ||
    (over && whyNot(actions, act) !== null);
  return (
    <div className="task col grow">
      <div className="taskhead">
        <PhaseSaid phase={summary.phase} reason={summary.reason} />
        <PhaseBadge phase={summary.phase} />
        <h2 className="nowrap">{t("run.title", { type: summary.type, n: group(summary.machines), cluster: summary.cluster })}</h2>
        <span className="dim small cut grow">
          <Foreign text={summary.why === "" ? summary.subject : `${summary.subject}: ${summary.why}`} most={160} /> · {summary.bundle}
          {summary.cluster_type === "" ? "" : ` · ${summary.cluster_type}`} · {moment(Date.parse(summary.created), zone, anchor)}
        </span>
        <span className="row tight acts">
          <SideButton side={side} title={t("run.tab.spec")} icon="file" />
          <ActBar
            path={`${TASKS}/${id}`}
            name={summary.name}
            actions={actions}
            hidden={hidden}
            closed={null}
            bad={bad}
            steps={step === null ? [] : [step]}
            step={step ?? ""}
            hosts={[]}
            effect={effect}
            onDone={refresh}
          />
        </span>
      </div>
      {summary.message !== "" || summary.reason ? (
        <div className={summary.phase === "Failed" ? "note bad" : summary.phase === "Held" ? "note held" : "note plain"}>
          <span className="cut">
            {summary.reason ? <b className="medium mono">{summary.reason} </b> : null}
            <Foreign text={summary.message} most={400} />
          </span>
        </div>
      ) : null}
      {stream?.state === "lost" && !over ? (
        <div className="note plain">
          <Stale since={stream.since} />
          <span className="cut">{t("run.streamLost")}</span>
        </div>
      ) : null}
      <div className="row flush grow below">
        <div className="scroll grow" tabIndex={0} role="group" aria-label={t("tasks.stages")}>
          <Stages detail={detail} />
        </div>
        <Beside side={side} title={t("run.tab.spec")}>
          <aside className="panel vl col" aria-label={t("run.tab.spec")}>
            <div className="bar">
              <h2>{t("run.tab.spec")}</h2>
            </div>
            <div className="scroll grow pad" tabIndex={0} role="group" aria-label={t("run.tab.spec")}>
              <Json value={detail.spec} />
            </div>
          </aside>
        </Beside>
      </div>
    </div>
  );
}
