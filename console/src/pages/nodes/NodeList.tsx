/** Nodes of a cluster that Events name, the most warned first: a tick brings one into the list of what is acted on. */

import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState } from "react";
import type { CalendarAnswer } from "../../api/types";
import { Glyph, Icon, typeGlyph } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { Empty, Failed, Loading, Partial, StaleNote } from "../../design/states";
import { toast } from "../../design/toast";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { stretch } from "../../operation/stretch";
import { useKeys } from "../../shell/keys";
import { useTyped } from "../../shell/useTyped";
import { common, objectPath, useView } from "../../shell/view";
import { moment } from "../../time/format";
import type { NodeRow } from "./named";
import { ticked, withNodes, withoutNodes } from "./ticked";
import { useNodes } from "./useNodes";

const ROW = 30;

interface Props {
  cluster: string;
  locks: CalendarAnswer["locks"];
  /** The list of what is acted on. */
  text: string;
  onText: (text: string) => void;
}

export function NodeList({ cluster, locks, text, onText }: Props) {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const filter = useTyped("q");
  const nodes = useNodes(cluster, filter.settled, locks);
  const [at, setAt] = useState(-1);
  const mark = useRef("");
  const scroller = useRef<HTMLDivElement>(null);
  const { all, rows, different, failed } = nodes;
  const lines = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 10 });
  const chosen = ticked(text);
  const names = rows.map((row) => row.name);
  const allChosen = names.length > 0 && names.every((name) => chosen.has(name));
  const tick = (name: string) => {
    mark.current = name;
    onText(chosen.has(name) ? withoutNodes(text, [name]) : withNodes(text, [name]));
  };
  const tickAll = () => onText(allChosen ? withoutNodes(text, names) : withNodes(text, names));
  const move = (step: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, at + step));
    setAt(next);
    if (next >= 0) lines.scrollToIndex(next);
  };
  const present = rows[at]?.name;
  const open = (name: string) => void navigate({ ...objectPath(cluster, "Node", "", name), search: common(view.search) as never });
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => {
      if (present) open(present);
    },
    x: () => {
      if (present) tick(present);
    },
    X: () => {
      const between = stretch(names, mark.current, present ?? "");
      if (between) onText(withNodes(text, between));
      else toast(t("run.noStretch"));
    },
    "*": () => tickAll(),
  });
  return (
    <section className="nodelines col grow" aria-label={t("nodes.list")}>
      <div className="bar">
        <input
          type="checkbox"
          aria-label={t("nodes.all", { n: rows.length })}
          checked={allChosen}
          disabled={rows.length === 0}
          onChange={tickAll}
        />
        <Icon name="search" />
        <input
          className="in mono grow"
          data-filter
          value={filter.text}
          spellCheck={false}
          aria-label={t("nodes.part")}
          placeholder={t("nodes.part")}
          onChange={(event) => filter.setText(event.target.value)}
        />
        <span className="small dim num" role="status">
          {all.data ? t("nodes.counted", { n: group(rows.length), all: atLeast(group(different), nodes.lost.length === 0) }) : ""}
        </span>
      </div>
      <p className="small dim inventory">
        {t("nodes.inventory")} {different > rows.length ? t("nodes.more") : ""}
      </p>
      <StaleNote
        since={nodes.asOf}
        error={failed?.error}
        what={t("events.list")}
        {...(failed ? { retry: () => void failed.refetch() } : {})}
      />
      <Partial parts={nodes.lost} />
      {all.isPending ? <Loading rows={14} /> : null}
      {all.isError ? <Failed error={all.error} what={t("nodes.list")} retry={() => void all.refetch()} /> : null}
      {all.data && rows.length === 0 ? (
        <Empty title={t(filter.settled === "" ? "nodes.nothing" : "nodes.nothingLike")}>
          <p>{t("nodes.nothingHint")}</p>
          <button type="button" className="btn" onClick={() => view.set({ from: "-7d", to: "now" })}>
            {t("events.wider")}
          </button>
        </Empty>
      ) : null}
      {rows.length === 0 ? null : (
        <div className={nodes.dimmed ? "col grow stale" : "col grow"} role="table" aria-label={t("nodes.list")}>
          <div role="rowgroup">
            <div className="nl hd" role="row">
              <span role="columnheader">
                <span className="vh">{t("nodes.ticked")}</span>
              </span>
              {(["nodes.name", "nodes.warnings", "col.states", "nodes.last", "nodes.holder"] as const).map((key) => (
                <span key={key} role="columnheader" className={key === "nodes.warnings" || key === "col.states" ? "num" : ""}>
                  {t(key)}
                </span>
              ))}
            </div>
          </div>
          <div className="scroll grow" ref={scroller} role="rowgroup" tabIndex={0}>
            <div role="presentation" style={{ height: lines.getTotalSize(), position: "relative" }}>
              {lines.getVirtualItems().map((item) => {
                const row = rows[item.index];
                return row ? (
                  <div
                    key={row.name}
                    role="row"
                    className={`nl vrow${item.index === at ? " at" : ""}${chosen.has(row.name) ? " on" : ""}`}
                    style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                  >
                    <Cells
                      row={row}
                      cluster={cluster}
                      complete={nodes.lost.length === 0}
                      chosen={chosen.has(row.name)}
                      holder={nodes.holder(row.name)}
                      onTick={() => tick(row.name)}
                    />
                  </div>
                ) : null;
              })}
            </div>
          </div>
        </div>
      )}
    </section>
  );
}

interface CellsProps {
  row: NodeRow;
  cluster: string;
  complete: boolean;
  chosen: boolean;
  holder: CalendarAnswer["locks"][number] | undefined;
  onTick: () => void;
}

function Cells({ row, cluster, complete, chosen, holder, onTick }: CellsProps) {
  const t = useT();
  const { search, zone, anchor } = useView();
  const { warnings, states, last } = row;
  return (
    <>
      <span role="cell">
        <input type="checkbox" aria-label={t("nodes.tick", { node: visible(row.name) })} checked={chosen} onChange={onTick} />
      </span>
      <span role="cell">
        <Link {...objectPath(cluster, "Node", "", row.name)} search={common(search) as never}>
          <Id text={row.name} most={30} />
        </Link>
      </span>
      <span role="cell" className={warnings > 0 ? "num warn" : "num dim"}>
        {atLeast(group(warnings), complete)}
      </span>
      <span role="cell" className="num dim">
        {atLeast(group(states), complete)}
      </span>
      <span role="cell" className="row tight cut">
        {last === null ? null : typeof last === "number" ? (
          <span className="dim">{t("nodes.before", { time: moment(last, zone, anchor) })}</span>
        ) : (
          <>
            <span className="mono dim nowrap">{moment(Date.parse(last.time), zone, anchor)}</span>
            <Glyph name={typeGlyph(last.type)} label={last.type} />
            <Foreign className="cut" text={last.reason} most={60} />
          </>
        )}
      </span>
      <span role="cell" className="cut">
        {holder ? (
          <Link to="/operations/$id" params={{ id: holder.operation }} search={common(search) as never}>
            <Id text={holder.name} most={24} />
          </Link>
        ) : null}
      </span>
    </>
  );
}
