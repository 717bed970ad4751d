/** The strip at the foot: the equal command, the view in other forms, and what it cost. */
import { useRouterState } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { asProblem } from "../api/problem";
import { PopMenu } from "../design/lazy";
import { bytes } from "../design/number";
import { copy, toast } from "../design/toast";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { duration } from "../time/format";
import { useChromeNow } from "./chrome";
import { isLong, shortLink } from "./link";

/** A text, or how it is had once somebody wants it. */
type Form = string | (() => Promise<string>);

export function CommandStrip({ onKeys }: { onKeys: () => void }) {
  const t = useT();
  const { copies, cost, costText } = useChromeNow();
  const long = useRouterState({ select: ({ location }) => isLong(location.href) });
  const trigger = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const all: [string, Form | undefined][] = [
    ["URL", async () => location.href],
    [t("copy.short"), long ? shortLink : undefined],
    ["CLI", copies.cli],
    ["SQL", copies.sql],
    ["kubectl", copies.kubectl],
    ["YAML", copies.yaml],
    ["API", copies.api],
  ];
  const forms = all.flatMap(([name, form]) => (form === undefined ? [] : [{ name, form }]));
  const [head = "beidou", ...rest] = copies.cli.split(" ");
  const copyAs = async (name: string, form: Form) => {
    try {
      await copy(typeof form === "string" ? form : await form(), t("copy.done", { form: name }));
    } catch (error) {
      toast(t("copy.failed", { form: name, why: visible(asProblem(error).message) }));
    }
  };
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
        {forms.map(({ name, form }) => (
          <button key={name} type="button" onClick={() => void copyAs(name, form)}>
            {name}
          </button>
        ))}
        <button type="button" className="narrow" ref={trigger} aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(true)}>
          {t("copy.as")}…
        </button>
      </fieldset>
      {open ? (
        <PopMenu
          trigger={trigger}
          label={t("copy.label")}
          items={forms.map(({ name }) => ({ id: name, label: name }))}
          onAction={(id) => {
            for (const { name, form } of forms) if (name === id) void copyAs(name, form);
          }}
          onClose={() => setOpen(false)}
        />
      ) : null}
      <span className="end nowrap cost">
        {costText ? <span className="long">{cost ? `${costText} · ` : costText}</span> : null}
        {cost ? `${duration(cost.totalMs ?? 0, t)} · ${bytes(cost.bytes)}` : ""}
      </span>
      <button type="button" onClick={onKeys}>
        <kbd>?</kbd> {t("keys.keys")}
      </button>
    </footer>
  );
}
