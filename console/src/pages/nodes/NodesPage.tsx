/** Nodes of a cluster in bulk: cordon, uncordon, drain and reboot as operations, from a list that somebody has. */
import "../plan/plan.css";
import "../operations/operations.css";
import "./nodes.css";
import { useQuery } from "@tanstack/react-query";
import { costOf } from "../../api/client";
import { calendar } from "../../api/operations";
import type { ClusterCalendar } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Id } from "../../design/parts";
import { Empty, Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { nodesCopies } from "../../shell/copies";
import { useView } from "../../shell/view";
import { BulkPane } from "./BulkPane";
import { ClusterPane } from "./ClusterPane";

export function Page() {
  const t = useT();
  const view = useView();
  const all = useQuery({ ...calendar(), refetchInterval: 10_000 });
  const [only] = view.clusters;
  const clusters = all.data?.clusters ?? [];
  const chosen = clusters.find((one) => one.cluster === only) ?? clusters[0];
  useChrome({
    title: t("nav.nodes"),
    copies: nodesCopies(chosen?.cluster ?? ""),
    cost: costOf(all.data),
  });
  if (all.isPending) return <Loading rows={10} />;
  if (all.isError) return <Failed error={all.error} what={t("nav.nodes")} retry={() => void all.refetch()} />;
  if (!chosen) {
    return (
      <Empty title={t("nodes.none")}>
        <p>{t("nodes.noneHint")}</p>
        <code>beidou controllers</code>
      </Empty>
    );
  }
  return (
    <div className="nodes row flush grow">
      <Clusters all={clusters} chosen={chosen} onChoose={(name) => view.set({ c: name })} />
      <BulkPane key={chosen.cluster} cluster={chosen} />
      <ClusterPane cluster={chosen} locks={all.data.locks.filter((item) => item.lock.cluster === chosen.cluster)} />
    </div>
  );
}

function Clusters({
  all,
  chosen,
  onChoose,
}: {
  all: readonly ClusterCalendar[];
  chosen: ClusterCalendar;
  onChoose: (name: string) => void;
}) {
  const t = useT();
  return (
    <nav className="clist vr scroll" aria-label={t("nodes.clusters")}>
      <div className="bar">
        <h2>{t("nodes.clusters")}</h2>
        <span className="dim small">{all.length}</span>
      </div>
      {all.map((one) => (
        <button
          key={one.cluster}
          type="button"
          className={one === chosen ? "it on" : "it"}
          aria-pressed={one === chosen}
          onClick={() => onChoose(one.cluster)}
        >
          <Glyph name={one.open ? "ok" : "held"} label={t(one.open ? "nodes.open" : "nodes.closed")} />
          <Id text={one.cluster} most={22} />
          <span className="end num">{one.pool === 0 ? "" : group(one.pool)}</span>
        </button>
      ))}
    </nav>
  );
}
