/** From a list of machines to a plan that somebody else can approve: four steps on one page. */
import "./plan.css";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { draftDetail } from "../../api/drafts";
import type { DraftDetail } from "../../api/types";
import { Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Twice } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { StartDialog } from "../../operation/StartDialog";
import { manifest } from "../../operation/yaml";
import { useChrome } from "../../shell/chrome";
import { planCommand, planCopies } from "../../shell/copies";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { contentOf, draftOf } from "./content";
import { DraftNotes, DraftState } from "./DraftNotes";
import { Drafts } from "./Drafts";
import { typeNameAbove } from "./draft";
import { MachinesPane } from "./MachinesPane";
import { PlanPane } from "./PlanPane";
import { RolloutPane } from "./RolloutPane";
import { TargetPane } from "./TargetPane";
import { useDraft } from "./useDraft";
import { useSaving } from "./useSaving";

const STEPS = ["target", "machines", "rollout", "review"] as const;

/** The draft that the address names, or a new one. One that is saved for the first time gets its address while it is written. */
export function Page() {
  const { search, set } = useView();
  const wanted = search.draft ?? "";
  const [open, setOpen] = useState({ key: 0, id: wanted, made: "", load: wanted !== "" });
  if (wanted !== open.id) {
    const here = wanted === open.made;
    setOpen({ key: here ? open.key : open.key + 1, id: wanted, made: "", load: !here && wanted !== "" });
  }
  const saved = useQuery({ ...draftDetail(wanted), enabled: open.load && wanted === open.id });
  const made = (id: string) => {
    setOpen((old) => ({ ...old, made: id }));
    set({ draft: id }, { replace: true });
  };
  const reload = async () => {
    await saved.refetch();
    setOpen((old) => ({ ...old, key: old.key + 1, load: true }));
  };
  if (open.load && saved.data === undefined)
    return <Waiting error={saved.isError ? saved.error : null} retry={() => void saved.refetch()} />;
  return <Editor key={open.key} opened={open.load ? (saved.data ?? null) : null} onMade={made} onReload={() => void reload()} />;
}

/** The draft of the address is on its way, or is not there; the others are. */
function Waiting({ error, retry }: { error: unknown; retry: () => void }) {
  const t = useT();
  useChrome({ title: t("nav.newOperation"), copies: { cli: "beidou operation apply -f operation.yaml --watch" }, cost: null });
  if (error === null) return <Loading />;
  return (
    <div className="newop col grow">
      <div className="stepsbar">
        <Drafts />
      </div>
      <Failed error={error} what={t("drafts.title")} retry={retry} />
    </div>
  );
}

interface Props {
  opened: DraftDetail | null;
  onMade: (id: string) => void;
  onReload: () => void;
}

function Editor({ opened, onMade, onReload }: Props) {
  const t = useT();
  const view = useView();
  const [first] = useState(() => opened && draftOf(opened));
  const work = useDraft(first);
  const content = contentOf(work.draft, work.flow, work.fields);
  const saver = useSaving({ opened, draft: work.draft, content, edits: work.edits, ready: !work.bundles.isPending, onMade });
  const { draft, spec, plan, missing, machines } = work;
  const [review, setReview] = useState(false);
  const text = manifest("Operation", draft.name === "" ? "new-operation" : draft.name, spec);
  const copies = planCopies(text, draft.name, spec);
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
    copies,
    cost: null,
  });
  const ready = missing.length === 0 && plan.data !== undefined && work.settled;
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
          <DraftState saver={saver} dirty={saver.state.saved !== work.edits} />
          <Drafts open={saver.state.known?.id ?? null} />
          <Twice className="btn" label={t("plan.clear")} sure={t("plan.clearSure")} onDo={work.clear} />
          <button type="button" className="btn prime review" aria-disabled={!ready} onClick={begin}>
            {t("plan.review", { n: group(machines.rows.length) })}…
          </button>
        </span>
      </div>
      <DraftNotes saver={saver} onReload={onReload} />
      <div className="row flush grow twocol">
        <div className="col grow scroll leftcol">
          <TargetPane work={work} />
          <MachinesPane work={work} />
          <RolloutPane work={work} />
        </div>
        <PlanPane work={work} yaml={text} cli={planCommand(text)} api={copies.api} onGo={go} />
      </div>
      {plan.data ? (
        <StartDialog
          open={review}
          name={draft.name}
          spec={spec}
          plan={plan.data}
          typeNameAbove={typeNameAbove(work.pool)}
          onClose={() => setReview(false)}
          onStarted={saver.finish}
        />
      ) : null}
    </div>
  );
}
