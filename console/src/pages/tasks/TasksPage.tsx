/** Automatic tasks: change processes with their work orders, and where each of them stands. */
import "../operations/operations.css";
import "./tasks.css";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { costOf } from "../../api/client";
import { TASKS } from "../../api/operations";
import type { TaskItem } from "../../api/types";
import type { AnyPage } from "../../api/usePages";
import { group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { Empty } from "../../design/states";
import { useT } from "../../i18n";
import { type Column, LiveList } from "../../operation/LiveList";
import { PhaseBadge } from "../../operation/Phase";
import { isOver } from "../../operation/states";
import { useChrome } from "../../shell/chrome";
import { clusterFlags, curl, rangeFlags, shellWord } from "../../shell/command";
import { common, useView } from "../../shell/view";
import { moment } from "../../time/format";
import { FilterLine } from "../operations/FilterLine";
import { Pipeline } from "./Pipeline";

const TYPES = ["ScaleUp", "NodeJoin", "ScaleDown", "NodeRemove"];

export function Page() {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const { search, set } = view;
  const [first, setFirst] = useState<AnyPage<TaskItem> | undefined>();
  const params = useMemo(
    () => ({ ...view.scope, text: search.q, type: search.type ? [search.type] : [], phase: search.phase, sort: search.sort }),
    [view.scope, search.q, search.type, search.phase, search.sort],
  );
  const flags = `${clusterFlags(view.clusters)} ${rangeFlags(view.range)}${search.phase ? ` --phase ${search.phase}` : ""}${search.type ? ` --type ${search.type}` : ""}${search.q ? ` --text ${shellWord(search.q)}` : ""}`;
  useChrome({
    title: t("nav.tasks"),
    copies: { cli: `beidou task list${flags}`, api: curl(TASKS, params) },
    cost: costOf(first),
    costText: first?.total ? t("tasks.total", { n: group(first.total.value) }) : "",
  });
  const link = (item: TaskItem) => ({ to: "/tasks/$id" as const, params: { id: item.id }, search: common(search) as never });
  const columns: Column<TaskItem>[] = [
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
    { key: "cluster", head: t("col.cluster"), cell: (item) => <Id text={item.cluster} most={20} /> },
    { key: "machines", head: t("tasks.machines"), number: true, cell: (item) => group(item.machines) },
    { key: "steps", head: t("tasks.stages"), cell: (item) => <Pipeline steps={item.steps} /> },
    {
      key: "now",
      head: t("ops.now"),
      cell: (item) => (
        <span className="cut">
          {item.reason ? <span className="mono medium">{item.reason} </span> : null}
          <Foreign className="dim" text={item.message} most={200} />
        </span>
      ),
    },
    { key: "time", head: t("ops.created"), number: true, cell: (item) => moment(Date.parse(item.created), view.zone, view.anchor) },
  ];
  const filtered = Boolean(search.q || search.type || search.phase || view.clusters.length);
  return (
    <div className="col grow">
      <FilterLine types={TYPES} sorts={["updated", "name"]} />
      <LiveList<TaskItem>
        path={TASKS}
        params={params}
        anchor={view.anchor}
        name={t("nav.tasks")}
        className="tasklist"
        columns={columns}
        keyOf={(item) => item.id}
        moves={(item) => !isOver(item.phase)}
        onOpen={(item) => void navigate(link(item))}
        onFirst={setFirst}
        empty={
          <Empty title={t(filtered ? "tasks.none" : "tasks.noneYet")}>
            <p>{t(filtered ? "ops.noneHint" : "tasks.noneYetHint")}</p>
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
            {filtered ? null : <code>beidou task apply -f task.yaml --watch</code>}
          </Empty>
        }
      />
    </div>
  );
}
