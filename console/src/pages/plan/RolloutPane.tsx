/** Step 3: batches, approval, and the parameters of the bundle. */

import type { Key } from "../../i18n";
import { useT } from "../../i18n";
import { BATCH_FIELDS, type BatchField } from "./draft";
import { type Field, read } from "./schema";
import type { Work } from "./useDraft";

const LABELS: Record<BatchField, Key> = {
  canary: "plan.canary",
  soakSeconds: "plan.soak",
  size: "plan.batchSize",
  poolPercent: "plan.pool",
  holdAtHosts: "plan.holdHosts",
  holdAtPercent: "plan.holdPercent",
};

export function RolloutPane({ work }: { work: Work }) {
  const t = useT();
  const { draft, set, bundle, fields } = work;
  const defaults = (bundle?.batches ?? {}) as Record<string, number | undefined>;
  const checks = ["requireApproval", "dryRun", "ignoreWindows"] as const;
  return (
    <section className="wpane" id="step-3" aria-label={t("plan.rollout")}>
      <h2>
        {t("plan.rollout")} <small>{t("plan.rolloutHint")}</small>
      </h2>
      <div className="fields six">
        {BATCH_FIELDS.map((name) => (
          <label key={name} className="field">
            <span>{t(LABELS[name])}</span>
            <input
              className="in"
              inputMode="numeric"
              value={draft.batches[name] ?? ""}
              placeholder={defaults[name] === undefined ? "" : String(defaults[name])}
              onChange={(event) => set({ batches: { ...draft.batches, [name]: event.target.value } })}
            />
          </label>
        ))}
      </div>
      <div className="checks">
        {checks.map((name) => (
          <label key={name} className="row tight">
            <input type="checkbox" checked={draft[name]} onChange={(event) => set({ [name]: event.target.checked })} />
            {t(`plan.${name}` as Key)}
          </label>
        ))}
      </div>
      <h3 className="parts">{t("plan.parameters")}</h3>
      {fields.length === 0 ? <p className="small dim">{t("plan.noParameters")}</p> : null}
      <div className="fields two">
        {fields.map((field) => (
          <Parameter key={field.name} field={field} work={work} />
        ))}
      </div>
    </section>
  );
}

function Parameter({ field, work }: { field: Field; work: Work }) {
  const t = useT();
  const { draft, set } = work;
  const value = draft.values[field.name] ?? "";
  const put = (text: string) => set({ values: { ...draft.values, [field.name]: text } });
  const said = read(field, value);
  const wrong = "wrong" in said ? t(said.wrong, said.vars) : "";
  const hint = `param-${field.name}`;
  const common = { id: `field-${field.name}`, "aria-describedby": hint, "aria-invalid": wrong !== "" };
  const placeholder = field.fallback !== "" ? field.fallback : field.required ? t("plan.fromCluster") : t("plan.optional");
  if (field.secret) {
    const place = draft.secrets[field.name] ?? { secret: "", key: "" };
    const putPlace = (patch: Partial<typeof place>) => set({ secrets: { ...draft.secrets, [field.name]: { ...place, ...patch } } });
    return (
      <fieldset className="field secret">
        <legend className="mono">{field.name}</legend>
        <div className="row">
          <input
            className="in mono grow"
            aria-label={`${field.name}: ${t("plan.secret")}`}
            placeholder={t("plan.secret")}
            autoComplete="off"
            value={place.secret}
            onChange={(event) => putPlace({ secret: event.target.value })}
          />
          <input
            className="in mono grow"
            aria-label={`${field.name}: ${t("plan.secretKey")}`}
            placeholder={t("plan.secretKey")}
            autoComplete="off"
            value={place.key}
            onChange={(event) => putPlace({ key: event.target.value })}
          />
        </div>
        <span className="small dim">
          {field.description} {t("plan.secretHint")}
        </span>
      </fieldset>
    );
  }
  return (
    <div className="field">
      <label className="mono" htmlFor={common.id}>
        {field.name}
      </label>
      {field.kind === "boolean" || field.kind === "choice" ? (
        <select className="in" {...common} value={value} onChange={(event) => put(event.target.value)}>
          <option value="">
            {field.fallback === ""
              ? t("plan.unset")
              : field.kind === "boolean"
                ? t(field.fallback === "true" ? "plan.yes" : "plan.no")
                : field.fallback}
          </option>
          {(field.kind === "boolean" ? ["true", "false"] : field.choices).map((one) => (
            <option key={one} value={one}>
              {field.kind === "boolean" ? t(one === "true" ? "plan.yes" : "plan.no") : one}
            </option>
          ))}
        </select>
      ) : field.kind === "lines" || field.kind === "list" || field.kind === "json" ? (
        <textarea
          className="in mono"
          rows={field.kind === "lines" ? 5 : 2}
          {...common}
          placeholder={field.kind === "list" ? t("plan.listHint") : placeholder}
          value={value}
          spellCheck={false}
          onChange={(event) => put(event.target.value)}
        />
      ) : (
        <input
          className="in mono"
          inputMode={field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : "text"}
          {...common}
          placeholder={placeholder}
          value={value}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => put(event.target.value)}
        />
      )}
      <span className="small dim" id={hint}>
        {wrong === "" ? field.description : <span className="error">{wrong}</span>}
      </span>
    </div>
  );
}
