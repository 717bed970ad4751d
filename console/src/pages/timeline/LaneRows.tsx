/** The lanes of one object: their names, and what lies on them, over an axis that other objects may share. */
import { Link } from "@tanstack/react-router";
import { type MouseEvent, useMemo } from "react";
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
import { KEYED, laneKey, laneKeys, OPERATIONS, readHidden, toggledLane } from "./hidden";
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
  /** Keys hide its lanes. */
  keyed?: boolean;
}

export function LaneRows({ of, data, axis, view, name, keyed, t1, t2, onT }: Props) {
  const t = useT();
  const { spans, host, cluster, runs, done } = of;
  const complete = isWhole(data.coverage, data.range);
  const keys = laneKeys(data.lanes);
  const hidden = readHidden(view.search.lanes).filter((key) => keys.includes(key));
  const gone = hidden.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `gone` has what is hidden
  const drawn = useMemo(
    () => ({ ...data, lanes: data.lanes.filter((lane) => !hidden.includes(laneKey(lane))), range: axis }),
    [data, axis, gone],
  );
  const toggle = (key: string) => view.set(({ lanes }) => ({ lanes: toggledLane(lanes, key) }), { replace: true });
  // The button goes with its lane, and the focus not.
  const press = ({ currentTarget }: MouseEvent<HTMLElement>, key: string) => {
    currentTarget.closest(".lanes, .compared")?.querySelector("canvas")?.focus();
    toggle(key);
  };
  const hint = (key: string) => {
    const n = keys.indexOf(key) + 1;
    return keyed && n <= KEYED ? `${t("lanes.hide")} (${n})` : t("lanes.hide");
  };
  const withRuns = !hidden.includes(OPERATIONS);
  return (
    <>
      <HiddenLanes keys={hidden} onShow={press} />
      <div className={of.lanes.isPlaceholderData ? "lanegrid stale" : "lanegrid"}>
        <div className="names">
          {withRuns ? (
            <div className="l" style={{ height: tallOf(spans) }}>
              <button type="button" className="lane row tight" title={hint(OPERATIONS)} onClick={(event) => press(event, OPERATIONS)}>
                <Icon name="ops" />
                <span className="cut">
                  <b>{t("nav.operations")}</b>
                  <br />
                  <span className="dim small">{t(host ? "lanes.runsHere" : "lanes.runsNear")}</span>
                </span>
              </button>
              <Link
                className="num small"
                title={t("nav.operations")}
                to="/operations"
                search={{ ...common(view.search), c: cluster, q: host } as never}
              >
                {done === null ? (runs.isError ? "–" : "…") : group(done)}
              </Link>
            </div>
          ) : null}
          {drawn.lanes.map((lane) => (
            <div key={laneKey(lane)} className="l" style={{ height: LANE }}>
              <button type="button" className="lane row tight" title={hint(laneKey(lane))} onClick={(event) => press(event, laneKey(lane))}>
                <Glyph name={typeGlyph(lane.type)} label={lane.type ?? ""} />
                <Foreign className="cut medium" text={lane.reason ?? t("lanes.others")} most={60} />
              </button>
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
          runs={withRuns ? spans : null}
          zone={view.zone}
          t1={t1}
          t2={t2}
          onT1={(at) => onT({ t1: at })}
          onT2={(at) => onT({ t2: at })}
          onZoom={(from, to) => view.set(absolute(from, to) as { from: string; to: string })}
          name={name}
        />
      </div>
    </>
  );
}

/** What is hidden stays told, and a press shows it again. */
function HiddenLanes({ keys, onShow }: { keys: readonly string[]; onShow: (event: MouseEvent<HTMLElement>, key: string) => void }) {
  const t = useT();
  if (keys.length === 0) return null;
  const word = (key: string) =>
    key === OPERATIONS ? t("nav.operations") : key === "others" ? t("lanes.others") : key.slice(key.indexOf("/") + 1);
  return (
    <div className="row wrap hb pad hiddenlanes">
      <span className="small dim">{t("lanes.hidden")}</span>
      {keys.map((key) => (
        <button key={key} type="button" className="chip" title={t("lanes.show")} onClick={(event) => onShow(event, key)}>
          <Icon name="eye" />
          <Foreign text={word(key)} most={60} />
        </button>
      ))}
    </div>
  );
}
