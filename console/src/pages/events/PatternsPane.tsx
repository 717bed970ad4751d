/** Like messages folded to one line each: how often, since when, and which are new against the time before. */
import { patterns } from "../../api/questions";
import type { Pattern } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Glyph, typeGlyph } from "../../design/Icon";
import { atLeast, group, short } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { only } from "../../query/edit";
import type { View } from "../../shell/view";
import { isWhole } from "../../time/coverage";
import { full } from "../../time/format";
import type { PatternParams } from "./groups";

interface Props {
  params: PatternParams;
  view: View;
  line: string;
  onLine: (line: string) => void;
}

export function PatternsPane({ params, view, line, onLine }: Props) {
  const t = useT();
  const answer = useHeld(patterns(params, view.anchor));
  if (answer.isPending) return <Loading rows={16} />;
  if (answer.isError) return <Failed error={answer.error} what={t("events.patterns")} retry={() => void answer.refetch()} />;
  const { items, different } = answer.data;
  if (items.length === 0) return <Empty title={t("events.noPatterns")} />;
  const whole = isWhole(answer.data.baseline_coverage, answer.data.baseline);
  const complete = isWhole(answer.data.coverage, answer.data.range);
  const most = items[0]?.states ?? 1;
  return (
    <section className={answer.isPlaceholderData ? "scroll grow stale" : "scroll grow"} aria-label={t("events.patterns")} tabIndex={0}>
      <StaleNote since={answer.asOf} />
      <table className="tbl pat">
        <colgroup>
          <col style={{ width: 108 }} />
          <col style={{ width: 84 }} />
          <col />
          <col style={{ width: 150 }} />
          <col style={{ width: 84 }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col" className="num">
              {t("col.states")}
            </th>
            <th scope="col" className="num">
              {t("pat.before")}
            </th>
            <th scope="col">{t("pat.pattern", { n: atLeast(group(different), complete) })}</th>
            <th scope="col">{t("pat.last")}</th>
            <th scope="col" className="num">
              {t("nav.clusters")}
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <Row
              key={item.pattern}
              item={item}
              most={most}
              whole={whole}
              complete={complete}
              zone={view.zone}
              onPick={() => onLine(only(line, "pattern", item.pattern))}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  item: Pattern;
  most: number;
  /** Whether all of the time before is known, and all of the range. */
  whole: boolean;
  complete: boolean;
  zone: string;
  onPick: () => void;
}

function Row({ item, most, whole, complete, zone, onPick }: RowProps) {
  const t = useT();
  return (
    <tr>
      <td className="num barcell">
        <i style={{ width: `${(item.states / most) * 100}%` }} className={item.example?.type === "Warning" ? "w" : ""} aria-hidden="true" />
        <span>{atLeast(group(item.states), complete)}</span>
      </td>
      <td className="num">
        {item.new ? (
          <span className={whole ? "badge warn" : "badge info"}>{whole ? t("pat.new") : t("pat.newMaybe")}</span>
        ) : (
          <span className="dim">{atLeast(short(item.states_before), whole)}</span>
        )}
      </td>
      <td>
        <button type="button" className="lk row" onClick={onPick} title={visible(item.example?.message ?? "", 1000)}>
          <Glyph name={typeGlyph(item.example?.type)} label={item.example?.type ?? ""} />
          <Foreign className="cut" text={item.pattern} most={400} />
        </button>
      </td>
      <td className="dim mono">{full(Date.parse(item.last_time), zone)}</td>
      <td className="num dim">{item.clusters}</td>
    </tr>
  );
}
