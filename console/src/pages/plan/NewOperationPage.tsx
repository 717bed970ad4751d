/** From a list of machines to a plan that somebody else can approve: four steps on one page. */
import "./plan.css";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { OPERATIONS } from "../../api/operations";
import { Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { type Key, useT } from "../../i18n";
import { StartDialog } from "../../operation/StartDialog";
import { manifest } from "../../operation/yaml";
import { useChrome } from "../../shell/chrome";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { asCommand, asCurl } from "./copies";
import { keep, TYPE_NAME_ABOVE } from "./draft";
import { MachinesPane } from "./MachinesPane";
import { PlanPane } from "./PlanPane";
import { RolloutPane } from "./RolloutPane";
import { TargetPane } from "./TargetPane";
import { useDraft } from "./useDraft";

const STEPS = ["target", "machines", "rollout", "review"] as const;

export function Page() {
  const t = useT();
  const view = useView();
  const work = useDraft();
  const { draft, spec, plan, missing, machines } = work;
  const [review, setReview] = useState(false);
  const text = manifest("Operation", draft.name === "" ? "new-operation" : draft.name, spec);
  useChrome({
    title: t("nav.newOperation"),
    crumbs: (
      <>
        <Link to="/operations" search={common(view.search) as never}>
          {t("nav.operations")}
        </Link>
        <span className="sl">/</span>
      </>
    ),
    copies: { cli: "beidou operation apply -f operation.yaml --watch", yaml: text, api: asCurl(OPERATIONS, draft.name, spec) },
    cost: null,
  });
  const ready = missing.length === 0 && plan.data !== undefined && !plan.isPlaceholderData && !plan.isFetching;
  const begin = () => {
    if (ready) setReview(true);
    else document.querySelector<HTMLElement>(".planpane .missing button, .planpane [role=alert]")?.focus();
  };
  const go = (step: number) => {
    const pane = document.getElementById(`step-${step}`);
    pane?.scrollIntoView({ block: "start" });
    pane?.querySelector<HTMLElement>("input, select, textarea, button")?.focus();
  };
  useKeys({ "Mod+Enter": begin, "Alt+1": () => go(1), "Alt+2": () => go(2), "Alt+3": () => go(3), "Alt+4": begin });
  const done = (step: number) => step < 4 && !missing.some((one) => one.step === step);
  return (
    <div className="newop col grow">
      <div className="stepsbar">
        <nav className="row" aria-label={t("plan.steps")}>
          {STEPS.map((name, n) => (
            <button
              key={name}
              type="button"
              className={done(n + 1) ? "wstep done" : "wstep"}
              onClick={() => (n === 3 ? begin() : go(n + 1))}
            >
              <i aria-hidden="true">{done(n + 1) ? <Icon name="check" /> : n + 1}</i>
              {t(`plan.step.${name}` as Key)}
            </button>
          ))}
        </nav>
        <span className="row end">
          <button type="button" className="btn" onClick={work.clear}>
            {t("plan.clear")}
          </button>
          <button type="button" className="btn prime review" aria-disabled={!ready} onClick={begin}>
            {t("plan.review", { n: group(machines.rows.length) })}…
          </button>
        </span>
      </div>
      <div className="row flush grow twocol">
        <div className="col grow scroll leftcol">
          <TargetPane work={work} />
          <MachinesPane work={work} />
          <RolloutPane work={work} />
        </div>
        <PlanPane work={work} yaml={text} cli={asCommand(text)} curl={asCurl(OPERATIONS, draft.name, spec)} onGo={go} />
      </div>
      {plan.data ? (
        <StartDialog
          open={review}
          name={draft.name}
          spec={spec}
          plan={plan.data}
          typeNameAbove={TYPE_NAME_ABOVE}
          onClose={() => setReview(false)}
          onStarted={() => keep(null)}
        />
      ) : null}
    </div>
  );
}
