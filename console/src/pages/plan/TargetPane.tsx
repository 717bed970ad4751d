/** Step 1: what to do, where, with which bundle, under which name. */
import { Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { TYPES } from "../../operation/states";
import { bundlesFor, nameOf, readying } from "./draft";
import type { Work } from "./useDraft";

export function TargetPane({ work }: { work: Work }) {
  const t = useT();
  const { draft, set, bundles, bundle, clusters, flow } = work;
  const all = bundles.data?.items ?? [];
  const own = bundlesFor(all, draft.type);
  const made = readying(bundle?.steps ?? [], flow);
  const choose = (type: string) => set({ type, bundle: "", flow: null, values: {}, secrets: {}, name: nameOf(type, new Date()) });
  return (
    <section className="wpane" id="step-1" aria-label={t("plan.target")}>
      <h2>
        {t("plan.target")} <small>{t("plan.targetHint")}</small>
      </h2>
      {bundles.isPending ? <Loading rows={2} /> : null}
      {bundles.isError ? <Failed error={bundles.error} what={t("plan.bundle")} retry={() => void bundles.refetch()} /> : null}
      {bundles.data && all.length <= 1 ? <p className="warn small">{t("plan.noBundles")}</p> : null}
      <div className="fields four">
        <label className="field">
          <span>{t("plan.operation")}</span>
          <select className="in" value={draft.type} onChange={(event) => choose(event.target.value)}>
            {TYPES.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("plan.cluster")}</span>
          <input
            className="in mono"
            list="plan-clusters"
            value={draft.cluster}
            spellCheck={false}
            onChange={(event) => set({ cluster: event.target.value })}
          />
          <datalist id="plan-clusters">
            {clusters.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
        <label className="field">
          <span>{t("plan.bundle")}</span>
          <select
            className="in"
            value={draft.bundle}
            onChange={(event) => set({ bundle: event.target.value, flow: null, values: {}, secrets: {} })}
          >
            {own.length === 0 ? <option value="">–</option> : null}
            {own.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name} {one.version}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("plan.name")}</span>
          <input
            className="in mono"
            value={draft.name}
            maxLength={507}
            spellCheck={false}
            onChange={(event) => set({ name: event.target.value })}
          />
        </label>
      </div>
      {bundle ? (
        <fieldset className="row wrap flow" aria-label={t("plan.flow")}>
          <span className="sub small">{t("plan.flow")}</span>
          {bundle.steps.map((step) => (
            <label key={step.name} className="row tight small">
              <input
                type="checkbox"
                checked={flow.includes(step.name) || made.has(step.name)}
                disabled={made.has(step.name)}
                onChange={() =>
                  set({ flow: bundle.steps.map((one) => one.name).filter((name) => flow.includes(name) !== (name === step.name)) })
                }
              />
              <span className="mono">{step.name}</span>
            </label>
          ))}
        </fieldset>
      ) : null}
    </section>
  );
}
