/** Facets: the most frequent values of each field under the same filter, counted by the server. */
import { useRef, useState } from "react";
import type { Facets as Answer, Facet } from "../../api/types";
import { PopMenu } from "../../design/lazy";
import { short } from "../../design/number";
import { Fit } from "../../design/parts";
import { copy } from "../../design/toast";
import { type Key, useT } from "../../i18n";
import { only, stateOf, without, withValue } from "../../query/edit";
import type { View } from "../../shell/view";

const FIRST = 6;
const MORE = 25;
const ORDER = ["cluster", "reason", "kind", "namespace", "node", "component"];

interface Props {
  data: Answer;
  line: string;
  complete: boolean;
  view: View;
  onLine: (line: string) => void;
}

/** A value whose menu is open. */
interface Picked {
  field: string;
  text: string;
}

export function FacetList({ data, line, complete, view, onLine }: Props) {
  const t = useT();
  const trigger = useRef<HTMLElement>(null);
  const [picked, setPicked] = useState<Picked | null>(null);
  const ordered = ORDER.flatMap((field) => data.facets.filter((facet) => facet.field === field));
  const act = (key: string, { field, text }: Picked) => {
    if (key === "only") onLine(only(line, field, text));
    else if (key === "not") onLine(withValue(line, field, text, true));
    else if (key === "add") onLine(withValue(line, field, text));
    else void copy(text, t("copy.done", { form: field }));
  };
  return (
    <>
      {ordered.map((facet) => (
        <One
          key={facet.field}
          facet={facet}
          all={data.states}
          line={line}
          complete={complete}
          view={view}
          onLine={onLine}
          picked={picked}
          onPick={(value, button) => {
            trigger.current = button;
            setPicked(value);
          }}
        />
      ))}
      {picked ? (
        <PopMenu
          trigger={trigger}
          label={picked.text === "" ? t("facet.none") : picked.text}
          items={[
            { id: "only", label: t("facet.only") },
            { id: "add", label: t("facet.add") },
            { id: "not", label: t("facet.not") },
            { id: "copy", label: t("action.copy") },
          ]}
          onAction={(key) => act(key, picked)}
          onClose={() => setPicked(null)}
        />
      ) : null}
    </>
  );
}

interface OneProps extends Omit<Props, "data"> {
  facet: Facet;
  all: number;
  picked: Picked | null;
  onPick: (value: Picked, button: HTMLElement) => void;
}

function One({ facet, all, line, complete, view, onLine, picked, onPick }: OneProps) {
  const t = useT();
  const shownInFull = (view.search.more ?? "").split(",").filter(Boolean);
  const more = shownInFull.includes(facet.field);
  const values = facet.values.slice(0, more ? MORE : FIRST);
  const rest = facet.different - values.length;
  const title = t(`facet.${facet.field}` as Key);
  return (
    <fieldset className="facet" aria-label={title}>
      <h2>
        {title}
        <span>{short(facet.different)}</span>
      </h2>
      {values.map((value) => {
        const text = facet.field === "cluster" ? (value.label ?? value.value) : value.value;
        const state = stateOf(line, facet.field, text);
        const shown = text === "" ? t("facet.none") : text;
        return (
          <div key={value.value} className={state === "not" ? "fv off" : "fv"}>
            <input
              type="checkbox"
              checked={state === "only"}
              aria-label={`${title}: ${shown}`}
              onChange={() => onLine(state === null ? withValue(line, facet.field, text) : without(line, facet.field, text))}
            />
            <button
              type="button"
              className="v"
              aria-haspopup="menu"
              aria-expanded={picked?.field === facet.field && picked.text === text}
              onClick={(event) => onPick({ field: facet.field, text }, event.currentTarget)}
            >
              <Fit className={text === "" ? "dim" : ""} text={shown} tail={6} />
              <span className="num" title={String(value.states)}>
                {complete ? "" : "≥ "}
                {short(value.states)}
              </span>
            </button>
            <i style={{ width: `${Math.max(1.5, (value.states / Math.max(1, all)) * 100)}%` }} aria-hidden="true" />
          </div>
        );
      })}
      {!more && rest > 0 && facet.values.length > FIRST ? (
        <button
          type="button"
          className="btn bare link sm"
          onClick={() => view.set({ more: [...shownInFull, facet.field].join(",") }, { replace: true })}
        >
          {t("facet.more", { n: Math.min(rest, facet.values.length - FIRST) })}
        </button>
      ) : null}
      {more && rest > 0 ? <p className="small dim rest">{t("facet.beyond", { n: short(rest) })}</p> : null}
    </fieldset>
  );
}
