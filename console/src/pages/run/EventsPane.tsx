/** What Kubernetes said of the run's nodes, the oldest first; what came after the shown moment is dimmed. A click goes there. */
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Event, RunEvents } from "../../api/types";
import { Close } from "../../design/Close";
import { group } from "../../design/number";
import { Empty, Failed, Loading, Partial, Stale } from "../../design/states";
import { useT } from "../../i18n";
import { machinesOf } from "../../operation/words";
import { common, useView } from "../../shell/view";
import { missing } from "../../time/coverage";
import { hms, span } from "../../time/format";
import { EventMore, RunEventRow } from "./RunEventRow";
import { explorer, toldUntil, upToMoment } from "./runEvents";
import type { Run } from "./useRun";
import type { RunEventsAnswer } from "./useRunEvents";

const ROW = 42;

export function EventsPane({ run, events }: { run: Run; events: RunEventsAnswer }) {
  const t = useT();
  const { answer } = events;
  if (answer.isPending) return <Loading rows={12} />;
  if (!answer.data) return <Failed error={answer.error} what={t("run.tab.events")} retry={() => void answer.refetch()} />;
  if (!answer.data.watched) {
    return (
      <Empty title={t("run.unwatched", { cluster: run.detail.summary.cluster })}>
        <p>{t("run.unwatchedHint")}</p>
      </Empty>
    );
  }
  return <Told run={run} events={events} data={answer.data} />;
}

function Told({ run, events, data }: { run: Run; events: RunEventsAnswer; data: RunEvents }) {
  const t = useT();
  const view = useView();
  const { detail, snapshot, store } = run;
  const { answer, warnings, ended } = events;
  const [follow, setFollow] = useState(true);
  const [open, setOpen] = useState<Event | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { items, range, truncated } = data;
  const moment = upToMoment(snapshot.replay, snapshot.asked, ended);
  const told = useMemo(() => toldUntil(items, moment), [items, moment]);
  const count = items.length;
  const rows = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 10 });
  useEffect(() => {
    if (follow && count > 0) rows.scrollToIndex(Math.max(0, told - 1), { align: "auto" });
  }, [follow, count, told, rows]);
  const machines = useMemo(
    () => [...machinesOf(detail.spec).values()].flatMap((one) => (one.name ? [one.name, one.ip] : [one.ip])),
    [detail.spec],
  );
  const page = (from?: string) => ({ ...common(view.search), ...explorer(data, detail.summary.cluster, machines, warnings, from) });
  const whole = page();
  const show = (event: Event) => {
    setOpen(event);
    store.seek(Date.parse(event.time));
  };
  const last = items.at(-1);
  const [from, to] = [Date.parse(range.from), Date.parse(range.to)];
  return (
    <>
      <div className="row small dim hb logbar">
        <span className="cut">
          {moment === null
            ? t("run.events", { n: group(count) })
            : t("run.eventsUpTo", { n: group(told), time: hms(snapshot.shown, view.zone) })}
        </span>
        {answer.isError ? <Stale since={answer.dataUpdatedAt} /> : null}
        <label className="row tight end">
          <input
            type="checkbox"
            checked={warnings}
            onChange={(change) => view.set({ sev: change.target.checked ? "Warning" : "" }, { replace: true })}
          />
          {t("run.onlyWarnings")}
        </label>
        <label className="row tight">
          <input type="checkbox" checked={follow} onChange={(change) => setFollow(change.target.checked)} />
          {t("run.follow")}
        </label>
        <Link to="/events" search={whole as never} title={whole.q ? undefined : t("run.tooManyNodes")}>
          {t("run.toEvents")}
        </Link>
      </div>
      <Partial parts={missing(data.coverage, to)} />
      {truncated && last ? (
        <div className="note plain" role="note">
          <span>{t("run.eventsCut", { n: group(count) })}</span>
          <Link className="end nowrap" to="/events" search={page(last.time) as never}>
            {t("run.eventsFrom", { time: hms(Date.parse(last.time), view.zone) })}
          </Link>
        </div>
      ) : null}
      {count === 0 ? (
        <Empty title={t(warnings ? "run.noWarnings" : "run.noEvents")}>
          <p>
            {t(ended === null ? "run.noEventsYet" : "run.noEventsThen", { when: span(from, to, view.zone, view.anchor, t("time.today")) })}
          </p>
        </Empty>
      ) : null}
      <div
        className={answer.isPlaceholderData ? "scroll grow runevents stale" : "scroll grow runevents"}
        ref={scroller}
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
        onPointerDown={(event) => event.target === event.currentTarget && setFollow(false)}
        tabIndex={0}
        role="group"
        aria-label={t("run.tab.events")}
        hidden={count === 0}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((item) => {
            const event = items[item.index];
            return (
              <div key={item.key} className="vrow" style={{ transform: `translateY(${item.start}px)`, height: ROW }}>
                {event ? (
                  <RunEventRow
                    event={event}
                    zone={view.zone}
                    open={open?.id === event.id}
                    later={item.index >= told}
                    now={moment !== null && item.index === told - 1}
                    onShow={show}
                  />
                ) : null}
              </div>
            );
          })}
        </div>
      </div>
      {open && count > 0 ? (
        <div className="logmore ht">
          <Close onClose={() => setOpen(null)} />
          <EventMore event={open} />
        </div>
      ) : null}
    </>
  );
}
