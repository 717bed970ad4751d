/** Hosts under the matrix: those with one error folded into one group, or all of them, the worst first. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { OPERATIONS } from "../../api/operations";
import type { HostErrorGroup, HostItem, HostList } from "../../api/types";
import { usePages } from "../../api/usePages";
import { Icon } from "../../design/Icon";
import { Segment } from "../../design/parts";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { toast } from "../../design/toast";
import { useT } from "../../i18n";
import { whyNot } from "../../operation/acts";
import { stretch } from "../../operation/stretch";
import { useKeys } from "../../shell/keys";
import { useTyped } from "../../shell/useTyped";
import { useView } from "../../shell/view";
import { GroupRow, HostRow, MoreRow } from "./HostRows";
import { flat, type Line, readKeys, retryOf, writeKeys } from "./lines";
import { choose, toggle, useSelection } from "./selection";
import type { Run } from "./useRun";

/** A live list is asked anew at most so often. */
const LIVE_MS = 2000;
const ROW = 26;

/** Which turn of the list is asked for: a new one for what is new, now and then, and not while somebody is far down in it. */
function useTurn(version: number, atOnce: boolean, atTop: boolean): number {
  const last = useRef({ turn: version, at: 0 });
  const due = performance.now() - last.current.at >= LIVE_MS && atTop;
  if (version !== last.current.turn && (atOnce || due)) last.current = { turn: version, at: performance.now() };
  return last.current.turn;
}

