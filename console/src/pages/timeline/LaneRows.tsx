/** The lanes of one object: their names, and what lies on them, over an axis that other objects may share. */
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Lanes } from "../../api/types";
import { LanesChart } from "../../canvas/LanesChart";
import { LANE } from "../../canvas/lanes";
import { tallOf } from "../../canvas/runs";
import { Glyph, Icon, typeGlyph } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { common, type View } from "../../shell/view";
import { isWhole } from "../../time/coverage";
import { absolute } from "../../time/range";
import type { ObjectLanes } from "./useObjectLanes";

export interface Cursors {
  t1: number | null;
  t2: number;
  onT: (patch: { t1?: number; t2?: number }) => void;
}

interface Props extends Cursors {
  of: ObjectLanes;
  data: Lanes;
  /** The range of the axis. */
  axis: Lanes["range"];
  view: View;
  name: string;
}

export function LaneRows({ of, data, axis, view, name, t1, t2, onT }: Props) {
  const t = useT();
  const { spans, host, cluster, runs, done } = of;
  const complete = isWhole(data.coverage, data.range);
  const drawn = useMemo(() => ({ ...data, range: axis }), [data, axis]);
  return (
    <div className={of.lanes.isPlaceholderData ? "lanegrid stale" : "lanegrid"}>
      <div className="names">
        <div className="l" style={{ height: tallOf(spans) }}>
          <span className="row tight">
            <Icon name="ops" />
            <span className="cut">
              <b>{t("nav.operations")}</b>
              <br />
              <span className="dim small">{t(host ? "lanes.runsHere" : "lanes.runsNear")}</span>
            </span>
          </span>
          <Link
            className="num small"
            title={t("nav.operations")}
            to="/operations"
            search={{ ...common(view.search), c: cluster, q: host } as never}
          >
            {done === null ? (runs.isError ? "–" : "…") : group(done)}
          </Link>
        </div>
        {data.lanes.map((lane) => (
          <div key={`${lane.type}${lane.reason}`} className="l" style={{ height: LANE }}>
            <span className="row tight">
              <Glyph name={typeGlyph(lane.type)} label={lane.type ?? ""} />
              <Foreign className="cut medium" text={lane.reason ?? t("lanes.others")} most={60} />
            </span>
            <span className="num dim small" title={t("col.occurrences")}>
              × {atLeast(group(lane.occurrences), complete)}
            </span>
          </div>
        ))}
        <div className="l last small dim">{t("nav.coverage")}</div>
      </div>
      <LanesChart
        data={drawn}
        complete={complete}
        runs={spans}
        zone={view.zone}
        t1={t1}
        t2={t2}
        onT1={(at) => onT({ t1: at })}
        onT2={(at) => onT({ t2: at })}
        onZoom={(from, to) => view.set(absolute(from, to) as { from: string; to: string })}
        name={name}
      />
    </div>
  );
}
