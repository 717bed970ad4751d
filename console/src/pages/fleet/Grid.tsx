/** Clusters by signal, favourites of this browser first. A silent cluster is hatched; no cell falls back to zero; the order does not
 * change under the hand. */
import { Link, useNavigate } from "@tanstack/react-router";
import { type FocusEvent, type KeyboardEvent, useMemo, useRef, useState } from "react";
import type { Cluster, ClusterCompleteness, Completeness, Page, Signals } from "../../api/types";
import type { Held } from "../../api/useHeld";
import { Glyph, Icon } from "../../design/Icon";
import { atLeast, group, short, tight } from "../../design/number";
import { Id } from "../../design/parts";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { modified } from "../../shell/keys";
import { prefsNow, setPrefs, usePrefs } from "../../shell/prefs";
import { common, type View } from "../../shell/view";
import { type Cell, cell, isWholeOf } from "./cell";
import { favouritesFirst, ordered, type Sort, toggledFavourite } from "./order";
import { SIGNALS } from "./signals";

const GLYPHS = ["info", "warn", "error", "crit"] as const;
/** Later than so many seconds is worth a look; later than that is bad. */
const LAG_S = [10, 60] as const;

interface Props {
  list: Page<Cluster>;
  cover: Held<Completeness>;
  signals: Held<Signals>;
  sort: Sort;
  view: View;
}

/** A favourite stays on top in this browser, until it is none any more. */
const favour = (uid: string) => setPrefs({ favourites: toggledFavourite(prefsNow().favourites, uid) });

interface Line {
  cluster: Cluster;
  /** Null: nothing watched it. Missing until it has come. */
  cover: ClusterCompleteness | "failed" | null | undefined;
  cells: (Cell | null | undefined)[];
  worst: number;
}