export function HostsPane({ run }: { run: Run }) {
  const t = useT();
  const view = useView();
  const { detail, snapshot, over } = run;
  const id = detail.summary.id;
  const filter = useTyped("hosts");
  const text = filter.settled;
  const shown = useMemo(() => readKeys(view.search.more), [view.search.more]);
  const [visible, setVisible] = useState<[number, number]>([0, 60]);
  const scroller = useRef<HTMLDivElement>(null);
  const byError = view.search.group !== "all";
  const chosen = useSelection(id);
  const then = snapshot.replay ? new Date(Math.ceil(snapshot.asked)).toISOString() : undefined;
  const turn = useTurn(snapshot.replay ? 0 : snapshot.version, over || snapshot.replay, visible[0] < 100);
  const params = useMemo(() => ({ t: then, text, group: byError ? "error" : undefined }), [then, text, byError]);
  const pages = usePages<HostItem, HostList>(`${OPERATIONS}/${id}/hosts`, params, turn, visible);
  const groups = byError ? (pages.first?.groups ?? []) : [];
  const lines = useMemo(
    () => (byError ? flat(groups as HostErrorGroup[], pages.first?.items ?? [], shown, pages.first?.total.value, text !== "") : null),
    [byError, groups, pages.first, shown, text],
  );
  const count = lines ? lines.length : pages.count;
  const rows = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (!byError && (first !== visible[0] || last !== visible[1])) setVisible([first, last]);
  }, [byError, first, last, visible]);
  const line = (index: number): Line | undefined => {
    if (lines) return lines[index];
    const host = pages.row(index);
    return host ? { what: "host", host } : undefined;
  };
  const open = (host: HostItem) => view.set({ host: host.host, step: host.error?.step ?? "", attempt: "", tab: "" }, { replace: true });
  const hostAt = (from: number, step: 1 | -1): HostItem | undefined => {
    for (let at = from; at >= 0 && at < count; at += step) {
      const found = line(at);
      if (found?.what === "host") return found.host;
    }
    return undefined;
  };
  const present = Array.from({ length: count }, (_, n) => n).find((n) => {
    const found = lines || Math.abs(n - first) < 200 ? line(n) : undefined;
    return found?.what === "host" && found.host.host === view.search.host;
  });
  const move = (step: 1 | -1) => {
    const next = hostAt(present === undefined ? (step > 0 ? 0 : count - 1) : present + step, step);
    if (next) open(next);
  };
  // Where a stretch of hosts begins: the one that was chosen last.
  const mark = useRef("");
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => {
      if (!view.search.host) return;
      toggle(id, view.search.host);
      mark.current = view.search.host;
    },
    X: () => {
      const shown = Array.from({ length: count }, (_, n) => {
        const found = line(n);
        return found && (found.what === "host" ? found.host.host : null);
      });
      const all = stretch(shown, mark.current, view.search.host ?? "");
      if (all) choose(id, [...new Set([...chosen, ...all])]);
      else toast(t("run.noStretch"));
    },
  });
  const retry = (group: HostErrorGroup) => {
    choose(id, retryOf(group, detail.summary.hosts.bad).hosts);
    document.querySelector<HTMLElement>('.runhead [data-act="retry"]')?.click();
  };
  const steps = detail.plan.steps.map((step) => step.name);
  const canRetry = !snapshot.replay && whyNot(detail.actions, "retry") === null;
  return (
    <div className={pages.asOf === null ? "hosts col grow" : "hosts col grow lost"}>
      <div className="bar ht">
        <Segment
          small
          label={t("run.hostsBy")}
          value={byError ? "error" : "all"}
          choices={[
            { value: "error", label: t("run.byError") },
            { value: "all", label: t("run.allHosts") },
          ]}
          onChange={(value) => view.set({ group: value === "all" ? "all" : "" }, { replace: true })}
        />
        <label className="row tight">
          <span className="vh">{t("run.filterHosts")}</span>
          <input
            data-filter
            className="in sm"
            placeholder={t("run.filterHosts")}
            value={filter.text}
            spellCheck={false}
            onChange={(event) => filter.setText(event.target.value)}
          />
        </label>
        <span className="dim small cut">{detail.plan.steps.map((step) => step.name).join(" · ")}</span>
        {chosen.length > 0 ? (
          <button type="button" className="chip end" onClick={() => choose(id, [])}>
            {t("run.chosen", { n: chosen.length })}
            <Icon name="close" />
          </button>
        ) : null}
      </div>
      {pages.isLoading && !pages.isDimmed ? <Loading rows={8} /> : null}
      <StaleNote since={pages.asOf} error={pages.count > 0 ? pages.error : null} what={t("run.hosts")} retry={pages.retry} />
      {pages.error && pages.count === 0 ? <Failed error={pages.error} what={t("run.hosts")} retry={pages.retry} /> : null}
      {!pages.isLoading && !pages.error && count === 0 ? (
        <Empty title={t("run.noHosts")}>
          {text === "" ? null : (
            <button type="button" className="btn" onClick={() => filter.setText("")}>
              {t("events.clear")}
            </button>
          )}
        </Empty>
      ) : null}
      <div className="scroll grow" ref={scroller} role="group" tabIndex={0} aria-label={t("run.hosts")} hidden={count === 0}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const found = line(item.index);
            return (
              <div key={item.key} className="vrow" style={{ transform: `translateY(${item.start}px)`, height: ROW }}>
                {found?.what === "group" ? (
                  <GroupRow
                    group={found.group}
                    tries={retryOf(found.group, detail.summary.hosts.bad).n}
                    onRetry={canRetry ? () => retry(found.group) : null}
                  />
                ) : null}
                {found?.what === "more" ? (
                  <MoreRow
                    text={t("run.moreHosts", { n: found.n })}
                    onMore={() => view.set({ more: writeKeys([...shown, found.key]) }, { replace: true })}
                  />
                ) : null}
                {found?.what === "unread" ? (
                  <MoreRow text={t("run.unread", { n: found.n })} onMore={() => view.set({ group: "all" }, { replace: true })} />
                ) : null}
                {found?.what === "rest" ? (
                  <div className="gh">
                    <b className="medium">{t("run.others")}</b>
                  </div>
                ) : null}
                {found?.what === "host" ? (
                  <HostRow
                    host={found.host}
                    steps={steps}
                    selected={found.host.host === view.search.host}
                    checked={chosen.includes(found.host.host)}
                    onCheck={() => toggle(id, found.host.host)}
                    onOpen={() => open(found.host)}
                  />
                ) : null}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
