/** One operation, live or as it was at any second. */
import "./run.css";
import { Link, useParams } from "@tanstack/react-router";
import { costOf } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { OperationDetail } from "../../api/types";
import { Empty, Failed, Loading } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { runCopies } from "../../shell/copies";
import { common, useView } from "../../shell/view";
import { GanttPane } from "./GanttPane";
import { HostsPane } from "./HostsPane";
import { MatrixPane } from "./MatrixPane";
import { RunHead } from "./RunHead";
import { SidePane } from "./SidePane";
import { useReplayAddress } from "./useReplayAddress";
import { useRun, useRunQuery } from "./useRun";
import { useRunEvents } from "./useRunEvents";

export function Page() {
  const t = useT();
  const view = useView();
  const { id } = useParams({ strict: false }) as { id: string };
  const detail = useRunQuery(id);
  const known = detail.data;
  useChrome({
    title: known ? known.summary.name : id,
    mono: true,
    crumbs: (
      <>
        <Link to="/operations" search={common(view.search) as never}>
          {t("nav.operations")}
        </Link>
        <span className="sl">/</span>
      </>
    ),
    copies: runCopies(id, view.search.t !== undefined, known),
    cost: costOf(known),
    costText: known ? t("run.seq", { n: known.summary.seq }) : "",
  });
  if (detail.isPending) return <Loading rows={12} />;
  if (!known) {
    const problem = asProblem(detail.error);
    if (problem.status !== 404 && problem.status !== 400)
      return <Failed error={detail.error} what={t("nav.operation")} retry={() => void detail.refetch()} />;
    return (
      <Empty title={t("run.gone")}>
        <p>{visible(problem.message)}</p>
        <p>
          <Link to="/operations" search={common(view.search) as never}>
            {t("run.toList")}
          </Link>
        </p>
      </Empty>
    );
  }
  return <Known key={id} id={id} detail={known} />;
}

function Known({ id, detail }: { id: string; detail: OperationDetail }) {
  const run = useRun(id, detail);
  const events = useRunEvents(run);
  useReplayAddress(run);
  return (
    <div className="run col grow">
      <RunHead run={run} />
      <GanttPane run={run} events={events} />
      <div className="row flush grow ht below">
        <section className="col grow">
          <MatrixPane run={run} />
          <HostsPane run={run} />
        </section>
        <SidePane run={run} events={events} />
      </div>
    </div>
  );
}
