/** The object at T2, or what differs between T1 and T2, as far as Events tell it. */
import { useQuery } from "@tanstack/react-query";
import type { ObjectAt } from "../../api/types";
import { Glyph, typeGlyph } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Foreign, Tabs } from "../../design/parts";
import { Empty, Failed, Loading, Partial } from "../../design/states";
import { useT } from "../../i18n";
import type { View } from "../../shell/view";
import { isWhole, missing } from "../../time/coverage";
import { duration, full } from "../../time/format";
import { momentOf, stateAt } from "./at";
import { difference } from "./diff";
import { Elsewhere } from "./Elsewhere";

type Tab = "state" | "diff";

interface Props {
  url: string;
  kind: string;
  view: View;
  t1: number | null;
  t2: number;
}

export function StatePanel({ url, kind, view, t1, t2 }: Props) {
  const t = useT();
  const tab: Tab = view.search.tab === "diff" ? "diff" : "state";
  const now = useQuery(stateAt(url, t2));
  const then = useQuery(stateAt(url, tab === "diff" ? t1 : null));
  // What is told is that of other moments, until these have been answered.
  const isOld = now.isPlaceholderData || then.isPlaceholderData;
  const changes = now.data && then.data ? difference(then.data.items, now.data.items) : [];
  const came = changes.filter((change) => change.sign !== "-");
  // What warns comes first: it is why somebody asks.
  const warned = [...came.filter((change) => change.type === "Warning"), ...came].map((change) => change.reason);
  return (
    <aside className="panel st vl col" aria-label={t("lanes.state")}>
      <div className="hb">
        <Tabs<Tab>
          id="st"
          label={t("lanes.state")}
          value={tab}
          onChange={(next) => view.set({ tab: next === "diff" ? "diff" : "" }, { replace: true })}
          tabs={[
            { value: "state", label: t("lanes.stateAt") },
            { value: "diff", label: t("lanes.diff"), count: t1 !== null && then.data && !isOld ? changes.length : "" },
          ]}
        />
      </div>
      <div className={isOld ? "scroll grow stale" : "scroll grow"} role="tabpanel" id="st-panel" aria-labelledby={`st-${tab}`} tabIndex={0}>
        {now.isPending ? <Loading rows={6} /> : null}
        {now.isError ? <Failed error={now.error} what={t("lanes.state")} retry={() => void now.refetch()} /> : null}
        {now.data && tab === "state" ? <At data={now.data} zone={view.zone} /> : null}
        {tab === "diff" && t1 === null ? (
          <Empty title={t("lanes.noT1")}>
            <p>{t("lanes.setT1")}</p>
          </Empty>
        ) : null}
        {tab === "diff" && t1 !== null && then.isError ? <Failed error={then.error} what={t("lanes.diff")} /> : null}
        {tab === "diff" && t1 !== null && then.data && now.data ? (
          changes.length === 0 ? (
            <Empty title={t("lanes.same")} />
          ) : (
            changes.map((change) => (
              <div
                key={change.sign + change.type + change.reason + change.message}
                className={change.sign === "+" ? "df a" : change.sign === "-" ? "df d" : "df"}
              >
                <span>{change.sign === "-" ? "−" : change.sign}</span>
                <span>
                  <Foreign className="medium" text={change.reason} most={60} /> {change.text}
                  <br />
                  <Foreign text={change.message} most={240} />
                </span>
              </div>
            ))
          )
        ) : null}
        {tab === "diff" && t1 !== null && came.length > 0 && !isOld ? (
          <Elsewhere kind={kind} reasons={[...new Set(warned)]} between={[Math.min(t1, t2), Math.max(t1, t2)]} view={view} />
        ) : null}
      </div>
    </aside>
  );
}

function At({ data, zone }: { data: ObjectAt; zone: string }) {
  const t = useT();
  const told = momentOf(data);
  const older = data.tables_from ? t("lanes.tablesFrom", { time: full(Date.parse(data.tables_from), zone) }) : null;
  if (data.items.length === 0) {
    return (
      <Empty
        title={
          data.first_seen
            ? t("lanes.firstSeen", { time: full(Date.parse(data.first_seen), zone) })
            : t(older ? "lanes.none" : "lanes.never")
        }
      >
        <p className="dim">{older ?? t("lanes.beforeFirst")}</p>
      </Empty>
    );
  }
  return (
    <>
      <Partial parts={missing(data.coverage, Date.parse(data.range.to))} />
      <p className="small dim pad">
        {t("lanes.atHint", {
          n: atLeast(group(data.states), isWhole(data.coverage, data.range) && older === null),
          first: data.first_seen ? full(Date.parse(data.first_seen), zone) : "–",
        })}
      </p>
      {older ? <p className="small held pad">{older}</p> : null}
      {data.items.map((event) => (
        <div key={event.uid + event.reason} className="said">
          <Glyph name={typeGlyph(event.type)} label={event.type} />
          <b className={event.type === "Warning" ? "medium warn cut" : "medium cut"}>
            <Foreign text={event.reason} most={60} />{" "}
            {event.occurrences > 1 ? <span className="dim">× {group(event.occurrences)}</span> : null}
          </b>
          <span className="dim small nowrap">{t("lanes.ago", { length: duration(Math.max(0, told - Date.parse(event.time)), t) })}</span>
          <span className="sub small msg">
            <Foreign text={event.message} most={300} />
          </span>
        </div>
      ))}
    </>
  );
}
