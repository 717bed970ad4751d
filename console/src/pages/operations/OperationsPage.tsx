/** Operations: what runs, what stands still, what came of the others. */
import "./operations.css";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { costOf } from "../../api/client";
import { OPERATIONS } from "../../api/operations";
import type { OperationItem } from "../../api/types";
import type { AnyPage } from "../../api/usePages";
import { Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { Empty } from "../../design/states";
import { useT } from "../../i18n";
import { type Column, LiveList } from "../../operation/LiveList";
import { HostBar, HostNumbers, PhaseBadge } from "../../operation/Phase";
import { isOver, share, TYPES } from "../../operation/states";
import { useChrome } from "../../shell/chrome";
import { clusterFlags, curl, rangeFlags, shellWord } from "../../shell/command";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { duration, moment } from "../../time/format";
import { FilterLine } from "./FilterLine";

export function Page() {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const { search, set } = view;
  const [first, setFirst] = useState<AnyPage<OperationItem> | undefined>();
  const params = useMemo(
    () => ({ ...view.scope, text: search.q, type: (search.type ?? "").split(",").filter(Boolean), phase: search.phase, sort: search.sort }),
    [view.scope, search.q, search.type, search.phase, search.sort],
  );
  const flags = `${clusterFlags(view.clusters)} ${rangeFlags(view.range)}${search.phase ? ` --phase ${search.phase}` : ""}${search.type ? ` --type ${search.type}` : ""}${search.q ? ` --text ${shellWord(search.q)}` : ""}`;
  useChrome({
    title: t("nav.operations"),
    copies: { cli: `beidou operation list${flags}`, api: curl(OPERATIONS, params) },
    cost: costOf(first),
    costText: first?.total ? t("ops.total", { n: group(first.total.value) }) : "",
  });
  const start = () => void navigate({ to: "/operations/new", search: common(search) as never });
  useKeys({ n: start });
  const link = (item: OperationItem) => ({ to: "/operations/$id" as const, params: { id: item.id }, search: common(search) as never });
  const columns: Column<OperationItem>[] = [
    { key: "phase", head: t("ops.phase"), cell: (item) => <PhaseBadge phase={item.phase} /> },
    {
      key: "name",
      head: t("ops.name"),
      cell: (item) => (
        <Link {...link(item)} className="cut two">
          <Id text={item.name} most={30} />
          <span className="small dim">{item.id.slice(0, 8)}</span>
        </Link>
      ),
    },
    { key: "type", head: t("col.type"), cell: (item) => item.type },
    {
      key: "cluster",
      head: t("col.cluster"),
      cell: (item) => <Id text={item.cluster} most={20} />,
    },
    { key: "bar", head: t("run.hosts"), cell: (item) => <HostBar share={share(item.hosts, item.steps)} /> },
    {
      key: "hosts",
      head: t("ops.through"),
      number: true,
      cell: (item) => <HostNumbers share={share(item.hosts, item.steps)} />,
    },
    {
      key: "now",
      head: t("ops.now"),
      cell: (item) => (
        <span className="cut">
          {item.reason ? (
            <span className="mono medium">{item.reason} </span>
          ) : item.present ? (
            <span className="mono">{item.present.step} </span>
          ) : null}
          <Foreign className="dim" text={item.message} most={200} />
        </span>
      ),
    },
    {
      key: "who",
      head: t("ops.who"),
      cell: (item) => (
        <span className="cut">
          {item.owner ? (
            <Link to="/tasks/$id" params={{ id: item.owner.task }} search={common(search) as never}>
              <Foreign text={item.owner.name ?? item.owner.step} mid={24} />
            </Link>
          ) : (
            <Foreign text={item.subject} most={60} />
          )}
        </span>
      ),
    },
    {
      key: "time",
      head: t("ops.begun"),
      number: true,
      cell: (item) => moment(Date.parse(item.started ?? item.created), view.zone, view.anchor),
    },
    {
      key: "length",
      head: t("ops.length"),
      number: true,
      cell: (item) => (item.started ? duration((item.ended ? Date.parse(item.ended) : Date.now()) - Date.parse(item.started)) : "–"),
    },
  ];
  const filtered = Boolean(search.q || search.type || search.phase || view.clusters.length);
  return (
    <div className="operations col grow">
      <FilterLine types={TYPES} sorts={["updated", "name", "cluster", "phase", "bad"]}>
        <button type="button" className="btn prime" onClick={start}>
          <Icon name="plus" />
          {t("nav.newOperation")}
        </button>
      </FilterLine>
      <LiveList<OperationItem>
        path={OPERATIONS}
        params={params}
        anchor={view.anchor}
        name={t("nav.operations")}
        className="oplist"
        columns={columns}
        keyOf={(item) => item.id}
        moves={(item) => !isOver(item.phase)}
        onOpen={(item) => void navigate(link(item))}
        onFirst={setFirst}
        empty={
          <Empty title={t(filtered ? "ops.none" : "ops.noneYet")}>
            <p>{t(filtered ? "ops.noneHint" : "ops.noneYetHint")}</p>
            <div className="row">
              {filtered ? (
                <button type="button" className="btn" onClick={() => set({ q: "", type: "", phase: "", c: "" })}>
                  {t("events.clear")}
                </button>
              ) : null}
              <button type="button" className="btn" onClick={() => set({ from: "-90d", to: "now" })}>
                {t("ops.wider")}
              </button>
            </div>
            {filtered ? null : <code>beidou operation apply -f operation.yaml --watch</code>}
          </Empty>
        }
      />
    </div>
  );
}
