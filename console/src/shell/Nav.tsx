/** The navigation: only pages that exist, how much goes on beside them, and at the foot how much comes in and how late. */
import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { completeness, histogram } from "../api/questions";
import type { Going, Me } from "../api/types";
import { knownCount, rateOf } from "../canvas/histogram";
import { Spark } from "../canvas/Spark";
import { Icon, type IconName, Logo } from "../design/Icon";
import { atLeast, group, rateText } from "../design/number";
import { type Key, type Translate, useT } from "../i18n";
import { common, type Search } from "./view";

const ENTRIES: readonly { head: Key | null; items: readonly { to: string; icon: IconName; name: Key }[] }[] = [
  { head: null, items: [{ to: "/", icon: "fleet", name: "nav.fleet" }] },
  {
    head: "nav.observe",
    items: [
      { to: "/events", icon: "events", name: "nav.events" },
      { to: "/o", icon: "lanes", name: "nav.timelines" },
      { to: "/sql", icon: "sql", name: "nav.sql" },
    ],
  },
  {
    head: "nav.operate",
    items: [
      { to: "/operations", icon: "ops", name: "nav.operations" },
      { to: "/tasks", icon: "tasks", name: "nav.tasks" },
      { to: "/nodes", icon: "node", name: "nav.nodes" },
    ],
  },
  {
    head: "nav.assure",
    items: [
      { to: "/clusters", icon: "clusters", name: "nav.clusters" },
      { to: "/coverage", icon: "coverage", name: "nav.coverage" },
      { to: "/settings", icon: "gear", name: "nav.settings" },
    ],
  },
];

interface Beside {
  text: string;
  /** Somebody is waited for. */
  isHeld: boolean;
}

/** What waits for somebody, or else how many go on; nothing where none does, or nobody knows. */
function goingOn(going: Going | undefined, t: Translate): Beside | null {
  if (!going || going.active === 0) return null;
  if (going.held > 0) return { text: t("nav.held", { n: group(going.held) }), isHeld: true };
  if (going.awaiting_approval > 0) return { text: t("nav.toApprove", { n: group(going.awaiting_approval) }), isHeld: true };
  return { text: group(going.active), isHeld: false };
}

interface Props {
  /** What the page asked first has come. */
  ask: boolean;
  going: Me | undefined;
  /** How many clusters there are; null while nobody knows. */
  clusters: number | null;
}

export function Nav({ ask, going, clusters }: Props) {
  const t = useT();
  const beside: Record<string, Beside | null> = {
    "/operations": goingOn(going?.operations, t),
    "/tasks": goingOn(going?.tasks, t),
    "/clusters": clusters === null ? null : { text: group(clusters), isHeld: false },
  };
  const search = useSearch({ strict: false }) as Search;
  return (
    <nav className="nav" aria-label={t("nav.label")}>
      <Link className="brand" to="/" search={common(search) as never}>
        <Logo />
        <span>Beidou</span>
        <small>v0.1</small>
      </Link>
      {ENTRIES.map((part) => (
        <div key={part.head ?? "top"} style={part.head === null ? { paddingTop: 4 } : undefined}>
          {part.head === null ? null : <h2>{t(part.head)}</h2>}
          {part.items.map((item) => (
            <Link
              key={item.to}
              className="go"
              to={item.to}
              search={common(search) as never}
              activeOptions={{ exact: item.to === "/", includeSearch: false }}
              title={[t(item.name), beside[item.to]?.text].filter(Boolean).join(": ")}
              aria-label={[t(item.name), beside[item.to]?.text].filter(Boolean).join(" ")}
            >
              <Icon name={item.icon} />
              <span>{t(item.name)}</span>{" "}
              {beside[item.to] ? <span className={beside[item.to]?.isHeld ? "n held" : "n"}>{beside[item.to]?.text}</span> : null}
            </Link>
          ))}
        </div>
      ))}
      <Intake ask={ask} />
    </nav>
  );
}

/** Incoming states of the last quarter of an hour, and how late they were read. */
function Intake({ ask }: { ask: boolean }) {
  const t = useT();
  const again = { enabled: ask, refetchInterval: 15_000 };
  const bins = useQuery({ ...histogram({ from: "-15m", to: "now", bins: 90 }, 0), ...again });
  const late = useQuery({ ...completeness({ from: "-15m", to: "now" }, 0), ...again });
  const values = useMemo(() => (bins.data?.bins ?? []).slice(0, -1).map((bin) => knownCount(bin, bin.states)), [bins.data]);
  // The newest bins may not be settled: the rate is that of the minute before them.
  const rate = bins.data ? rateOf(bins.data.bins.slice(-9, -3), bins.data.bin_seconds) : null;
  const lags = (late.data?.items ?? []).flatMap((item) => (item.lag ? [item.lag.p99_seconds] : []));
  return (
    <div className="navfoot">
      <div className="row">
        <span>{t("nav.ingest")}</span>
        <b>{rate === null || bins.isError ? "–" : atLeast(`${rateText(rate.perSecond)} /s`, rate.whole)}</b>
      </div>
      {values.length > 1 ? <Spark values={values} color="st-ok" /> : null}
      <div className="row" title={t("nav.lagHint")}>
        <span>{t("nav.lag")}</span>
        <b>{lags.length === 0 || late.isError ? "–" : `${Math.max(...lags).toFixed(1)} s`}</b>
      </div>
    </div>
  );
}
