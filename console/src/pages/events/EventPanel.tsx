/** The open Event: its fields, its JSON, its states, and what else happened around it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { retryOfNew } from "../../api/cache";
import { STATES, states } from "../../api/states";
import type { Event, EventState } from "../../api/types";
import { Close } from "../../design/Close";
import { Glyph, Icon, typeGlyph } from "../../design/Icon";
import { Json } from "../../design/Json";
import { group } from "../../design/number";
import { Foreign, Id, Tabs } from "../../design/parts";
import { Empty, Failed, Loading } from "../../design/states";
import { copy } from "../../design/toast";
import { visibleLines } from "../../design/visible";
import { useT } from "../../i18n";
import { only } from "../../query/edit";
import { common, objectPath, type View } from "../../shell/view";
import { full, hmsMillis } from "../../time/format";
import { NeighbourList } from "./NeighbourList";
import type { Pins } from "./usePins";

const TABS = ["fields", "json", "states"] as const;

interface Props {
  /** As in the address: cluster, Event, version. */
  row: string;
  known: Event | undefined;
  view: View;
  line: string;
  pins: Pins;
  onLine: (line: string) => void;
  onOpen: (event: Event | null) => void;
}

export function EventPanel({ row, known, view, line, pins, onLine, onOpen }: Props) {
  const t = useT();
  const tab = TABS.find((one) => one === view.search.tab) ?? "fields";
  const [cluster = "", uid = "", version = ""] = row.split("~");
  const [least, setLeast] = useState(STATES);
  const all = useQuery({
    ...states(cluster, uid, version, least),
    retry: retryOfNew,
  });
  const state: EventState | undefined = all.data?.items.find((item) => item.resource_version === version);
  const event: Event | undefined = state ?? known;
  const missing = all.isError ? (
    <Failed error={all.error} what={t("events.states")} retry={() => void all.refetch()} />
  ) : all.data ? (
    <Empty title={t("events.noState", { version })} />
  ) : (
    <Loading />
  );
  if (!event)
    return (
      <aside className="det vl col" aria-label={t("events.panel")}>
        <div className="bar">
          <h2 className="cut grow">{t("events.panel")}</h2>
          <Close onClose={() => onOpen(null)} />
        </div>
        {missing}
      </aside>
    );
  const path = objectPath(event.cluster, event.kind, event.namespace, event.name);
  const around = { ...common(view.search), t2: event.time };
  const isPinned = pins.items.some(({ key }) => key === row);
  return (
    <aside className="det vl col" aria-label={t("events.panel")}>
      <div className="bar">
        <Glyph name={typeGlyph(event.type)} label={event.type} />
        <b className="medium">
          <Foreign text={event.reason} most={40} />
        </b>
        <span className="cut sub small grow">
          <Id text={event.name} most={32} />
        </span>
        <button
          type="button"
          className="btn bare sm icon"
          aria-label={t("events.pin")}
          aria-pressed={isPinned}
          title={pins.isFull && !isPinned ? t("events.pinsFull", { n: pins.items.length }) : `${t("events.pin")} (P)`}
          disabled={pins.isFull && !isPinned}
          onClick={() => pins.toggle(event)}
        >
          <Icon name="pin" />
        </button>
        <Close onClose={() => onOpen(null)} />
      </div>
      <div className="actions row hb">
        <Link className="chip" {...path} search={around as never}>
          <Icon name="lanes" />
          {t("events.timeline")}
        </Link>
        <button type="button" className="chip" onClick={() => onLine(only(line, "reason", event.reason))}>
          <Icon name="filter" />
          {t("events.sameReason")}
        </button>
        {event.node ? (
          <button type="button" className="chip" onClick={() => onLine(only(line, "node", event.node ?? ""))}>
            <Icon name="node" />
            {t("events.sameNode")}
          </button>
        ) : null}
      </div>
      <div className="hb">
        <Tabs
          id="event"
          label={t("events.panel")}
          value={tab}
          onChange={(value) => view.set({ tab: value === "fields" ? "" : value }, { replace: true })}
          tabs={[
            { value: "fields", label: t("events.fieldsTab") },
            { value: "json", label: "JSON" },
            {
              value: "states",
              label: t("events.states"),
              count: all.data ? `${group(all.data.items.length)}${all.data.next ? "+" : ""}` : "",
            },
          ]}
        />
      </div>
      <div className="scroll body" role="tabpanel" id="event-panel" aria-labelledby={`event-${tab}`} tabIndex={0}>
        {tab === "fields" ? <Fields event={event} zone={view.zone} /> : null}
        {tab === "json" ? (
          state ? (
            <>
              {state.damage ? <p className="error small">{state.damage}</p> : null}
              <button
                type="button"
                className="btn sm copy"
                onClick={() => void copy(JSON.stringify(state.object, null, 2), t("copy.done", { form: "JSON" }))}
              >
                <Icon name="copy" />
                {t("action.copy")}
              </button>
              <Json value={state.object} />
            </>
          ) : (
            missing
          )
        ) : null}
        {tab === "states" ? (
          all.data ? (
            <States items={all.data.items} zone={view.zone} now={event.resource_version} onOpen={onOpen} />
          ) : (
            missing
          )
        ) : null}
        {tab === "states" && all.data?.next ? (
          <button type="button" className="btn sm" onClick={() => setLeast(all.data.items.length + STATES)}>
            {t("events.olderStates")}
          </button>
        ) : null}
      </div>
      <NeighbourList key={`${event.cluster_uid}${event.uid}`} event={event} view={view} onOpen={onOpen} />
    </aside>
  );
}

function Fields({ event, zone }: { event: Event; zone: string }) {
  const t = useT();
  const rows: [string, string | undefined | null][] = [
    [t("col.time"), full(Date.parse(event.time), zone)],
    [t("field.observed"), hmsMillis(Date.parse(event.observed), zone)],
    [t("col.cluster"), event.cluster],
    [t("field.kind"), event.kind],
    [t("field.namespace"), event.namespace],
    [t("field.name"), event.name],
    [t("field.part"), event.field_path],
    [t("field.node"), event.node],
    [t("field.component"), event.component || event.reporting_component],
    [t("field.action"), event.action],
    [t("col.occurrences"), group(event.occurrences)],
    [t("field.found"), event.found_by],
    ["uid", event.uid],
    ["resourceVersion", event.resource_version],
  ];
  return (
    <>
      <p className="msg">
        <bdi>{visibleLines(event.message)}</bdi>
      </p>
      {event.message_cut ? <p className="small dim">{t("events.cut")}</p> : null}
      <dl className="dl">
        {rows.map(([name, value]) =>
          value ? (
            <div key={name} style={{ display: "contents" }}>
              <dt>{name}</dt>
              <dd>
                <Foreign text={value} most={300} className="mono" />
              </dd>
            </div>
          ) : null,
        )}
      </dl>
      {event.time_flags && event.time_flags.length > 0 ? (
        <p className="small warn">{t("events.oddTime", { flags: event.time_flags.join(", ") })}</p>
      ) : null}
    </>
  );
}

function States({ items, zone, now, onOpen }: { items: EventState[]; zone: string; now: string; onOpen: (event: Event) => void }) {
  return (
    <div className="col">
      {items.map((item) => (
        <button
          key={item.resource_version}
          type="button"
          className={item.resource_version === now ? "it on" : "it"}
          onClick={() => onOpen(item)}
        >
          <span className="mono">{full(Date.parse(item.time), zone)}</span>
          <span className="end num">× {group(item.occurrences)}</span>
        </button>
      ))}
    </div>
  );
}
