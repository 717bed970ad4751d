/** The plan: how many batches, how long, what it would wait for; and the same as YAML, command and call. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { PlanAnswer } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { Foreign, Tabs } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { copy } from "../../design/toast";
import { type Key, useT } from "../../i18n";
import { common, useView } from "../../shell/view";
import { duration, hms } from "../../time/format";
import { PlanGantt } from "./PlanGantt";
import type { Work } from "./useDraft";

interface Props {
  work: Work;
  yaml: string;
  cli: string;
  api: string;
  onGo: (step: number) => void;
}

export function PlanPane({ work, yaml, cli, api, onGo }: Props) {
  const t = useT();
  const { plan, missing } = work;
  const [tab, setTab] = useState<"yaml" | "cli" | "api">("yaml");
  const text = { yaml, cli, api }[tab];
  return (
    <aside className="planpane vl col" aria-label={t("plan.plan")}>
      <div className="bar">
        <h2>{t("plan.plan")}</h2>
        <span className="small dim cut">{t("plan.planHint")}</span>
      </div>
      <div className="scroll planbody" tabIndex={0} role="group" aria-label={t("plan.plan")}>
        {missing.length > 0 ? (
          <div className="missing pad">
            <h3>{t("plan.missing")}</h3>
            {missing.slice(0, 8).map((one) => (
              <button key={`${one.key}${JSON.stringify(one.vars)}`} type="button" className="it" onClick={() => onGo(one.step)}>
                <Glyph name="warn" />
                <span className="cut">{t(one.key, one.vars)}</span>
              </button>
            ))}
            {plan.data ? null : <p className="small dim">{t("plan.planWaits")}</p>}
          </div>
        ) : null}
        {missing.length === 0 && plan.isPending ? <Loading rows={6} /> : null}
        {missing.length === 0 && plan.isError ? (
          <Failed error={plan.error} what={t("plan.plan")} retry={() => void plan.refetch()} />
        ) : null}
        {plan.data && !plan.isError ? (
          <div className={missing.length > 0 || plan.isPlaceholderData ? "stale" : undefined}>
            <Figures plan={plan.data} />
            <PlanGantt plan={plan.data} />
            <Guards plan={plan.data} />
          </div>
        ) : null}
      </div>
      <div className="bar ht">
        <Tabs
          id="as"
          label={t("copy.label")}
          value={tab}
          tabs={[
            { value: "yaml", label: "YAML" },
            { value: "cli", label: t("plan.cli") },
            { value: "api", label: t("plan.api") },
          ]}
          onChange={setTab}
        />
        <button type="button" className="btn bare sm end" onClick={() => void copy(text, t("copy.done", { form: tab.toUpperCase() }))}>
          <Icon name="copy" />
          {t("action.copy")}
        </button>
      </div>
      <div className="scroll astext" id="as-panel" role="tabpanel" aria-labelledby={`as-${tab}`} tabIndex={0}>
        <pre className="code">{text}</pre>
      </div>
    </aside>
  );
}

function Figures({ plan }: { plan: PlanAnswer }) {
  const t = useT();
  const { zone } = useView();
  const { forecast, stages } = plan;
  const batches = new Set(stages.map((stage) => stage.batch)).size;
  const { p50_ms: p50, p90_ms: p90 } = forecast;
  const end = forecast.ends_p50 ? Date.parse(forecast.ends_p50) : null;
  return (
    <dl className="figures">
      <div>
        <dt>{t("plan.batches")}</dt>
        <dd>
          <b>{batches}</b> <span>{t("plan.stageN", { n: stages.length })}</span>
        </dd>
      </div>
      <div>
        <dt>{t("plan.expected")}</dt>
        <dd>
          {p50 === null || p50 === undefined ? (
            <span>{t("plan.forecastUnknown")}</span>
          ) : (
            <>
              <b>{duration(p50, t)}</b> <span>p90 {duration(p90 ?? p50, t)}</span>
            </>
          )}
        </dd>
      </div>
      {end === null ? null : (
        <div>
          <dt>{t("run.end")}</dt>
          <dd>
            <b>{hms(end, zone).slice(0, 5)}</b>{" "}
            <span>{forecast.ends_p90 ? `p90 ${hms(Date.parse(forecast.ends_p90), zone).slice(0, 5)}` : ""}</span>
          </dd>
        </div>
      )}
    </dl>
  );
}

function Guards({ plan }: { plan: PlanAnswer }) {
  const t = useT();
  const { search, zone } = useView();
  return (
    <div className="guards">
      <h3>
        {t("plan.guards")} <small>{t("plan.guardsHint")}</small>
      </h3>
      {plan.guards.map((guard) => (
        <div key={guard.guard} className="row">
          <Glyph name={guard.open ? "ok" : "held"} />
          <span>{t(`plan.guard.${guard.guard}` as Key)}</span>
          <span className={guard.open ? "dim cut" : "held cut"}>
            {guard.operation ? (
              <Link to="/operations/$id" params={{ id: guard.operation }} search={common(search) as never}>
                <Foreign text={guard.message} most={200} />
              </Link>
            ) : (
              <Foreign text={guard.message || guard.reason || ""} most={200} />
            )}
          </span>
          <span className="end dim small nowrap">{guard.until ? t("plan.opensAt", { time: hms(Date.parse(guard.until), zone) }) : ""}</span>
        </div>
      ))}
    </div>
  );
}
