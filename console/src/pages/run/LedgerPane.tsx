/** The undo ledger: what was done to hosts and must be undone unless all ends well; and what is locked. */
import { Glyph, type GlyphName } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Empty } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { useView } from "../../shell/view";
import { hms } from "../../time/format";
import type { Run } from "./useRun";

const LOOK: Record<string, GlyphName> = { owed: "warn", started: "run", done: "ok", settled: "ok", given_up: "fail" };
const MOST = 8;

export function LedgerPane({ run }: { run: Run }) {
  const t = useT();
  const { zone } = useView();
  const { debts, locks, summary } = run.detail;
  const hosts = (all: readonly string[], count: number) =>
    `${all.slice(0, MOST).join(", ")}${count > MOST ? ` ${t("facet.beyond", { n: group(count - Math.min(MOST, all.length)) })}` : ""}`;
  return (
    <div className="scroll grow pad ledger" tabIndex={0} role="group" aria-label={t("run.tab.ledger")}>
      <p className="small dim">{t("run.ledgerHint", { owed: group(summary.owed), undone: group(summary.undone) })}</p>
      {debts.length === 0 ? <Empty title={t("run.noDebts")} /> : null}
      {debts.map((debt) => (
        <div key={`${debt.step}/${debt.kind}/${debt.by}/${debt.state}/${debt.settled ?? ""}/${debt.why}`} className="debt">
          <div className="row">
            <Glyph name={LOOK[debt.state] ?? "unknown"} />
            <b className="medium">
              {t(`undo.${debt.kind}` as Key)} × {group(debt.count)}
            </b>
            <span className="dim small end">
              {t(`debt.${debt.state}` as Key)}
              {debt.settled ? ` · ${t(`settled.${debt.settled}` as Key)}` : ""}
              {debt.tries > 0 ? ` · ${t("run.tries", { n: debt.tries })}` : ""}
            </span>
          </div>
          <p className="small dim">
            {t("run.owedBy", { step: debt.step, by: t(`undoBy.${debt.by}` as Key) })}
            {debt.purpose ? ` · ${t("run.purpose")}` : ""}
          </p>
          <p className="small mono cut2">{hosts(debt.hosts, debt.count)}</p>
          {debt.why === "" ? null : (
            <p className="small fail">
              <Foreign text={debt.why} most={500} />
            </p>
          )}
        </div>
      ))}
      {locks.length > 0 ? <h3>{t("run.locks")}</h3> : null}
      {locks.map((lock) => (
        <div key={`${lock.scope}/${lock.since}/${lock.hosts[0] ?? ""}`} className="debt">
          <div className="row">
            <Glyph name={lock.released ? "skip" : "held"} />
            <b className="medium">
              {lock.scope === "cluster" ? lock.cluster : t("run.lockNodes", { n: group(lock.count), cluster: lock.cluster })}
            </b>
            <span className="dim small end">
              {lock.released
                ? t("run.released", { time: hms(Date.parse(lock.released), zone) })
                : t("run.lockedUntil", { time: hms(Date.parse(lock.until), zone) })}
            </span>
          </div>
          <p className="small dim">
            {hms(Date.parse(lock.since), zone)} · <Foreign text={lock.why} most={200} />
          </p>
        </div>
      ))}
    </div>
  );
}
