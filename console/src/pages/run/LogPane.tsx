/** What runners told: of one host, step or attempt, or of all; by sequence, without holes, up to the shown moment. */
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { get } from "../../api/client";
import { OPERATIONS } from "../../api/operations";
import type { LogItem, LogPage } from "../../api/types";
import { usePages } from "../../api/usePages";
import { Close } from "../../design/Close";
import { group } from "../../design/number";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useTyped } from "../../shell/useTyped";
import { useView } from "../../shell/view";
import { hms } from "../../time/format";
import { kindsOf, LogHead, LogKinds } from "./LogHead";
import { LogMore, LogRow } from "./LogRow";
import type { Run } from "./useRun";

const LIVE_MS = 1500;
const ROW = 18;
const LIMIT = 500;

export function LogPane({ run }: { run: Run }) {
  const t = useT();
  const view = useView();
  const { detail, snapshot, over } = run;
  const { host, step, attempt, lines } = view.search;
  const filter = useTyped("log");
  const text = filter.settled;
  // The end of a run that is over is read page by page by whoever wants it.
  const [follows, setFollow] = useState<boolean | null>(null);
  const follow = follows ?? (snapshot.replay || !over);
  const [visible, setVisible] = useState<[number, number]>([0, 60]);
  const scroller = useRef<HTMLDivElement>(null);
  // Who follows a run begins near its end. What is looked for may stand anywhere.
  const [fromEnd, setFromEnd] = useState(!over);
  const tail = fromEnd && !snapshot.replay && !host && !step && !text && !lines ? LIMIT : undefined;
  const params = useMemo(() => ({ host, step, attempt, text, kind: kindsOf(lines), tail }), [host, step, attempt, text, lines, tail]);
  const id = detail.summary.id;
  const [open, setOpen] = useOpenLine(id, params.kind);
  const upTo = snapshot.replay ? snapshot.asked : null;
  const pages = usePages<LogItem, LogPage>(`${OPERATIONS}/${id}/log`, params, 0, visible, {
    growing: over || snapshot.replay ? 0 : LIVE_MS,
    limit: LIMIT,
    timeOf,
    until: upTo,
  });
  const count = pages.untilMoment ?? pages.count;
  const rows = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (first !== visible[0] || last !== visible[1]) setVisible([first, last]);
  }, [first, last, visible]);
  useEffect(() => {
    if (follow && count > 0) rows.scrollToIndex(count - 1, { align: "end" });
  }, [follow, count, rows]);
  const click = (event: MouseEvent<HTMLElement>) => {
    const at = (event.target as HTMLElement).closest<HTMLElement>("[data-line]")?.dataset.line;
    const line = at === undefined ? undefined : pages.row(Number(at));
    if (line) setOpen(same(open, line) ? null : line);
  };
  const keys = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const shown = items.map((item) => item.index).find((index) => same(open, pages.row(index)));
    const next = Math.min(count - 1, Math.max(0, (shown ?? (step > 0 ? first - 1 : last + 1)) + step));
    setFollow(false);
    setOpen(pages.row(next) ?? null);
    rows.scrollToIndex(next);
  };
  const holes = pages.first?.holes ?? [];
  return (
    <>
      <LogHead run={run} filter={filter} />
      <div className="row small dim hb logbar">
        <span className="cut">
          {upTo === null
            ? t(tail ? "run.linesLast" : pages.atEnd ? "run.lines" : "run.linesMore", { n: group(count) })
            : t("run.linesUpTo", { time: hms(snapshot.shown, view.zone) })}
          {holes.length > 0 ? (
            <span className="error"> · {t("run.holes", { n: holes.reduce((sum, one) => sum + one.to - one.from + 1, 0) })}</span>
          ) : null}
        </span>
        {tail ? (
          <button type="button" className="btn bare sm link" onClick={() => setFromEnd(false)}>
            {t("run.fromBegin")}
          </button>
        ) : null}
        <LogKinds />
        <label className="row tight">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} />
          {t("run.follow")}
        </label>
      </div>
      {pages.isLoading ? <Loading rows={12} /> : null}
      <StaleNote since={pages.asOf} error={pages.count > 0 ? pages.error : null} what={t("run.tab.log")} retry={pages.retry} />
      {pages.error && pages.count === 0 ? <Failed error={pages.error} what={t("run.tab.log")} retry={pages.retry} /> : null}
      {!pages.isLoading && !pages.error && count === 0 ? (
        <Empty title={t("run.noLines")}>
          <p>{t(detail.attempts.length === 0 ? "run.noLinesYet" : "run.noLinesHere")}</p>
          {text || lines ? (
            <button type="button" className="btn" onClick={() => view.set({ log: "", lines: "" }, { replace: true })}>
              {t("events.clear")}
            </button>
          ) : null}
        </Empty>
      ) : null}
      <div
        className="scroll grow log"
        ref={scroller}
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
        onPointerDown={(event) => event.target === event.currentTarget && setFollow(false)}
        onClick={click}
        onKeyDown={keys}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t("run.tab.log")}
        hidden={count === 0}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const line = pages.row(item.index);
            return (
              <div key={item.key} data-line={item.index} className="vrow" style={{ transform: `translateY(${item.start}px)`, height: ROW }}>
                {line ? <LogRow line={line} zone={view.zone} withHost={!host} open={same(open, line)} /> : null}
              </div>
            );
          })}
        </div>
      </div>
      {open && count > 0 ? (
        <div className="logmore ht">
          <Close onClose={() => setOpen(null)} />
          <LogMore line={open} />
        </div>
      ) : null}
    </>
  );
}

/** The open line stands in the address as its attempt and number; a link asks for that line alone. */
function useOpenLine(id: string, kind: readonly string[]): [LogItem | null, (line: LogItem | null) => void] {
  const view = useView();
  const [known, setKnown] = useState<LogItem | null>(null);
  const [attempt = "", seq = ""] = (view.search.line ?? "").split(".");
  const isThat = (line: LogItem | null | undefined) => line?.attempt === attempt && String(line.seq) === seq;
  const asked = useQuery({
    queryKey: [OPERATIONS, id, "line", attempt, seq, kind],
    queryFn: ({ signal }) => get<LogPage>(`${OPERATIONS}/${id}/log`, { attempt, seq, kind, limit: 1 }, signal),
    enabled: attempt !== "" && !isThat(known),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const set = (line: LogItem | null) => {
    setKnown(line);
    view.set({ line: line ? `${line.attempt}.${line.seq}` : "" }, { replace: true });
  };
  return [[known, asked.data?.items[0]].find(isThat) ?? null, set];
}

function same(a: LogItem | null, b: LogItem | undefined): boolean {
  return a !== null && b !== undefined && a.attempt === b.attempt && a.seq === b.seq;
}

/** Lines follow one another as they were told. */
function timeOf(line: LogItem): number {
  return Date.parse(line.time);
}
