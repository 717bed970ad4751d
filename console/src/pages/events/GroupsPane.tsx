/** Events grouped by a field: one row for each value, with how many and how bad. A row narrows the list to what it counts. */
import { facets } from "../../api/questions";
import type { FacetValue } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Glyph } from "../../design/Icon";
import { atLeast, group, short } from "../../design/number";
import { Fit } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { only } from "../../query/edit";
import type { View } from "../../shell/view";
import { isWhole } from "../../time/coverage";
import type { GroupParams, GroupSort } from "./groups";

interface Props {
  params: GroupParams;
  view: View;
  line: string;
  onLine: (line: string) => void;
}

export function GroupsPane({ params, view, line, onLine }: Props) {
  const t = useT();
  const answer = useHeld(facets(params, view.anchor));
  if (answer.isPending) return <Loading rows={16} />;
  if (answer.isError) return <Failed error={answer.error} what={t("events.group")} retry={() => void answer.refetch()} />;
  const [all] = answer.data.facets;
  if (!all || all.values.length === 0) return <Empty title={t("events.none")} />;
  const complete = isWhole(answer.data.coverage, answer.data.range);
  const title = t(`facet.${all.field}` as Key);
  const most = Math.max(...all.values.map((one) => one.states));
  const head = (sort: GroupSort, label: string) => (
    <th scope="col" className="num" aria-sort={sort === params.sort ? "descending" : "none"}>
      <button type="button" className="th" onClick={() => view.set({ sort: sort === "states" ? "" : sort }, { replace: true })}>
        {label}
        {sort === params.sort ? " ↓" : ""}
      </button>
    </th>
  );
  return (
    <section
      className={answer.isPlaceholderData ? "scroll grow stale" : "scroll grow"}
      aria-label={t("events.groupedBy", { field: title })}
      tabIndex={0}
    >
      <StaleNote since={answer.asOf} />
      <table className="tbl pat">
        <colgroup>
          <col style={{ width: 108 }} />
          <col style={{ width: 108 }} />
          <col />
          <col style={{ width: 116 }} />
        </colgroup>
        <thead>
          <tr>
            {head("states", t("col.states"))}
            {head("warnings", t("sig.warnings"))}
            <th scope="col">
              {title} · {atLeast(short(all.different), complete)}
            </th>
            <th scope="col" className="num">
              {t("col.occurrences")}
            </th>
          </tr>
        </thead>
        <tbody>
          {all.values.map((one) => (
            <Row
              key={one.value}
              one={one}
              most={most}
              complete={complete}
              onPick={() => onLine(only(line, all.field, one.label ?? one.value))}
            />
          ))}
        </tbody>
      </table>
      {all.different > all.values.length ? (
        <p className="small dim pad">{t("facet.beyond", { n: short(all.different - all.values.length) })}</p>
      ) : null}
    </section>
  );
}

function Row({ one, most, complete, onPick }: { one: FacetValue; most: number; complete: boolean; onPick: () => void }) {
  const t = useT();
  const { states, occurrences, warnings } = one;
  const text = one.label ?? one.value;
  const warns = warnings > 0;
  return (
    <tr>
      <td className="num barcell">
        <i style={{ width: `${(states / most) * 100}%` }} className={warns ? "w" : ""} aria-hidden="true" />
        <span>{atLeast(group(states), complete)}</span>
      </td>
      <td className="num dim">{atLeast(group(warnings), complete)}</td>
      <td>
        <button type="button" className="lk row" onClick={onPick}>
          <Glyph name={warns ? "warn" : "info"} label={warns ? "Warning" : "Normal"} />
          <Fit className={text === "" ? "dim" : "mono"} text={text === "" ? t("facet.none") : text} />
        </button>
      </td>
      <td className="num dim">{atLeast(group(occurrences), complete)}</td>
    </tr>
  );
}
