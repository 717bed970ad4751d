/** The last look before an operation begins: how many hosts, what it waits for; many hosts ask for the name of the cluster. */
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { command, newKey, OPERATIONS, owedBody } from "../api/operations";
import type { PlanAnswer } from "../api/types";
import { Icon } from "../design/Icon";
import { Framed } from "../design/lazy";
import { group } from "../design/number";
import { Failed } from "../design/states";
import { toast } from "../design/toast";
import { type Key, useT } from "../i18n";
import { common, useView } from "../shell/view";
import { duration } from "../time/format";
import { Reason } from "./Reason";

interface Props {
  open: boolean;
  name: string;
  spec: Record<string, unknown>;
  plan: PlanAnswer;
  /** More hosts than so many ask for the name of the cluster. */
  typeNameAbove: number;
  onClose: () => void;
  onStarted: () => void;
}

export function StartDialog(props: Props) {
  const t = useT();
  return (
    <Framed open={props.open} title={t("plan.reviewTitle")} onClose={props.onClose}>
      {props.open ? <Body {...props} /> : null}
    </Framed>
  );
}

function Body({ name, spec, plan, typeNameAbove, onClose, onStarted }: Props) {
  const t = useT();
  const { search } = useView();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [why, setWhy] = useState("");
  const [told, setTold] = useState(false);
  const reason = useRef<HTMLInputElement>(null);
  const [key] = useState(newKey);
  const cluster = String(spec.clusterName);
  const hosts = plan.plan.hosts.length;
  const asks = hosts > typeNameAbove;
  const ready = !asks || typed.trim() === cluster;
  const lacks = why.trim() === "";
  const start = useMutation({
    mutationFn: (body: object) => command(OPERATIONS, body, key),
    onSuccess: (answer) => {
      toast(t(answer.outcome === "followed" ? "plan.started" : "act.waiting"));
      onStarted();
      onClose();
      void navigate({ to: "/operations/$id", params: { id: answer.id }, search: common(search) as never });
    },
  });
  const sent = owedBody(start);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTold(lacks);
    if (lacks) reason.current?.focus();
    else if (ready && !start.isPending) start.mutate(sent ?? { name, spec, why: why.trim() });
  };
  const waits = plan.guards.filter((guard) => !guard.open);
  const { p50_ms: p50, p90_ms: p90 } = plan.forecast;
  return (
    <form onSubmit={submit} className="col" noValidate>
      <div className="body">
        <p>
          <b className="medium mono">{name}</b>
        </p>
        <p>
          {t("plan.touched", { n: group(hosts), cluster, type: String(spec.operationType) })} {t("plan.stageN", { n: plan.stages.length })}
          {p50 === null || p50 === undefined ? "" : `, ${t("run.expected", { p50: duration(p50, t), p90: duration(p90 ?? p50, t) })}`}
          {spec.dryRun ? ` · ${t("run.dryRun")}` : ""}
        </p>
        {waits.length === 0 ? <p>{t("plan.atOnce")}</p> : null}
        {waits.map((guard) => (
          <p key={guard.guard} className="warn">
            {t("plan.waits", { why: `${t(`plan.guard.${guard.guard}` as Key)}: ${guard.message || guard.reason || ""}` })}{" "}
            {guard.operation ? (
              <Link to="/operations/$id" params={{ id: guard.operation }} search={common(search) as never}>
                {t("nav.operation")}
              </Link>
            ) : null}
          </p>
        ))}
        {asks ? (
          <label className="field">
            <span>{t("plan.typeName", { n: typeNameAbove, cluster })}</span>
            <input
              // biome-ignore lint/a11y/noAutofocus: the first thing that is asked here
              autoFocus
              className="in mono"
              value={typed}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
        ) : null}
        <Reason why={why} missing={told && lacks} first={!asks} sent={sent !== undefined} ref={reason} onText={setWhy} />
        {start.isError && sent ? <p className="small dim">{t("act.whySent")}</p> : null}
        {start.isError ? <Failed error={start.error} what={t("plan.start")} /> : null}
      </div>
      <footer>
        <button type="button" className="btn" onClick={onClose}>
          {t("act.leave")}
        </button>
        <button type="submit" className="btn prime" disabled={!ready} aria-disabled={lacks || start.isPending}>
          <Icon name="play" />
          {t("plan.startCount", { n: group(hosts) })}
        </button>
      </footer>
    </form>
  );
}
