/** Buttons for what may be said to an operation or a task. Each opens a preview; one that is not possible says why. */
import { useState } from "react";
import type { ActionItem } from "../api/types";
import { Icon } from "../design/Icon";
import { toast } from "../design/toast";
import { type Key, useT } from "../i18n";
import { useKeys } from "../shell/keys";
import { ActDialog } from "./ActDialog";
import { ACT_ICON, ACTS, type Act, foremost, whyNot } from "./acts";

interface Props {
  path: string;
  name: string;
  actions: readonly ActionItem[];
  /** Acts that have no place here. */
  hidden: (act: Act) => boolean;
  /** Why nothing can be done at all, such as in a replay. */
  closed: string | null;
  bad: number;
  steps: readonly string[];
  step: string;
  hosts: readonly string[];
  effect: (act: Act) => string;
  onDone: () => void;
}

export function ActBar(props: Props) {
  const t = useT();
  const { actions, hidden, closed, bad, hosts } = props;
  const [act, setAct] = useState<Act | null>(null);
  const why = (one: Act) => closed ?? whyNot(actions, one);
  const begin = (one: Act) => {
    const not = why(one);
    if (not === null) setAct(one);
    else toast(not === "" ? t("act.notNow") : not);
  };
  useKeys({ h: () => begin("hold"), r: () => begin("retry") });
  const first = closed === null ? foremost(actions, bad) : null;
  const retried = hosts.length > 0 ? hosts.length : bad;
  const label = (one: Act) => (one === "retry" && retried > 0 ? t("act.retryN", { n: retried }) : `${t(`act.${one}` as Key)}…`);
  const shown = ACTS.filter((one) => !hidden(one)).sort((a, b) => Number(b === first) - Number(a === first));
  return (
    <>
      {shown.map((one) => {
        const not = why(one);
        return (
          <button
            key={one}
            type="button"
            className={one === first ? "btn prime" : one === "cancel" || one === "reject" ? "btn bad" : "btn"}
            data-act={one}
            aria-disabled={not !== null}
            aria-label={label(one)}
            title={not === null ? label(one) : not === "" ? t("act.notNow") : not}
            onClick={() => begin(one)}
          >
            <Icon name={ACT_ICON[one]} />
            <span className={one === first ? "" : "wide"}>{label(one)}</span>
          </button>
        );
      })}
      <ActDialog
        act={act}
        path={props.path}
        name={props.name}
        effect={act ? props.effect(act) : ""}
        steps={props.steps}
        step={props.step}
        hosts={act === "retry" ? hosts : []}
        onClose={() => setAct(null)}
        onDone={props.onDone}
      />
    </>
  );
}
