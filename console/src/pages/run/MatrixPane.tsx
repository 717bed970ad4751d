/** Hosts × steps, grouped by batch, with how many stand where. */
import { useMemo } from "react";
import type { Group, MatrixCursor } from "../../canvas/drawMatrix";
import { MatrixChart } from "../../canvas/MatrixChart";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Failed, Loading, StaleNote } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { nextBad, standing } from "../../operation/standing";
import { STATES } from "../../operation/states";
import { batchName, machinesOf } from "../../operation/words";
import { useKeys } from "../../shell/keys";
import { useView } from "../../shell/view";
import type { Run } from "./useRun";

const UNKNOWN = new Uint8Array();

export function MatrixPane({ run }: { run: Run }) {
  const t = useT();
  const view = useView();
  const { detail, store, matrix } = run;
  const { plan, stages } = detail;
  const steps = useMemo(() => plan.steps.map((step) => step.name), [plan]);
  const groups = useMemo((): Group[] => {
    // Steps may take all hosts at once; batches are those of the step that has most.
    const of = (step: string) => stages.filter((stage) => stage.step === step);
    const first = steps.map(of).reduce((most, own) => (own.length > most.length ? own : most), []);
    const canary = stages.some((stage) => stage.canary);
    // Batches that are no single stretch of the plan have no place under one name.
    if (first.some((stage) => stage.host_ranges.length !== 1)) return [{ label: "", from: 0, to: plan.hosts.length }];
    return first.map((stage) => ({
      label: first.length === 1 ? "" : batchName(t, stage.batch, stage.canary, canary),
      from: stage.host_ranges[0]?.[0] ?? 0,
      to: stage.host_ranges[0]?.[1] ?? 0,
    }));
  }, [stages, steps, plan, t]);
  const shape = useMemo(() => ({ steps, hosts: plan.hosts.length, groups }), [steps, plan, groups]);
  const machines = useMemo(() => machinesOf(detail.spec), [detail.spec]);
  const known = store.bytes();
  const bytes = () => store.bytes() ?? UNKNOWN;
  const cursor = useMemo((): MatrixCursor | null => {
    const host = plan.hosts.indexOf(view.search.host ?? "");
    return host < 0 ? null : { host, step: Math.max(0, steps.indexOf(view.search.step ?? "")) };
  }, [plan, steps, view.search.host, view.search.step]);
  const open = (cell: MatrixCursor) =>
    view.set({ host: plan.hosts[cell.host] ?? "", step: steps[cell.step] ?? "", tab: "" }, { replace: true });
  useKeys({
    f: () => {
      const next = nextBad(bytes(), steps.length, plan.hosts.length, cursor?.host ?? -1);
      if (next) open(next);
    },
  });
  const tell = (cell: MatrixCursor) => {
    const host = plan.hosts[cell.host] ?? "";
    const state = STATES[bytes()[cell.step * plan.hosts.length + cell.host] ?? 0] ?? "unknown";
    return (
      <>
        <b className="medium mono">{machines.get(host)?.name ?? host}</b> <span className="dim">{host}</span> · {steps[cell.step]} ·{" "}
        {t(`host.${state}` as Key)}
      </>
    );
  };
  if (known === null) {
    return (
      <div className="matrix">
        <div className="bar">
          <h2>{t("run.matrix")}</h2>
        </div>
        {matrix.isError ? (
          <Failed error={matrix.error} what={t("run.matrix")} retry={() => void matrix.refetch()} />
        ) : (
          <Loading rows={Math.min(8, steps.length)} />
        )}
      </div>
    );
  }
  const counts = standing(known, steps.length, plan.hosts.length);
  const words = t("run.matrixName", { hosts: plan.hosts.length, steps: steps.length, ...counts });
  return (
    <div className="matrix">
      <div className="bar">
        <h2>{t("run.matrix")}</h2>
        <span className="row small legend">
          {(["bad", "running", "through", "waiting"] as const).map((one) => (
            <span key={one} className="row tight">
              <Glyph name={({ bad: "fail", running: "run", through: "ok", waiting: "wait" } as const)[one]} />
              <span className="n" data-count={one}>
                {t(`run.n.${one}` as Key, { n: group(counts[one]) })}
              </span>
            </span>
          ))}
        </span>
        <span className="end dim small wide">{t("run.matrixHint")}</span>
      </div>
      <StaleNote since={matrix.isError ? store.asOf : null} />
      <MatrixChart shape={shape} bytes={bytes} beat={store.beat} cursor={cursor} name={words} tell={tell} onOpen={open} />
    </div>
  );
}
