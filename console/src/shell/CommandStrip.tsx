/** The strip at the foot: the equal command, the view in other forms, and what it cost. */
import { bytes } from "../design/number";
import { copy } from "../design/toast";
import { useT } from "../i18n";
import { duration } from "../time/format";
import { useChromeNow } from "./chrome";

export function CommandStrip({ onKeys }: { onKeys: () => void }) {
  const t = useT();
  const { copies, cost, costText } = useChromeNow();
  const forms: [string, string | undefined][] = [
    ["URL", ""],
    ["CLI", copies.cli],
    ["SQL", copies.sql],
    ["kubectl", copies.kubectl],
    ["YAML", copies.yaml],
    ["API", copies.api],
  ];
  const [head = "beidou", ...rest] = copies.cli.split(" ");
  return (
    <footer className="cmd">
      <span className="ps" aria-hidden="true">
        $
      </span>
      <code title={copies.cli}>
        <b>{head}</b> {rest.join(" ")}
      </code>
      <fieldset className="as" aria-label={t("copy.label")}>
        <span>{t("copy.as")}</span>
        {forms.map(([name, text]) =>
          text === undefined ? null : (
            <button
              key={name}
              type="button"
              onClick={() => void copy(name === "URL" ? location.href : text, t("copy.done", { form: name }))}
            >
              {name}
            </button>
          ),
        )}
      </fieldset>
      <span className="end nowrap cost">
        {costText ? <span className="long">{cost ? `${costText} · ` : costText}</span> : null}
        {cost ? `${duration(cost.totalMs ?? 0)} · ${bytes(cost.bytes)}` : ""}
      </span>
      <button type="button" onClick={onKeys}>
        <kbd>?</kbd> {t("keys.keys")}
      </button>
    </footer>
  );
}
