/** Nodes of a cluster: those that Events name, and cordon, uncordon, drain and reboot of many as one operation. */
import "../plan/plan.css";
import "../operations/operations.css";
import "./nodes.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { costOf } from "../../api/client";
import { calendar } from "../../api/operations";
import type { CalendarAnswer, ClusterCalendar } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Id } from "../../design/parts";
import { Empty, Failed, Loading, oldSince, StaleNote } from "../../design/states";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { nodesCopies } from "../../shell/copies";
import { useView } from "../../shell/view";
import { BulkPane } from "./BulkPane";
import { ClusterPane } from "./ClusterPane";
import { NodeList } from "./NodeList";
import { askedOf } from "./useNodes";

export function Page() {
  const t = useT();
  const view = useView();
  const all = useQuery({ ...calendar(), refetchInterval: 10_000 });
  const clusters = all.data?.clusters ?? [];
  // Nodes are touched of the one cluster that is meant, and of no other in its place.
  const meant = view.clusters.length > 0 ? view.clusters : clusters.map((one) => one.cluster);
  const chosen = meant.length === 1 ? clusters.find((one) => one.cluster === meant[0]) : undefined;
  useChrome({
    title: t("nav.nodes"),
    copies: nodesCopies(view, askedOf(view.range, chosen?.cluster ?? view.clusters[0] ?? "", view.search.q ?? "")),
    cost: costOf(all.data),
  });
  if (all.isPending) return <Loading rows={10} />;
  if (!all.data) return <Failed error={all.error} what={t("nav.nodes")} retry={() => void all.refetch()} />;
  if (clusters.length === 0) {
    return (
      <Empty title={t("nodes.none")}>
        <p>{t("nodes.noneHint")}</p>
        <code>beidou controllers</code>
      </Empty>
    );
  }
  return (
    <div className="col grow">
      <StaleNote since={oldSince(all)} />
      <div className="nodes row flush grow">
        <Clusters all={clusters} chosen={chosen} onChoose={(name) => view.set({ c: name })} />
        {chosen ? (
          <Chosen key={chosen.cluster} cluster={chosen} locks={all.data.locks.filter((item) => item.lock.cluster === chosen.cluster)} />
        ) : (
          <Unchosen meant={meant} />
        )}
      </div>
    </div>
  );
}

/** A cluster: who is ticked in the list of its nodes stands in the list of those that are acted on, and the other way round. */
function Chosen({ cluster, locks }: { cluster: ClusterCalendar; locks: CalendarAnswer["locks"] }) {
  const [text, setText] = useState("");
  return (
    <>
      <NodeList cluster={cluster.cluster} locks={locks} text={text} onText={setText} />
      <div className="panel vl scroll nodeside" tabIndex={0} role="group" aria-label={cluster.cluster}>
        <BulkPane cluster={cluster} text={text} onText={setText} />
        <ClusterPane cluster={cluster} locks={locks} />
      </div>
    </>
  );
}

/** No cluster is meant, or several, or one that operations do not know. */
function Unchosen({ meant }: { meant: readonly string[] }) {
  const t = useT();
  const [only = "", ...others] = meant;
  return (
    <Empty title={others.length > 0 ? t("nodes.choose") : t("nodes.unknown", { cluster: visible(only) })}>
      <p>{t(others.length > 0 ? "nodes.chooseHint" : "nodes.unknownHint")}</p>
    </Empty>
  );
}

function Clusters({
  all,
  chosen,
  onChoose,
}: {
  all: readonly ClusterCalendar[];
  chosen: ClusterCalendar | undefined;
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
