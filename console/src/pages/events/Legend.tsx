/** Above the histogram: each type with its exact total as a filter, what a bar is, and what to do with the range. */

import type { Histogram } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Segment } from "../../design/parts";
import { useT } from "../../i18n";
import type { View } from "../../shell/view";
import { duration } from "../../time/format";

interface Props {
  data: Histogram | undefined;
  types: string[];
  complete: boolean;
  lost: number;
  view: View;
  rangeLabel: string;
  explainOpen: boolean;
  scale: "linear" | "sqrt";
  onBack: (() => void) | null;
}

export function Legend({ data, types, complete, lost, view, rangeLabel, explainOpen, scale, onBack }: Props) {
  const t = useT();
  const count = (type: string) => data?.by_type.find((one) => one.type === type)?.states ?? 0;
  const other = count("other");
  const shown = (type: string) => types.length === 0 || types.includes(type);
  const toggle = (type: string) => view.set({ sev: types.length === 1 && types[0] === type ? "" : type, row: "" });
  return (
    <div className="leg">
      {(["Warning", "Normal"] as const).map((type) => (
        <button
          key={type}
          type="button"
          aria-pressed={types.includes(type)}
          className={shown(type) ? "" : "off"}
          onClick={() => toggle(type)}
        >
          <Glyph name={type === "Warning" ? "warn" : "info"} />
          <span>{type}</span>
          <b>{data ? atLeast(group(count(type)), complete) : "…"}</b>
        </button>
      ))}
      {other > 0 ? (
        <span className="row tight small">
          <Glyph name="unknown" />
          {t("hist.other")} <b className="medium">{atLeast(group(other), complete)}</b>
        </span>
      ) : null}
      <span className="dim small cut">
        {data
          ? t("events.totals", { states: atLeast(group(data.states), complete), occurrences: atLeast(group(data.occurrences), complete) })
          : ""}
        {lost > 0 ? ` · ${t("events.gaps", { n: lost })}` : ""}
      </span>
      <span className="row end tools">
        {onBack ? (
          <button type="button" className="btn bare sm" onClick={onBack}>
            {t("events.back")}
          </button>
        ) : null}
        <button
          type="button"
          className="btn bare sm link"
          aria-pressed={explainOpen}
          onClick={() => view.set({ panel: explainOpen ? "" : "explain", row: "" })}
        >
          <Icon name="bolt" />
          {t("events.explainRange", { range: rangeLabel })}
        </button>
        <span className="dim small">{data ? t("hist.bar", { length: duration(data.bin_seconds * 1000, t) }) : ""}</span>
        <Segment
          small
          label={t("hist.scale")}
          value={scale}
          onChange={(next) => view.set({ scale: next === "sqrt" ? "sqrt" : "" }, { replace: true })}
          choices={[
            { value: "linear", label: t("hist.linear") },
            { value: "sqrt", label: "√" },
          ]}
        />
        <button
          type="button"
          className="btn bare sm icon"
          aria-label={t("hist.table")}
          aria-pressed={view.search.table === "1"}
          onClick={() => view.set({ table: view.search.table === "1" ? "" : "1" }, { replace: true })}
        >
          <Icon name="table" />
        </button>
      </span>
    </div>
  );
}
