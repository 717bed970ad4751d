/** Stages of a task: when, in which state, the work order at which it waits, the operation that does it. */
import { Link } from "@tanstack/react-router";
import type { GateItem, OperationItem, TaskDetail, TaskStepItem } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { Foreign, Id } from "../../design/parts";
import { type Key, useT } from "../../i18n";
import { HostBar, HostNumbers, PhaseBadge } from "../../operation/Phase";
import { share } from "../../operation/states";
import { taskStepName } from "../../operation/words";
import { common, useView } from "../../shell/view";
import { duration, full, hms } from "../../time/format";
import { stageGlyph } from "./Pipeline";

export function Stages({ detail }: { detail: TaskDetail }) {
  return (
    <ol className="stages">
      {detail.summary.steps.map((step) => (
        <Stage key={taskStepName(step)} step={step} operation={detail.operations.find((one) => one.id === step.operation)} />
      ))}
    </ol>
  );
}

function Stage({ step, operation }: { step: TaskStepItem; operation: OperationItem | undefined }) {
  const t = useT();
  const { zone } = useView();
  const from = step.started ? Date.parse(step.started) : null;
  const to = step.ended ? Date.parse(step.ended) : Date.now();
  return (
    <li className={`stagebox ${step.state}`}>
      <span className="sign">
        <Glyph name={stageGlyph(step)} />
      </span>
      <div className="col grow">
        <div className="row">
          <h3 className="mono">{taskStepName(step)}</h3>
          <span className="sub small">{t(`taskState.${step.state}` as Key)}</span>
          <span className="end dim small num">{from === null ? "" : `${hms(from, zone)} · ${duration(Math.max(0, to - from), t)}`}</span>
        </div>
        {step.message === "" || (operation && step.message.endsWith(operation.message)) ? null : (
          <p className="sub">
            <Foreign text={step.message} most={400} />
          </p>
        )}
        {step.gate ? <Gate gate={step.gate} /> : null}
        {operation ? <Operation item={operation} /> : null}
      </div>
    </li>
  );
}

function Gate({ gate }: { gate: GateItem }) {
  const t = useT();
  const { zone } = useView();
  const answer = gate.open === null || gate.open === undefined ? "none" : gate.open ? "yes" : "no";
  return (
    <dl className="dl gate-dl">
      <dt>{t("tasks.gate")}</dt>
      <dd>
        {t(`gateMode.${gate.mode}` as Key)} · <b className="medium">{t(`tasks.answer.${answer}` as Key)}</b>
        {gate.answered_by ? ` · ${gate.answered_by}` : ""}
      </dd>
      {gate.ticket === "" ? null : (
        <>
          <dt>{t("act.ticket")}</dt>
          <dd className="mono">
            <Foreign text={gate.ticket} most={120} />
          </dd>
        </>
      )}
      {gate.why === "" ? null : (
        <>
          <dt>{t("col.reason")}</dt>
          <dd>
            <Foreign text={gate.why} most={500} />
          </dd>
        </>
      )}
      <dt>{t("tasks.asked")}</dt>
      <dd>{full(Date.parse(gate.asked), zone)}</dd>
      {answer === "none" ? (
        <>
          <dt>{t("tasks.until")}</dt>
          <dd>{full(Date.parse(gate.until), zone)}</dd>
        </>
      ) : null}
    </dl>
  );
}

function Operation({ item }: { item: OperationItem }) {
  const { search } = useView();
  const counts = share(item.hosts, item.steps);
  return (
    <div className="row opline">
      <PhaseBadge phase={item.phase} />
      <Link to="/operations/$id" params={{ id: item.id }} search={common(search) as never}>
        <Id text={item.name} most={48} />
      </Link>
      <HostBar share={counts} />
      <span className="small num">
        <HostNumbers share={counts} />
      </span>
      <span className="dim small cut grow">
        <Foreign text={item.message} most={200} />
      </span>
    </div>
  );
}
