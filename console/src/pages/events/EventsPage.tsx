/** Events: one line, the histogram, facets, the list, and the open Event beside it. */
import "./events.css";
import { useCallback, useEffect, useRef, useState } from "react";
import { costOf } from "../../api/client";
import { runsOver } from "../../api/operations";
import { asProblem } from "../../api/problem";
import type { Event, Page as ListPage } from "../../api/types";
import { oldest, useHeld } from "../../api/useHeld";
import { HistogramChart } from "../../canvas/HistogramChart";
import { Icon } from "../../design/Icon";
import { Framed } from "../../design/lazy";
import { atLeast, group, short } from "../../design/number";
import { ReadSoFar } from "../../design/ReadSoFar";
import { Empty, Failed, Loading, Partial } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { RunsNote } from "../../operation/RunsNote";
import { SaveDialog } from "../../query/SaveDialog";
import { useChrome } from "../../shell/chrome";
import { eventsCopies, groupCopies, patternsCopies } from "../../shell/copies";
import { useKeys } from "../../shell/keys";
import { refresh, useView } from "../../shell/view";
import { missing } from "../../time/coverage";
import { day, span } from "../../time/format";
import { absolute } from "../../time/range";
import { eventsFirst, instead } from "../first";
import { ArchiveNote, useArchived } from "./archive";
import { question } from "./asked";
import { useColumns } from "./ColumnPicker";
import { EventList } from "./EventList";
import { EventPanel } from "./EventPanel";
import { ExplainPane } from "./ExplainPane";
import { ExportDialog } from "./ExportDialog";
import { FacetList } from "./Facets";
import { GroupsPane } from "./GroupsPane";
import { groupParams, patternParams } from "./groups";
import { Legend } from "./Legend";
import { PatternsPane } from "./PatternsPane";
import { rowKey } from "./pins";
import { QueryLine } from "./QueryLine";
import { TailBar } from "./TailBar";
import { usePins } from "./usePins";
import { useTail } from "./useTail";

/** How long the log needs to show what the tail began with in the tables. */
const SETTLE_MS = 3000;

