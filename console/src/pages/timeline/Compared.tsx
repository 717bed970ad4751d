/** Another object under the same axis, with the same cursors, and the way to take it away again. */
import { Link } from "@tanstack/react-router";
import type { MouseEvent } from "react";
import type { ClusterCoverage, Lanes } from "../../api/types";
import { oldest } from "../../api/useHeld";
import { Icon } from "../../design/Icon";
import { atLeast, group } from "../../design/number";
import { Foreign, Id } from "../../design/parts";
import { Failed, Loading, Partial } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { RunsNote } from "../../operation/RunsNote";
import type { ObjectRef } from "../../shell/copies";
import { common, objectPath, type View } from "../../shell/view";
import { isWhole, missing } from "../../time/coverage";
import type { Range } from "../../time/range";
import { type Cursors, LaneRows } from "./LaneRows";
import { useObjectLanes } from "./useObjectLanes";

interface Props extends Cursors {
  object: ObjectRef;
  range: Range;
  /** The range of the axis that they share. */
  axis: Lanes["range"];
  width: number;
  /** What is told of clusters already. */
  told: readonly ClusterCoverage[];
  view: View;
  onRemove: () => void;
}

export function Compared({ object, range, axis, width, told, view, onRemove, ...cursors }: Props) {
  const t = useT();
  const of = useObjectLanes(object, range, view, width, [Date.parse(axis.from), Date.parse(axis.to)]);
  const { lanes, runs, states } = of;
  const { t1, t2 } = view.search;
  const namespace = object.namespace === "_" ? "" : object.namespace;
  const name = visible(object.name, 80);
  // It goes with its button, and the focus not: that is at the next one, or where objects are added.
  const remove = ({ currentTarget }: MouseEvent<HTMLElement>) => {
    const own = currentTarget.closest(".compared");
    const next = [own?.nextElementSibling, own?.previousElementSibling].find((one) => one?.matches(".compared"));
    const to = next?.querySelector<HTMLElement>(".bar .end") ?? document.querySelector<HTMLElement>(".obj [aria-haspopup=dialog]");
    to?.focus();
    onRemove();
  };
  const coverage = lanes.data?.coverage.filter((one) => told.every((known) => known.cluster_uid !== one.cluster_uid));
  return (
    <div className="compared">
      <div className="bar soft">
        <Icon name={object.kind.toLowerCase() === "node" ? "node" : "object"} />
        <Link {...objectPath(object.cluster, object.kind, namespace, object.name)} search={{ ...common(view.search), t1, t2 } as never}>
          <Id text={object.name} most={44} />
        </Link>
        <Foreign className="small dim cut" text={[object.kind, namespace, object.cluster].filter(Boolean).join(" · ")} most={160} />
        {lanes.data?.lanes.length === 0 ? <span className="small dim cut">{t("lanes.none")}</span> : null}
        <button type="button" className="btn bare sm icon end" aria-label={t("lanes.apart", { name })} onClick={remove}>
          <Icon name="close" />
        </button>
      </div>
      <RunsNote since={oldest(lanes, runs)} runs={runs} />
      <Partial parts={missing(coverage, Date.parse(axis.to))} />
      {lanes.isPending ? <Loading rows={3} /> : null}
      {lanes.isError ? <Failed error={lanes.error} what={name} retry={() => void lanes.refetch()} /> : null}
      {lanes.data ? (
        <LaneRows
          {...cursors}
          of={of}
          data={lanes.data}
          axis={axis}
          view={view}
          name={t("lanes.nameOf", {
            n: lanes.data.lanes.length,
            states: atLeast(group(states), isWhole(lanes.data.coverage, lanes.data.range)),
            name,
          })}
        />
      ) : null}
    </div>
  );
}
