/** Facets: the most frequent values of each field under the same filter, counted by the server. */
import { useState } from "react";
import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import type { Facets as Answer, Facet } from "../../api/types";
import { short } from "../../design/number";
import { Foreign } from "../../design/parts";
import { copy } from "../../design/toast";
import { type Key, useT } from "../../i18n";
import { only, stateOf, without, withValue } from "../../query/edit";

const FIRST = 6;
const MORE = 25;
const ORDER = ["cluster", "reason", "kind", "namespace", "node", "component"];

interface Props {
  data: Answer;
  line: string;
  complete: boolean;
  onLine: (line: string) => void;
}

export function FacetList({ data, line, complete, onLine }: Props) {
  const ordered = ORDER.flatMap((field) => data.facets.filter((facet) => facet.field === field));
  return ordered.map((facet) => <One key={facet.field} facet={facet} all={data.states} line={line} complete={complete} onLine={onLine} />);
}

function One({ facet, all, line, complete, onLine }: Omit<Props, "data"> & { facet: Facet; all: number }) {
  const t = useT();
  const [more, setMore] = useState(false);
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
            <MenuTrigger>
              <Button className="v">
                <Foreign className={text === "" ? "dim cut" : "cut"} text={shown} most={80} />
                <span className="num" title={String(value.states)}>
                  {complete ? "" : "≥ "}
                  {short(value.states)}
                </span>
              </Button>
              <Popover className="pop" placement="right top">
                <Menu
                  className="menu"
                  aria-label={shown}
                  onAction={(key) => {
                    if (key === "only") onLine(only(line, facet.field, text));
                    else if (key === "not") onLine(withValue(line, facet.field, text, true));
                    else if (key === "add") onLine(withValue(line, facet.field, text));
                    else void copy(text, t("copy.done", { form: facet.field }));
                  }}
                >
                  <MenuItem id="only" className="it">
                    {t("facet.only")}
                  </MenuItem>
                  <MenuItem id="add" className="it">
                    {t("facet.add")}
                  </MenuItem>
                  <MenuItem id="not" className="it">
                    {t("facet.not")}
                  </MenuItem>
                  <MenuItem id="copy" className="it">
                    {t("action.copy")}
                  </MenuItem>
                </Menu>
              </Popover>
            </MenuTrigger>
            <i style={{ width: `${Math.max(1.5, (value.states / Math.max(1, all)) * 100)}%` }} aria-hidden="true" />
          </div>
        );
      })}
      {!more && rest > 0 && facet.values.length > FIRST ? (
        <button type="button" className="btn bare link sm" onClick={() => setMore(true)}>
          {t("facet.more", { n: Math.min(rest, facet.values.length - FIRST) })}
        </button>
      ) : null}
      {more && rest > 0 ? <p className="small dim rest">{t("facet.beyond", { n: short(rest) })}</p> : null}
    </fieldset>
  );
}