export function Page() {
  const t = useT();
  const view = useView();
  const asked = question(view);
  const columns = useColumns(view);
  const pins = usePins(view);
  const { search, set } = view;
  const tailing = search.tail === "1";
  const [dialog, setDialog] = useState<"save" | "export" | "facets" | null>(null);
  const [newest, setNewest] = useState<ListPage<Event> | undefined>();
  const [known, setKnown] = useState<Event | undefined>();
  const list = useRef<HTMLElement>(null);
  const before = useRef<{ from: string | undefined; to: string | undefined }[]>([]);
  const first = eventsFirst(view);
  const bins = useHeld(first.bins);
  const sides = useHeld(first.sides);
  const waits = [bins, sides].some((one) => one.isPending || one.isPlaceholderData);
  // The axis comes first, and what was done on it behind that.
  const runs = useHeld({ ...runsOver(view.scope, view.anchor), enabled: bins.isFetched });
  const archived = useArchived(view, bins.data);
  const tail = useTail(tailing, asked.params);
  const scale = search.scale === "sqrt" ? "sqrt" : "linear";
  const shown = instead(search);
  const patternsOpen = shown === "patterns";
  const folded = patternParams(asked.params);
  const field = patternsOpen ? undefined : shown;
  const grouped = field && groupParams(asked.params, field, search);
  const explainOpen = search.panel === "explain";
  const lost = missing(bins.data?.coverage, view.bounds[1]);
  const fault = asProblem(bins.error ?? {}).parameter?.name === "q" ? asProblem(bins.error).message : null;
  const total = bins.data ? atLeast(group(bins.data.states), lost.length === 0) : "…";
  useChrome({
    title: t("nav.events"),
    copies: patternsOpen
      ? patternsCopies(view, asked.q, asked.types, folded)
      : grouped
        ? groupCopies(view, asked.q, asked.types, grouped)
        : eventsCopies(view, asked.q, asked.types, asked.params),
    cost: costOf(bins.data),
    costText: bins.data ? t("events.cost", { n: short(bins.data.states) }) : "",
  });

  const onLine = useCallback((q: string) => set({ q, row: "" }), [set]);
  const onOpen = useCallback(
    (event: Event | null) => {
      setKnown(event ?? undefined);
      set({ row: event ? rowKey(event) : "", panel: "" }, { replace: true });
    },
    [set],
  );
  const onBrush = (from: number, to: number) => {
    before.current.push({ from: search.from, to: search.to });
    const next = absolute(from, to);
    set({ from: next.from, to: next.to });
  };
  const onBack = () => {
    const last = before.current.pop();
    if (last) set({ from: last.from ?? "", to: last.to ?? "" });
  };
  const toggleTail = () => {
    if (!tailing) refresh();
    set({ tail: tailing ? "" : "1" });
  };
  // The tail begins now; the list is asked again when the tables hold what came before it, unless somebody reads in it.
  const { settle } = tail;
  useEffect(() => {
    if (tailing && newest) settle(newest);
  }, [tailing, newest, settle]);
  // From the top: a list that grows above what is read would move it.
  const resume = () => {
    document.querySelector(".rows")?.scrollTo({ top: 0 });
    tail.resume();
  };
  const settling = tailing && !tail.paused;
  useEffect(() => {
    if (!settling) return;
    const timer = setTimeout(refresh, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [settling]);
  useKeys({
    l: () => (tailing && tail.paused ? resume() : toggleTail()),
    p: () => set({ view: patternsOpen ? "" : "patterns", group: "" }),
    b: () => document.querySelector<HTMLElement>(".hist canvas")?.focus(),
    e: () => set({ panel: explainOpen ? "" : "explain", row: "" }),
  });
  // The row that was chosen goes with its pane, and the focus not.
  const narrowed = (patch: { q: string } & Record<string, string>) => {
    list.current?.focus();
    set(patch);
  };
  const rangeLabel = span(view.bounds[0], view.bounds[1], view.zone, view.anchor, t("time.today"));
  const times = [...view.bounds, ...pins.items.flatMap(({ event }) => (event ? [Date.parse(event.time)] : []))];
  const showDay = new Set(times.map((time) => day(time, view.zone))).size > 1;
  const facets = (
    <>
      {sides.isPending ? <Loading rows={14} /> : null}
      {sides.isError && !fault ? <Failed error={sides.error} what={t("events.facets")} retry={() => void sides.refetch()} /> : null}
      {sides.data ? (
        <div className={sides.isPlaceholderData ? "stale" : undefined}>
          <FacetList data={sides.data} line={asked.q} complete={lost.length === 0} view={view} onLine={onLine} />
        </div>
      ) : null}
    </>
  );
  return (
    <div className="events col grow">
      <div className="q">
        <QueryLine value={asked.q} view={view} onRun={onLine} fault={fault} />
        <button
          type="button"
          className="btn tall narrow"
          aria-label={t("events.facets")}
          aria-haspopup="dialog"
          onClick={() => setDialog("facets")}
        >
          <Icon name="filter" />
        </button>
        <button type="button" className="btn tall" onClick={() => setDialog("save")}>
          <Icon name="save" />
          <span className="wide">{t("action.save")}</span>
        </button>
        <button type="button" className="btn tall" onClick={() => setDialog("export")}>
          <Icon name="download" />
          <span className="wide">{t("export.button")}</span>
        </button>
        <button type="button" className="btn tall" aria-pressed={tailing} onClick={toggleTail}>
          <Icon name="live" />
          <span className="wide">{t("events.tail")}</span>
        </button>
      </div>
      <div className="histo">
        <Legend
          data={bins.data}
          types={asked.types}
          complete={lost.length === 0}
          lost={lost.length}
          view={view}
          rangeLabel={rangeLabel}
          explainOpen={explainOpen}
          scale={scale}
          onBack={before.current.length > 0 ? onBack : null}
        />
        <RunsNote since={oldest(bins, sides, runs)} runs={runs} />
        {waits ? <ReadSoFar key={JSON.stringify(first.bins.queryKey)} questions={Object.values(first)} /> : null}
        {bins.isPending ? <Loading rows={4} /> : null}
        {bins.isError && !fault ? <Failed error={bins.error} what={t("events.histogram")} retry={() => void bins.refetch()} /> : null}
        {archived ? <ArchiveNote of={archived} zone={view.zone} /> : null}
        {bins.data ? (
          <div className={bins.isPlaceholderData ? "stale" : undefined}>
            <HistogramChart
              data={bins.data}
              runs={runs.data}
              tablesFrom={archived?.until}
              zone={view.zone}
              scale={scale}
              table={search.table === "1"}
              onBrush={onBrush}
              onBack={onBack}
            />
          </div>
        ) : null}
      </div>
      <div className="row flush grow ht">
        <aside className="facets vr scroll" aria-label={t("events.facets")}>
          {facets}
        </aside>
        <section className="col grow list" ref={list} tabIndex={-1} aria-label={t("events.list")}>
          <TailBar
            tail={tailing ? tail : null}
            onResume={resume}
            view={view}
            columns={columns}
            patterns={patternsOpen}
            grouped={field ?? ""}
            total={total}
            first={newest}
          />
          <Partial parts={lost} />
          {patternsOpen ? (
            <PatternsPane params={folded} view={view} line={asked.q} onLine={(line) => narrowed({ q: line, view: "" })} />
          ) : grouped ? (
            <GroupsPane params={grouped} view={view} line={asked.q} onLine={(line) => narrowed({ q: line, group: "", sort: "" })} />
          ) : (
            <EventList
              params={asked.params}
              anchor={view.anchor}
              zone={view.zone}
              showDay={showDay}
              columns={columns}
              pins={pins}
              tail={tailing ? tail : null}
              selected={search.row ?? null}
              onOpen={onOpen}
              total={bins.data?.states ?? null}
              onFirst={setNewest}
              empty={
                <NoEvents
                  line={asked.q}
                  filtered={asked.q !== "" || asked.types.length > 0}
                  onClear={() => set({ q: "", sev: "" })}
                  onWider={() => set({ from: "-7d", to: "now" })}
                />
              }
            />
          )}
        </section>
        {search.row ? (
          <EventPanel
            row={search.row}
            known={known && rowKey(known) === search.row ? known : undefined}
            view={view}
            line={asked.q}
            pins={pins}
            onLine={onLine}
            onOpen={onOpen}
          />
        ) : null}
        {explainOpen && !search.row ? (
          <ExplainPane params={asked.params} view={view} line={asked.q} onLine={onLine} onClose={() => set({ panel: "" })} />
        ) : null}
      </div>
      <Framed open={dialog === "facets"} title={t("events.facets")} onClose={() => setDialog(null)}>
        <div className="body">{facets}</div>
      </Framed>
      <SaveDialog open={dialog === "save"} query={{ line: asked.q }} onClose={() => setDialog(null)} />
      <ExportDialog open={dialog === "export"} params={asked.params} total={total} onClose={() => setDialog(null)} />
    </div>
  );
}

/** Nothing matches: the nearest thing that would. */
function NoEvents({ line, filtered, onClear, onWider }: { line: string; filtered: boolean; onClear: () => void; onWider: () => void }) {
  const t = useT();
  return (
    <Empty title={t("events.none")}>
      <p>{filtered ? t("events.noneFiltered") : t("events.noneAtAll")}</p>
      <div className="row">
        {filtered ? (
          <button type="button" className="btn" onClick={onClear}>
            {t("events.clear")}
          </button>
        ) : null}
        <button type="button" className="btn" onClick={onWider}>
          {t("events.wider")}
        </button>
      </div>
      {filtered ? null : <code>beidou up --kubeconfig ~/.kube/config</code>}
      {line === "" ? null : <p className="small dim mono">{visible(line)}</p>}
    </Empty>
  );
}
