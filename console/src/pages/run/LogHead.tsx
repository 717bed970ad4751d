/** Above the log: whose lines, of which step and kind, with which text. All of it stands in the address. */
import { Icon } from "../../design/Icon";
import { Fit } from "../../design/parts";
import { useT } from "../../i18n";
import { machinesOf } from "../../operation/words";
import type { Typed } from "../../shell/useTyped";
import { useView } from "../../shell/view";
import type { Run } from "./useRun";

/** Kinds of lines that are shown together: what the address says of them, and what the API is asked for. */
const KINDS: Record<string, readonly string[]> = {
  "": [],
  results: ["host", "item", "retry", "no_hosts", "note"],
  output: ["output"],
};
const CHOICES = [
  ["", "run.told"],
  ["results", "run.results"],
  ["output", "run.output"],
] as const;

export function kindsOf(text: string | undefined): readonly string[] {
  return KINDS[text ?? ""] ?? [];
}

export function LogHead({ run, filter }: { run: Run; filter: Typed }) {
  const t = useT();
  const view = useView();
  const { detail } = run;
  const { host, step, attempt } = view.search;
  const chosen = detail.attempts.find((one) => one.id === attempt);
  const title = host ? (machinesOf(detail.spec).get(host)?.name ?? host) : chosen ? `${chosen.step} #${chosen.number}` : t("run.allLines");
  return (
    <div className="row loghead hb">
      <b className="medium mono cut">
        <Fit text={title} />
      </b>
      <select
        className="in sm"
        aria-label={t("run.logStep")}
        value={step ?? ""}
        onChange={(event) => view.set({ step: event.target.value, line: "" }, { replace: true })}
      >
        <option value="">{t("run.allSteps")}</option>
        {detail.plan.steps.map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
      <input
        className="in sm grow"
        aria-label={t("run.logText")}
        placeholder={t("run.logText")}
        value={filter.text}
        spellCheck={false}
        onChange={(event) => filter.setText(event.target.value)}
      />
      {host || attempt ? (
        <button
          type="button"
          className="btn bare sm icon"
          aria-label={t("run.allLines")}
          title={t("run.allLines")}
          onClick={() => view.set({ host: "", attempt: "", step: "", line: "" }, { replace: true })}
        >
          <Icon name="close" />
        </button>
      ) : null}
    </div>
  );
}

export function LogKinds() {
  const t = useT();
  const view = useView();
  const { lines } = view.search;
  return (
    <select
      className="in sm end"
      aria-label={t("run.logKinds")}
      value={CHOICES.some(([kind]) => kind === lines) ? lines : ""}
      onChange={(event) => view.set({ lines: event.target.value, line: "" }, { replace: true })}
    >
      {CHOICES.map(([kind, label]) => (
        <option key={kind} value={kind}>
          {t(label)}
        </option>
      ))}
    </select>
  );
}
