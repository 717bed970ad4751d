/** Events grouped by a field: one row for each value, with how many and how bad. A row narrows the list to what it counts. */
import type { Params } from "../../api/client";
import { facets } from "../../api/questions";
import { oldest, useHeld } from "../../api/useHeld";
import { Glyph } from "../../design/Icon";
import { atLeast, group, short } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { only } from "../../query/edit";
import type { View } from "../../shell/view";
import { missing } from "../../time/coverage";
import type { FACETS } from "../first";
import { type Group, groupsOf, MOST_GROUPS } from "./groups";

export type GroupField = (typeof FACETS)[number];

export function groupParams(params: Params, field: GroupField): Params {
  return { ...params, fields: [field], top: MOST_GROUPS };
}

interface Props {
  field: GroupField;
  params: Params;
  /** Types that are asked for; none means all. */
  types: readonly string[];
  view: View;
  line: string;
  onLine: (line: string) => void;
}

export function GroupsPane({ field, params, types, view, line, onLine }: Props) {
  const t = useT();
  const asked = groupParams(params, field);
  const canWarn = types.length === 0 || types.includes("Warning");
  const answer = useHeld(facets(asked, view.anchor));
  const warnings = useHeld({ ...facets({ ...asked, type: ["Warning"] }, view.anchor), enabled: canWarn });
  if (answer.isPending) return <Loading rows={16} />;
  if (answer.isError) return <Failed error={answer.error} what={t("events.group")} retry={() => void answer.refetch()} />;
  const [all] = answer.data.facets;
  if (!all || all.values.length === 0) return <Empty title={t("events.none")} />;
  const told = warnings.isPlaceholderData ? undefined : warnings.data?.facets.find((one) => one.field === all.field);
  const complete = missing(answer.data.coverage, Date.parse(answer.data.range.to)).length === 0;
  const title = t(`facet.${all.field}` as Key);
  const most = all.values[0]?.states ?? 1;
  return (
    <section
      className={answer.isPlaceholderData ? "scroll grow stale" : "scroll grow"}
      aria-label={t("events.groupedBy", { field: title })}
      tabIndex={0}
    >
      <StaleNote
        since={oldest(answer, warnings)}
        error={warnings.isError ? warnings.error : null}
        what={t("sig.warnings")}
        {...(warnings.isError ? { retry: () => void warnings.refetch() } : {})}
      />
      <table className="tbl pat">
        <colgroup>
          <col style={{ width: 108 }} />
          <col style={{ width: 108 }} />
          <col />
          <col style={{ width: 116 }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col" className="num">
              {t("col.states")}
            </th>
            <th scope="col" className="num">
              {t("sig.warnings")}
            </th>
            <th scope="col">
              {title} · {short(all.different)}
            </th>
            <th scope="col" className="num">
              {t("col.occurrences")}
            </th>
          </tr>
        </thead>
        <tbody>
          {groupsOf(all, canWarn ? told : "none").map((one) => (
            <Row key={one.value} one={one} most={most} complete={complete} onPick={() => onLine(only(line, all.field, one.text))} />
          ))}
        </tbody>
      </table>
      {all.different > all.values.length ? (
        <p className="small dim pad">{t("facet.beyond", { n: short(all.different - all.values.length) })}</p>
      ) : null}
    </section>
  );
}

function Row({ one, most, complete, onPick }: { one: Group; most: number; complete: boolean; onPick: () => void }) {
  const t = useT();
  const { text, states, occurrences, warnings } = one;
  const worst = warnings === null ? "unknown" : warnings > 0 ? "warn" : "info";
  return (
    <tr>
      <td className="num barcell">
        <i style={{ width: `${(states / most) * 100}%` }} className={worst === "warn" ? "w" : ""} aria-hidden="true" />
        <span>{atLeast(group(states), complete)}</span>
      </td>
      <td className="num dim" title={warnings === null ? t("events.fewWarnings") : undefined}>
        {warnings === null ? "–" : atLeast(group(warnings), complete)}
      </td>
      <td>
        <button type="button" className="lk row" onClick={onPick}>
          <Glyph name={worst} label={worst === "warn" ? "Warning" : worst === "info" ? "Normal" : t("events.fewWarnings")} />
          <Foreign className={text === "" ? "dim cut" : "cut mono"} text={text === "" ? t("facet.none") : text} most={256} />
        </button>
      </td>
      <td className="num dim">{atLeast(group(occurrences), complete)}</td>
    </tr>
  );
}
