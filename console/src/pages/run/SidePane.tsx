/** Beside the matrix: what runners told, what Kubernetes did, what must be undone, attempts, and the specification. */
import { Json } from "../../design/Json";
import { Tabs } from "../../design/parts";
import { useT } from "../../i18n";
import { useView } from "../../shell/view";
import { AttemptsPane } from "./AttemptsPane";
import { EventsPane } from "./EventsPane";
import { LedgerPane } from "./LedgerPane";
import { LogPane } from "./LogPane";
import type { Run } from "./useRun";
import type { RunEventsAnswer } from "./useRunEvents";

const TABS = ["log", "events", "ledger", "attempts", "spec"] as const;

export function SidePane({ run, events }: { run: Run; events: RunEventsAnswer }) {
  const t = useT();
  const view = useView();
  const { detail } = run;
  const tab = TABS.find((one) => one === view.search.tab) ?? "log";
  return (
    <aside className="side vl col" aria-label={t(`run.tab.${tab}`)}>
      <div className="bar sidetabs">
        <Tabs
          id="side"
          label={t("run.tabs")}
          value={tab}
          tabs={TABS.map((one) => ({
            value: one,
            label: t(`run.tab.${one}`),
            ...(one === "ledger" ? { count: detail.summary.owed } : one === "attempts" ? { count: detail.attempts.length } : {}),
          }))}
          onChange={(value) => view.set({ tab: value === "log" ? "" : value }, { replace: true })}
        />
      </div>
      <div className="col grow" id="side-panel" role="tabpanel" aria-labelledby={`side-${tab}`}>
        {tab === "log" ? <LogPane run={run} /> : null}
        {tab === "events" ? <EventsPane run={run} events={events} /> : null}
        {tab === "ledger" ? <LedgerPane run={run} /> : null}
        {tab === "attempts" ? <AttemptsPane run={run} /> : null}
        {tab === "spec" ? (
          <div className="scroll grow pad" tabIndex={0} role="group" aria-label={t("run.tab.spec")}>
            <Json value={detail.spec} />
          </div>
        ) : null}
      </div>
    </aside>
  );
}