export function Grid({ list, cover, signals, sort, view }: Props) {
  const t = useT();
  const navigate = useNavigate();
  const table = useRef<HTMLTableElement>(null);
  const answer = signals.data;
  const lines = list.items.map((cluster): Line => {
    const cells = SIGNALS.map((_, place) => (answer ? cell(answer, place, cluster.cluster_uid) : undefined));
    const worst = cells.reduce((sum, one) => sum + (one ? 100 ** one.level : one === null ? 50 : 0), 0);
    const known = cover.data?.items;
    const own = known ? (known.find((one) => one.cluster_uid === cluster.cluster_uid) ?? null) : cover.isError ? "failed" : undefined;
    return { cluster, cover: own, cells, worst };
  });
  const { favourites } = usePrefs();
  const wanted = ordered(lines, sort).join();
  const settled = answer !== undefined;
  // The order stays as it was until a person asks for the new one; a star moves its own row, and no other.
  const [held, setHeld] = useState<{ key: string; order: string } | null>(null);
  const key = `${sort}|${view.range.from}|${view.range.to}|${view.clusters.join()}|${view.search.baseline ?? ""}|${list.items.length}`;
  if (settled && held?.key !== key) setHeld({ key, order: wanted });
  const order = held?.key === key ? held.order : wanted;
  const shown = useMemo(() => {
    const uids = favouritesFirst(order.split(","), favourites);
    return uids.flatMap((uid) => lines.filter((line) => line.cluster.cluster_uid === uid));
  }, [order, favourites, lines]);
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const focus = document.activeElement?.closest<HTMLElement>("[data-cell]");
    const [row = 0, column = 0] = (focus?.dataset.cell ?? "0,0").split(",").map(Number);
    const line = shown[row];
    if (event.key === "*" && focus && line && !modified(event)) {
      event.preventDefault();
      favour(line.cluster.cluster_uid);
      // Its row goes elsewhere, and the focus with it.
      requestAnimationFrame(() => focus.focus());
    }
    if (!step || !focus || event.shiftKey) return;
    event.preventDefault();
    table.current?.querySelector<HTMLElement>(`[data-cell="${row + (step[0] ?? 0)},${column + (step[1] ?? 0)}"]`)?.focus();
  };
  // One cell is reached by Tab, the others from it by arrows.
  const [at, setAt] = useState("0,0");
  const stop = Number(at.split(",")[0]) < shown.length ? at : "0,0";
  const spot = (row: number, column: number): Spot => {
    const place = `${row},${column}`;
    return { "data-cell": place, tabIndex: place === stop ? 0 : -1 };
  };
  const focused = (event: FocusEvent) => setAt((event.target as HTMLElement).dataset.cell ?? at);
  const open = (line: Line, q: string) =>
    void navigate({ to: "/events", search: { ...common(view.search), c: line.cluster.cluster, q } as never });
  return (
    <div className="scroll gridbox" tabIndex={0} role="group" aria-label={t("fleet.grid")}>
      {order !== wanted ? (
        <button type="button" className="btn sm link reorder" onClick={() => setHeld({ key, order: wanted })}>
          {t("fleet.reorder")}
        </button>
      ) : null}
      <table
        className={signals.isPlaceholderData ? "heat stale" : "heat"}
        ref={table}
        onKeyDown={keys}
        onFocus={focused}
        aria-label={t("fleet.grid")}
      >
        <thead>
          <tr>
            <th scope="col" className="left">
              {t("col.cluster")}
            </th>
            <th scope="col">{t("col.states")}</th>
            <th scope="col">
              {t("sig.lag")}
              <br />
              {t("sig.lag2")}
            </th>
            {SIGNALS.map((signal) => (
              <th key={signal.id} scope="col" title={signal.line}>
                {t(signal.title)}
                <br />
                {t(signal.under)}
              </th>
            ))}
            <th scope="col">
              {t("sig.coverage")}
              <br />%
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((line, row) => (
            <tr key={line.cluster.cluster_uid}>
              <th scope="row">
                <button
                  type="button"
                  className="fav"
                  tabIndex={-1}
                  aria-pressed={favourites.includes(line.cluster.cluster_uid)}
                  aria-label={t("fleet.favourite", { cluster: visible(line.cluster.cluster, 80) })}
                  onClick={() => favour(line.cluster.cluster_uid)}
                >
                  <Icon name="star" />
                </button>
                <Link to="/clusters" search={{ ...common(view.search), row: line.cluster.cluster_uid } as never} {...spot(row, 0)}>
                  <Id text={line.cluster.cluster} most={16} />
                </Link>
              </th>
              <td className="n">{atLeast(short(line.cluster.states), isWholeOf(list, line.cluster.cluster_uid))}</td>
              <LagCell cover={line.cover} spot={spot(row, 1)} />
              {line.cells.map((one, n) => {
                const signal = SIGNALS[n];
                if (!signal) return null;
                return (
                  <SignalCell
                    key={signal.id}
                    one={one}
                    failed={answer === undefined && signals.isError}
                    spot={spot(row, n + 2)}
                    name={`${line.cluster.cluster} ${t(signal.title)}`}
                    onOpen={() => open(line, signal.line)}
                  />
                );
              })}
              <CoverCell cover={line.cover} spot={spot(row, SIGNALS.length + 2)} view={view} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Where a cell lies for arrows, and whether Tab reaches it. */
interface Spot {
  "data-cell": string;
  tabIndex: number;
}

/** A cell whose number is not known, and why. */
function Unknown({ why, spot }: { why: string; spot: Spot }) {
  const t = useT();
  return (
    <td className="nd hatch" title={why} {...spot}>
      <span className="vh">{t("fleet.noData")}</span>
    </td>
  );
}

function SignalCell({
  one,
  failed,
  spot,
  name,
  onOpen,
}: {
  one: Cell | null | undefined;
  failed: boolean;
  spot: Spot;
  name: string;
  onOpen: () => void;
}) {
  const t = useT();
  if (failed) return <Unknown why={t("fleet.cellFailed")} spot={spot} />;
  if (one === undefined) return <Bone />;
  if (one === null) return <Unknown why={t("fleet.silent")} spot={spot} />;
  const before = one.before === null ? t("fleet.beforeUnknown") : t("fleet.beforeWas", { n: group(one.before) });
  return (
    <td className={one.level > 0 ? `l${one.level}` : undefined}>
      <button
        type="button"
        {...spot}
        onClick={onOpen}
        title={`${group(one.now)} · ${before} · ${t("fleet.rule")}`}
        aria-label={`${name}: ${one.complete ? "" : "≥"}${tight(one.now)} (${one.now}), ${before}`}
      >
        {one.level > 0 ? <Glyph name={GLYPHS[one.level]} /> : null}
        <span>
          {one.complete ? "" : "≥"}
          {tight(one.now)}
        </span>
      </button>
    </td>
  );
}

/** Its number is on its way. */
function Bone() {
  return (
    <td>
      <i className="bone" />
    </td>
  );
}

function LagCell({ cover, spot }: { cover: Line["cover"]; spot: Spot }) {
  const t = useT();
  if (cover === undefined) return <Bone />;
  if (cover === "failed") return <Unknown why={t("fleet.cellFailed")} spot={spot} />;
  if (!cover?.lag) return <Unknown why={t("fleet.noLag")} spot={spot} />;
  const seconds = cover.lag.p99_seconds;
  const level = seconds >= LAG_S[1] ? 2 : seconds >= LAG_S[0] ? 1 : 0;
  return (
    <td className={level > 0 ? `l${level} plain` : "plain"} title={t("nav.lagHint")} {...spot}>
      {level > 0 ? <Glyph name={GLYPHS[level]} /> : null}
      {seconds.toFixed(1)}
    </td>
  );
}

function CoverCell({ cover, spot, view }: { cover: Line["cover"]; spot: Spot; view: View }) {
  const t = useT();
  if (cover === undefined) return <Bone />;
  if (cover === "failed") return <Unknown why={t("fleet.cellFailed")} spot={spot} />;
  if (cover === null) return <Unknown why={t("cov.neverWatched")} spot={spot} />;
  const level = cover.gap_seconds > 0 ? 2 : cover.percent === "100" ? 0 : 1;
  return (
    <td className={level > 0 ? `l${level}` : undefined}>
      <Link to="/coverage" search={{ ...common(view.search), row: cover.cluster_uid } as never} className="cellink" {...spot}>
        {level > 0 ? <Glyph name={GLYPHS[level]} /> : null}
        {cover.percent}
      </Link>
    </td>
  );
}
