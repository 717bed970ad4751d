/** One object over time: lanes folded by the server, the rows under them, and its state at T. */
import "./timeline.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { costOf, get } from "../../api/client";
import type { ObjectAt } from "../../api/types";
import { oldest } from "../../api/useHeld";
import { Glyph, Icon } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Fit, Foreign, Segment } from "../../design/parts";
import { Beside, SideButton, useSide } from "../../design/side";
import { Empty, Failed, Loading, Partial } from "../../design/states";
import { useT } from "../../i18n";
import { RunsNote } from "../../operation/RunsNote";
import { written } from "../../query/edit";
import { kindOf } from "../../query/tables";
import { useChrome } from "../../shell/chrome";
import { type ObjectRef, objectUrl, timelineCopies } from "../../shell/copies";
import { useKeys } from "../../shell/keys";
import { common, useView, type View } from "../../shell/view";
import { missing } from "../../time/coverage";
import { full, hms } from "../../time/format";
import { absolute } from "../../time/range";
import { readAlso, writeAlso } from "./also";
import { CompareButton } from "./CompareButton";
import { Compared } from "./Compared";
import { laneKeys, toggledLane } from "./hidden";
import { LaneRows } from "./LaneRows";
import { ObjectRows } from "./ObjectRows";
import { remember } from "./recent";
import { StatePanel } from "./StatePanel";
import { useObjectLanes } from "./useObjectLanes";

/** A moment of the address; what is no moment is left out. */
function momentOf(text: string | undefined): number | null {
  const value = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(value) ? null : value;
}

