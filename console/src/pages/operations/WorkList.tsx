/** The list of operations, and that of tasks: filters, what all such work has in common, and what is the page's own. */
import "./operations.css";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { costOf } from "../../api/client";
import type { OperationItem, TaskItem } from "../../api/types";
import type { AnyPage } from "../../api/usePages";
import { group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { Empty } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { type Column, LiveList } from "../../operation/LiveList";
import { PhaseBadge } from "../../operation/Phase";
import { isOver } from "../../operation/states";
import { useChrome } from "../../shell/chrome";
import { typesOf, workCopies } from "../../shell/copies";
import { common, useView } from "../../shell/view";
import { FilterLine } from "./FilterLine";

interface Props<Item> {
  path: string;
  to: "/operations/$id" | "/tasks/$id";
  /** What it is called on the command line. */
  noun: "operation" | "task";
  title: Key;
  total: Key;
  /** Nothing matches; nothing is there yet, and what would make it appear. */
  none: Key;
  noneYet: Key;
  noneYetHint: Key;
  types: readonly string[];
  sorts: readonly string[];
  className: string;
  /** Columns before and behind the one that says what goes on. */
  before: readonly Column<Item>[];
  behind: readonly Column<Item>[];
  /** What goes on where no reason is told. */
  present?: (item: Item) => ReactNode;
  children?: ReactNode;
}

export function WorkList<Item extends OperationItem | TaskItem>(props: Props<Item>) {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const { search, set } = view;
  const [first, setFirst] = useState<AnyPage<Item> | undefined>();
  const params = useMemo(
    () => ({ ...view.scope, text: search.q, type: typesOf(search), phase: search.phase, sort: search.sort }),
    [view.scope, search],
  );
  useChrome({
    title: t(props.title),
    copies: workCopies(props.noun, props.path, view, params),
    cost: costOf(first),
    costText: first?.total ? t(props.total, { n: group(first.total.value) }) : "",
  });
  const link = (item: Item) => ({ to: props.to, params: { id: item.id }, search: common(search) as never });
  const columns: Column<Item>[] = [
    { key: "phase", head: t("ops.phase"), cell: (item) => <PhaseBadge phase={item.phase} /> },
    {
      key: "name",
      head: t("ops.name"),
      cell: (item) => (
        <Link {...link(item)} className="cut two">
          <Id text={item.name} most={26} />
          <span className="small dim">{item.id.slice(0, 8)}</span>
        </Link>
      ),
    },
    { key: "type", head: t("col.type"), cell: (item) => item.type },
    { key: "cluster", head: t("col.cluster"), cell: (item) => <Id text={item.cluster} most={20} /> },
    ...props.before,
    {
      key: "now",
      head: t("ops.now"),
      cell: (item) => (
        <span className="cut lines">
          {item.reason ? <span className="mono medium cut">{item.reason}</span> : props.present?.(item)}
          <Foreign className="dim cut" text={item.message} most={200} />
        </span>
      ),
    },
    ...props.behind,
  ];
  const filtered = Boolean(search.q || search.type || search.phase || view.clusters.length);
  return (
    <div className="col grow">
      <FilterLine types={props.types} sorts={props.sorts}>
        {props.children}
      </FilterLine>
      <LiveList<Item>
        path={props.path}
        params={params}
        anchor={view.anchor}
        name={t(props.title)}
        className={props.className}
        columns={columns}
        keyOf={(item) => item.id}
        moves={(item) => !isOver(item.phase)}
        onOpen={(item) => void navigate(link(item))}
        onFirst={setFirst}
        empty={
          <Empty title={t(filtered ? props.none : props.noneYet)}>
            <p>{t(filtered ? "ops.noneHint" : props.noneYetHint)}</p>
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
            {filtered ? null : (
              <code>
                beidou {props.noun} apply -f {props.noun}.yaml --watch
              </code>
            )}
          </Empty>
        }
      />
    </div>
  );
}
