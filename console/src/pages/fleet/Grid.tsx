/** Clusters by signal. A silent cluster is hatched; no cell falls back to zero; the order does not change under the hand. */
import type { UseQueryResult } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import type { Cluster, ClusterCompleteness, Signals } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group, short, tight } from "../../design/number";
import { Id } from "../../design/parts";
import { useT } from "../../i18n";
import { common, type View } from "../../shell/view";
import { type Cell, cell, SIGNALS } from "./signals";

const GLYPHS = ["info", "warn", "error", "crit"] as const;
/** Later than so many seconds is worth a look; later than that is bad. */
const LAG_S = [10, 60] as const;

interface Props {
  list: readonly Cluster[];
  /** Missing until it has come. */
  cover: readonly ClusterCompleteness[] | undefined;
  signals: UseQueryResult<Signals>;
  sort: "worst" | "name";
  view: View;
}

interface Line {
  cluster: Cluster;
  /** Null: nothing watched it. */
  cover: ClusterCompleteness | null | undefined;
  cells: (Cell | null | undefined)[];
  worst: number;
}

export function Grid({ list, cover, signals, sort, view }: Props) {
  const t = useT();
  const navigate = useNavigate();
  const table = useRef<HTMLTableElement>(null);
  const answer = signals.data;
  const lines = list.map((cluster): Line => {
    const cells = SIGNALS.map((_, place) => (answer ? cell(answer, place, cluster.cluster_uid) : undefined));
    const worst = cells.reduce((sum, one) => sum + (one ? 100 ** one.level : one === null ? 50 : 0), 0);
    const own = cover && (cover.find((one) => one.cluster_uid === cluster.cluster_uid) ?? null);
    return { cluster, cover: own, cells, worst };
  });
  const best = [...lines].sort((a, b) => (sort === "name" ? 0 : b.worst - a.worst) || a.cluster.cluster.localeCompare(b.cluster.cluster));
  const wanted = best.map((line) => line.cluster.cluster_uid).join();
  const settled = answer !== undefined;
  // The order stays as it was until a person asks for the new one.
  const [held, setHeld] = useState<{ key: string; order: string } | null>(null);
  const key = `${sort}|${view.range.from}|${view.range.to}|${view.clusters.join()}|${view.search.baseline ?? ""}|${list.length}`;
  if (settled && held?.key !== key) setHeld({ key, order: wanted });
  const order = held?.key === key ? held.order : wanted;
  const shown = useMemo(() => order.split(",").flatMap((uid) => lines.filter((line) => line.cluster.cluster_uid === uid)), [order, lines]);
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const focus = document.activeElement?.closest<HTMLElement>("[data-cell]");
    if (!step || !focus || event.shiftKey) return;
    event.preventDefault();
    const [row = 0, column = 0] = (focus.dataset.cell ?? "0,0").split(",").map(Number);
    table.current?.querySelector<HTMLElement>(`[data-cell="${row + (step[0] ?? 0)},${column + (step[1] ?? 0)}"]`)?.focus();
  };
  const open = (line: Line, q: string) =>
    void navigate({ to: "/events", search: { ...common(view.search), c: line.cluster.cluster, q } as never });
  return (
    <div className="scroll gridbox" tabIndex={0} role="group" aria-label={t("fleet.grid")}>
      {order !== wanted ? (
        <button type="button" className="btn sm link reorder" onClick={() => setHeld({ key, order: wanted })}>
          {t("fleet.reorder")}
        </button>
      ) : null}
      <table className={signals.isPlaceholderData ? "heat stale" : "heat"} ref={table} onKeyDown={keys} aria-label={t("fleet.grid")}>
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
                <Link to="/clusters" search={{ ...common(view.search), row: line.cluster.cluster_uid } as never} data-cell={`${row},0`}>
                  <Id text={line.cluster.cluster} most={16} />
                </Link>
              </th>
              <td className="n">{short(line.cluster.states)}</td>
              <LagCell cover={line.cover} />
              {line.cells.map((one, n) => {
                const signal = SIGNALS[n];
                if (!signal) return null;
                return (
                  <SignalCell
                    key={signal.id}
                    one={one}
                    failed={answer === undefined && signals.isError}
                    place={`${row},${n + 1}`}
                    name={`${line.cluster.cluster} ${t(signal.title)}`}
                    onOpen={() => open(line, signal.line)}
                  />
                );
              })}
              <CoverCell cover={line.cover} view={view} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SignalCell({
  one,
  failed,
  place,
  name,
  onOpen,
}: {
  one: Cell | null | undefined;
  failed: boolean;
  place: string;
  name: string;
  onOpen: () => void;
}) {
  const t = useT();
  if (failed)
    return (
      <td className="nd hatch" title={t("fleet.cellFailed")}>
        <span className="vh">{t("fleet.noData")}</span>
      </td>
    );
  if (one === undefined) return <Bone />;
  if (one === null)
    return (
      <td className="nd hatch" title={t("fleet.silent")}>
        <span className="vh">{t("fleet.noData")}</span>
      </td>
    );
  const before = one.before === null ? t("fleet.beforeUnknown") : t("fleet.beforeWas", { n: group(one.before) });
  return (
    <td className={one.level > 0 ? `l${one.level}` : undefined}>
      <button
        type="button"
        data-cell={place}
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

function LagCell({ cover }: { cover: Line["cover"] }) {
  const t = useT();
  if (cover === undefined) return <Bone />;
  if (!cover?.lag)
    return (
      <td className="nd hatch" title={t("fleet.noLag")}>
        <span className="vh">{t("fleet.noData")}</span>
      </td>
    );
  const seconds = cover.lag.p99_seconds;
  const level = seconds >= LAG_S[1] ? 2 : seconds >= LAG_S[0] ? 1 : 0;
  return (
    <td className={level > 0 ? `l${level} plain` : "plain"} title={t("nav.lagHint")}>
      {level > 0 ? <Glyph name={GLYPHS[level]} /> : null}
      {seconds.toFixed(1)}
    </td>
  );
}

function CoverCell({ cover, view }: { cover: Line["cover"]; view: View }) {
  const t = useT();
  if (cover === undefined) return <Bone />;
  if (cover === null)
    return (
      <td className="nd hatch" title={t("cov.neverWatched")}>
        <span className="vh">{t("fleet.noData")}</span>
      </td>
    );
  const level = cover.gap_seconds > 0 ? 2 : cover.percent === "100" ? 0 : 1;
  return (
    <td className={level > 0 ? `l${level}` : undefined}>
      <Link to="/coverage" search={{ ...common(view.search), row: cover.cluster_uid } as never} className="cellink">
        {level > 0 ? <Glyph name={GLYPHS[level]} /> : null}
        {cover.percent}
      </Link>
    </td>
  );
}