export function Page() {
  const t = useT();
  const ref = useParams({ strict: false }) as unknown as ObjectRef;
  const view = useView();
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1200);
  const side = useSide(1280);
  const given = momentOf(view.search.t2);
  const t1 = momentOf(view.search.t1);
  const range = given !== null && !view.search.from && given < view.bounds[0] ? absolute(given - 3_600_000, given + 3_600_000) : view.range;
  const url = objectUrl(ref);
  const of = useObjectLanes(ref, range, view, width);
  const { lanes, runs, states } = of;
  const also = readAlso(view.search.also, ref);
  const beside = (next: readonly ObjectRef[]) => view.set({ also: writeAlso(next) });
  const ends = lanes.data ? ([Date.parse(lanes.data.range.from), Date.parse(lanes.data.range.to)] as const) : view.bounds;
  const t2 = Math.min(ends[1], Math.max(ends[0], given ?? ends[1]));
  useEffect(() => {
    const measured = holder.current?.clientWidth ?? 0;
    if (measured > 0) setWidth(Math.min(4000, Math.max(100, Math.round((measured - 164) / 100) * 100)));
  }, []);
  useEffect(() => remember(ref), [ref]);
  useChrome({
    title: ref.name,
    mono: true,
    crumbs: (
      <>
        <Link to="/o" search={common(view.search) as never}>
          {t("nav.timelines")}
        </Link>
        <span className="sl">/</span>
        <Link to="/clusters" search={common(view.search) as never} className="mono">
          <Foreign text={ref.cluster} mid={32} />
        </Link>
        <span className="sl">/</span>
      </>
    ),
    copies: timelineCopies({ ...ref, kind: kindOf(ref.kind) ?? ref.kind, cluster: of.cluster }, { ...view, range }),
    cost: costOf(lanes.data),
    costText: lanes.data ? t("lanes.cost", { lanes: lanes.data.lanes.length, states: group(states), marks: lanes.data.marks }) : "",
  });
  const setT = (patch: { t1?: number; t2?: number }) =>
    view.set(
      {
        ...(patch.t1 === undefined ? {} : { t1: new Date(Math.round(patch.t1)).toISOString() }),
        ...(patch.t2 === undefined ? {} : { t2: new Date(Math.round(patch.t2)).toISOString() }),
      },
      { replace: true },
    );
  const lost = missing(lanes.data?.coverage, ends[1]);
  const complete = lost.length === 0;
  const query = `kind:${written(ref.kind)} name:${written(ref.name)}${ref.namespace === "_" ? "" : ` namespace:${written(ref.namespace)}`}`;
  // Nothing was said of it in the range, nothing done, and nothing stands beside it.
  const silent = lanes.data?.lanes.length === 0 && of.spans.length === 0 && also.length === 0;
  const cursors = { t1, t2, onT: setT };
  const toggle = (n: number) => {
    const key = lanes.data && laneKeys(lanes.data.lanes)[n - 1];
    if (key) view.set(({ lanes }) => ({ lanes: toggledLane(lanes, key) }), { replace: true });
  };
  useKeys({
    "1": () => toggle(1),
    "2": () => toggle(2),
    "3": () => toggle(3),
    "4": () => toggle(4),
    "5": () => toggle(5),
    "6": () => toggle(6),
  });
  const length = view.range.to === "now" ? view.range.from.slice(1) : "";
  return (
    <div className="timeline col grow" ref={holder}>
      <div className="obj">
        <Icon name={ref.kind === "Node" ? "node" : "object"} />
        <b className="medium">
          <Foreign text={ref.kind} most={40} />
        </b>
        {ref.namespace === "_" ? null : <Fit className="dim mono" text={ref.namespace} />}
        {lanes.data?.lanes.slice(0, 3).map((lane) =>
          lane.reason && lane.type === "Warning" ? (
            <span key={lane.reason} className="badge warn">
              <Glyph name="warn" />
              <Foreign text={lane.reason} most={60} /> × {atLeast(group(lane.occurrences), complete)}
            </span>
          ) : null,
        )}
        <span className="row end">
          <span className="small dim">
            T1 <b className="mono medium sub">{t1 === null ? "–" : hms(t1, view.zone)}</b>
          </span>
          <span className="small dim">
            T2 <b className="mono medium accent">{hms(t2, view.zone)}</b>
          </span>
          <Segment
            small
            label={t("time.title")}
            value={length}
            choices={["1h", "24h", "7d", "30d"].map((one) => ({
              value: one,
              label: `${one.slice(0, -1)} ${t(`time.${one.slice(-1)}` as "time.h")}`,
            }))}
            onChange={(one) => view.set({ from: `-${one}`, to: "now" })}
          />
          <CompareButton self={ref} cluster={of.cluster} also={also} view={view} onAdd={(one) => beside([...also, one])} />
          <SideButton side={side} title={t("lanes.state")} icon="eye" />
          <Link className="btn sm" to="/events" search={{ ...common(view.search), c: ref.cluster, q: query } as never}>
            <Icon name="events" />
            {t("nav.events")}
          </Link>
        </span>
      </div>
      <RunsNote since={oldest(lanes, runs)} runs={runs} />
      <Partial parts={lost} />
      {lanes.isPending ? <Loading rows={8} /> : null}
      {lanes.isError ? <Failed error={lanes.error} what={t("nav.timelines")} retry={() => void lanes.refetch()} /> : null}
      {lanes.data && !silent ? (
        <>
          <section className={also.length > 0 ? "lanes several hb scroll" : "lanes hb scroll"} tabIndex={0} aria-label={t("lanes.label")}>
            <LaneRows
              keyed
              {...cursors}
              of={of}
              data={lanes.data}
              axis={lanes.data.range}
              view={view}
              name={t("lanes.name", { n: lanes.data.lanes.length, states: atLeast(group(states), complete) })}
            />
            {also.map((object) => (
              <Compared
                {...cursors}
                key={writeAlso([object])}
                object={object}
                range={range}
                axis={lanes.data.range}
                width={width}
                told={lanes.data.coverage}
                view={view}
                onRemove={() => beside(also.filter((one) => one !== object))}
              />
            ))}
          </section>
          {lanes.data.lanes.length > 0 ? (
            <div className="row flush grow">
              <ObjectRows
                url={url}
                lanes={lanes.data}
                range={range}
                view={view}
                t2={t2}
                onT2={(at) => setT({ t2: at })}
                total={atLeast(group(states), complete)}
              />
              <Beside side={side} title={t("lanes.state")}>
                <StatePanel url={url} kind={ref.kind} view={view} t1={t1} t2={t2} />
              </Beside>
            </div>
          ) : null}
        </>
      ) : null}
      {lanes.data && lanes.data.lanes.length === 0 ? <Nothing url={url} view={view} /> : null}
    </div>
  );
}

/** No Event in the range: when there were some. */
function Nothing({ url, view }: { url: string; view: View }) {
  const t = useT();
  const at = useQuery({
    queryKey: [url, "at", "now", view.anchor],
    queryFn: ({ signal }) => get<ObjectAt>(`${url}/at`, { t: view.range.to }, signal),
    retry: false,
  });
  if (at.isPending) return <Loading rows={4} />;
  if (at.isError) return <Failed error={at.error} what={t("lanes.state")} retry={() => void at.refetch()} />;
  const nearest = at.data.last_seen ?? at.data.first_seen;
  const from = at.data.tables_from;
  const nothing = from ? t("lanes.tablesFrom", { time: full(Date.parse(from), view.zone) }) : t("lanes.never");
  return (
    <Empty title={t("lanes.none")}>
      <p>{nearest ? t("lanes.nearest", { time: nearest.slice(0, 19).replace("T", " ") }) : nothing}</p>
      {nearest ? (
        <button
          type="button"
          className="btn"
          onClick={() => view.set({ ...absolute(Date.parse(nearest) - 3_600_000, Date.parse(nearest) + 3_600_000), t2: nearest })}
        >
          {t("lanes.goThere")}
        </button>
      ) : null}
    </Empty>
  );
}
