/** Why something is done, kept in the log: it must be said. */
import type { Ref } from "react";
import { useT } from "../i18n";

interface Props {
  why: string;
  /** It was to be done without one. */
  missing: boolean;
  /** It is the first thing that is asked. */
  first: boolean;
  /** It is on its way, or may have come: it is no more to be changed. */
  sent: boolean;
  ref: Ref<HTMLInputElement>;
  onText: (why: string) => void;
}

export function Reason({ why, missing, first, sent, ref, onText }: Props) {
  const t = useT();
  return (
    <label className="field">
      <span>{t("act.why")}</span>
      <input
        ref={ref}
        // biome-ignore lint/a11y/noAutofocus: the one thing that must be said here
        autoFocus={first}
        className="in"
        required
        readOnly={sent}
        aria-invalid={missing}
        maxLength={500}
        value={why}
        onChange={(event) => onText(event.target.value)}
      />
      {missing ? (
        <b className="error small medium" role="alert">
          {t("act.whyMissing")}
        </b>
      ) : null}
    </label>
  );
}
