/** What is to be done with the listed nodes, and the preview of it. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { makeDraft } from "../../api/drafts";
import { bundleList, planOf, readMachines } from "../../api/operations";
import type { BundleItem, ClusterCalendar, PlanAnswer } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign, Id, Segment } from "../../design/parts";
import { Failed } from "../../design/states";
import { toast } from "../../design/toast";
import { type Key, useT } from "../../i18n";
import { StartDialog } from "../../operation/StartDialog";
import { useDelayed } from "../../operation/useDelayed";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { contentOf } from "../plan/content";
import { EMPTY, flowOf, nameOf, specOf, typeNameAbove, withoutLines } from "../plan/draft";
import { PasteBox } from "../plan/PasteBox";
import { fieldsOf } from "../plan/schema";

const ACTS = ["Cordon", "Uncordon", "Drain", "Reboot"] as const;
type Act = (typeof ACTS)[number];
const TYPING_MS = 250;

interface Props {
  cluster: ClusterCalendar;
  /** The nodes, as a list that is read like a pasted one. */
  text: string;
  onText: (text: string) => void;
}

export function BulkPane({ cluster, text, onText }: Props) {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<{ name: string; spec: Record<string, unknown>; plan: PlanAnswer } | null>(null);
  const [refused, setRefused] = useState<unknown>(null);
  const [waiting, setWaiting] = useState(false);
  const act = ACTS.find((one) => one === view.search.act) ?? "Drain";
  const bundles = useQuery(bundleList());
  const bundleOf = (one: Act): BundleItem | undefined => bundles.data?.items.find((bundle) => bundle.type === one);
  const bundle = bundleOf(act);
  const late = useDelayed(text, TYPING_MS);
  const list = useQuery({
    queryKey: ["machines", late, "auto", cluster.cluster],
    queryFn: ({ signal }) => readMachines(late, "auto", cluster.cluster, signal),
    enabled: late.trim() !== "",
    retry: false,
  });
  const answer = late.trim() === "" ? undefined : list.data;
  const rows = useMemo(() => answer?.rows.filter((row) => !row.duplicate_of) ?? [], [answer]);
  const bad = [
    ...(answer?.errors ?? []).map((one) => one.line),
    ...(answer?.rows ?? []).flatMap((row) => (row.duplicate_of ? [row.line] : [])),
  ];
  const read = rows.length > 0 && bad.length === 0 && text === late && !waiting;
  const ready = read && bundle !== undefined;
  const wishOf = (act: Act) => {
    const bundle = bundleOf(act);
    const draft = { ...EMPTY, type: act, cluster: cluster.cluster, bundle: bundle?.name ?? "", name: nameOf(act, new Date()), text };
    const [flow, fields] = [bundle ? flowOf(bundle) : [], fieldsOf(bundle?.parameters)];
    return { draft, spec: specOf(draft, flow, fields, rows), content: contentOf(draft, flow, fields) };
  };
  const preview = async (act: Act) => {
    if (!read || !bundleOf(act)) return toast(t(text.trim() === "" ? "nodes.nothingChosen" : "nodes.notYet"));
    const { draft, spec } = wishOf(act);
    setWaiting(true);
    setRefused(null);
    try {
      setAsked({ name: draft.name, spec, plan: await planOf({ name: draft.name, spec }) });
    } catch (error) {
      setRefused(error);
    } finally {
      setWaiting(false);
    }
  };
  /** Batches, parameters and approval are set on the page for it, which takes the list along as a draft. */
  const inFull = async () => {
    const search = { ...common(view.search), c: cluster.cluster, type: act };
    setRefused(null);
    try {
      const draft = text.trim() === "" ? undefined : (await makeDraft(wishOf(act).content)).id;
      void navigate({ to: "/operations/new", search: { ...search, draft } as never });
    } catch (error) {
      setRefused(error);
    }
  };
  const begin = (next: Act) => {
    view.set({ act: next }, { replace: true });
    void preview(next);
  };
  useKeys({
    C: () => begin("Cordon"),
    U: () => begin("Uncordon"),
    D: () => begin("Drain"),
  });
  return (
    <section className="bulk" aria-label={t("nodes.act")}>
      <div className="wpane">
        <h2>
          {t("nodes.actOn")} <Id text={cluster.cluster} most={40} />
        </h2>
        <p className="sub small">{t("nodes.hint")}</p>
        <div className="row wrap">
          <Segment
            label={t("nodes.act")}
            value={act}
            choices={ACTS.map((one) => ({ value: one, label: one }))}
            onChange={(value) => view.set({ act: value }, { replace: true })}
          />
          <span className="sub small">{t(`nodes.what.${act}` as Key)}</span>
        </div>
      </div>
      <div className="wpane">
        <div className="row">
          <h2>{t("nodes.chosen")}</h2>
          <span className="small dim" role="status">
            {answer ? t("nodes.pool", { n: group(rows.length) }) : ""}
          </span>
          {bad.length > 0 ? (
            <button type="button" className="btn sm end" onClick={() => onText(withoutLines(text, bad))}>
              {t("plan.drop", { n: group(bad.length) })}
            </button>
          ) : null}
        </div>
        <div className="nodelist">
          <PasteBox text={text} bad={bad} label={t("nodes.chosen")} hint={t("nodes.chosenHint")} onText={onText} />
        </div>
        {answer?.errors.slice(0, 4).map((one) => (
          <p key={one.line} className="small error">
            <Glyph name="error" /> {t("plan.lineOf", { line: one.line })}: <Foreign text={one.value} most={60} /> —{" "}
            <Foreign text={one.allowed} most={160} />
          </p>
        ))}
        {answer?.rows
          .filter((row) => row.duplicate_of)
          .slice(0, 4)
          .map((row) => (
            <p key={row.line} className="small warn">
              <Glyph name="warn" /> {t("plan.lineOf", { line: row.line })}: {row.ip ?? row.name} —{" "}
              {t("plan.duplicate", { line: row.duplicate_of ?? 0 })}
            </p>
          ))}
        {list.isError ? <Failed error={list.error} what={t("nodes.list")} /> : null}
        {bundles.isError ? <Failed error={bundles.error} what={t("plan.bundle")} retry={() => void bundles.refetch()} /> : null}
        {bundles.data && !bundle ? <p className="warn small">{t("plan.noBundles")}</p> : null}
        {refused ? <Failed error={refused} what={t("plan.plan")} /> : null}
        <div className="row wrap">
          <button type="button" className="btn prime" aria-disabled={!ready} onClick={() => void preview(act)}>
            {t("nodes.preview", { type: act, n: group(rows.length), cluster: cluster.cluster })}
          </button>
          <button type="button" className="btn" onClick={() => void inFull()}>
            {t("nodes.inFull")}
          </button>
        </div>
      </div>
      {asked ? (
        <StartDialog
          open
          name={asked.name}
          spec={asked.spec}
          plan={asked.plan}
          typeNameAbove={typeNameAbove(cluster.pool)}
          onClose={() => setAsked(null)}
          onStarted={() => onText("")}
        />
      ) : null}
    </section>
  );
}
