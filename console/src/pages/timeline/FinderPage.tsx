/** The way to an object: by name, by kind, or among those with the most warnings. */
import "./timeline.css";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { costOf, get } from "../../api/client";
import type { Event, Page as ListPage } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { Glyph, Icon, typeGlyph } from "../../design/Icon";
import { Fit, Foreign, Id } from "../../design/parts";
import { Beside, SideButton, useSide } from "../../design/side";
import { Empty, Failed, Loading, StaleNote } from "../../design/states";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { finderCopies } from "../../shell/copies";
import { readCommand } from "../../shell/palette";
import { common, objectPath, useView } from "../../shell/view";
import { full } from "../../time/format";
import { recent } from "./recent";

/** Events in which objects are looked for: what any list asks for at most. */
const MOST = 200;

export function Page() {
  const t = useT();
  const view = useView();
  const asked = view.search.q ?? "";
  const [input, setInput] = useState(asked);
  useEffect(() => setInput(asked), [asked]);
  const command = readCommand(asked);
  const line = command.what === "objects" && command.line !== "" ? command.line : "type:Warning";
  const isOther = asked !== "" && command.what !== "objects";
  const cluster = command.what === "objects" && command.clusters.length > 0 ? command.clusters : view.clusters;
  const params = { ...view.scope, cluster, q: line, limit: MOST };
  const found = useHeld({
    queryKey: ["finder", params, view.anchor],
    queryFn: ({ signal }) => get<ListPage<Event>>("/api/v1/events", params, signal),
    placeholderData: (before) => before,
    enabled: !isOther,
  });
  useChrome({
    title: t("nav.timelines"),
    copies: finderCopies(view, params),
    cost: costOf(found.data),
  });
  const objects = new Map<string, Event>();
  for (const event of isOther ? [] : (found.data?.items ?? [])) {
    const key = `${event.cluster_uid}/${event.kind}/${event.namespace}/${event.name}`;
    if (!objects.has(key)) objects.set(key, event);
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    view.set({ q: input.trim() });
  };
  const last = recent();
  const side = useSide(1280);
  return (
    <div className="finder row flush grow">
      <section className="col grow">
        <form className="bar tallbar" onSubmit={submit}>
          <Icon name="search" />
          <input
            className="in mono grow"
            data-filter
            value={input}
            spellCheck={false}
            aria-label={t("finder.label")}
            placeholder={t("finder.hint")}
            onChange={(event) => setInput(event.target.value)}
          />
          <button type="submit" className="btn prime">
            {t("events.search")}
          </button>
          {last.length > 0 ? <SideButton side={side} title={t("finder.recent")} icon="clock" /> : null}
        </form>
        {isOther ? <Empty title={t(command.what === "unlabelled" ? "finder.noLabels" : "finder.notHere")} /> : null}
        <p className="small dim pad" hidden={isOther}>
          {asked === "" ? t("finder.warned") : t("finder.found", { n: objects.size, most: MOST })}
        </p>
        <StaleNote since={found.asOf} />
        {found.isPending && !isOther ? <Loading rows={12} /> : null}
        {found.isError ? <Failed error={found.error} what={t("nav.timelines")} retry={() => void found.refetch()} /> : null}
        {found.data && !isOther && objects.size === 0 ? (
          <Empty title={t("finder.none")}>
            <p>{t("finder.noneHint")}</p>
          </Empty>
        ) : null}
        <div
          className={found.isPlaceholderData ? "scroll grow stale" : "scroll grow"}
          tabIndex={0}
          role="group"
          aria-label={t("finder.label")}
        >
          {[...objects.values()].map((event) => (
            <Link
              key={event.cluster_uid + event.kind + event.namespace + event.name}
              className="frow"
              {...objectPath(event.cluster, event.kind, event.namespace, event.name)}
              search={common(view.search) as never}
            >
              <Icon name={event.kind === "Node" ? "node" : "object"} />
              <Foreign className="dim cut" text={event.kind} most={40} />
              <Id text={event.name} most={44} />
              <Fit className="dim mono" text={event.namespace} />
              <Id text={event.cluster} most={20} />
              <span className="row tight cut">
                <Glyph name={typeGlyph(event.type)} label={event.type} />
                <Foreign text={event.reason} most={40} />
              </span>
              <span className="num dim mono">{full(Date.parse(event.time), view.zone)}</span>
            </Link>
          ))}
        </div>
      </section>
      {last.length > 0 ? (
        <Beside side={side} title={t("finder.recent")}>
          <aside className="panel vl col" aria-label={t("finder.recent")}>
            <div className="bar">
              <h2>{t("finder.recent")}</h2>
            </div>
            <div className="menu">
              {last.map((ref) => (
                <Link
                  key={ref.cluster + ref.kind + ref.namespace + ref.name}
                  className="it"
                  {...objectPath(ref.cluster, ref.kind, ref.namespace === "_" ? "" : ref.namespace, ref.name)}
                  search={common(view.search) as never}
                >
                  <Icon name={ref.kind === "Node" ? "node" : "object"} />
                  <Id text={ref.name} most={28} />
                  <Foreign className="end" text={ref.cluster} most={60} />
                </Link>
              ))}
            </div>
          </aside>
        </Beside>
      ) : null}
    </div>
  );
}
