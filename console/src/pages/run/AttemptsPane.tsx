/** Runs of runners, the times between them in which the run stood still, and what people said to it and why, the newest first; a run
 * of a runner opens its log. */
import type { SaidItem, StoodItem } from "../../api/types";
import { Glyph, type GlyphName, Icon } from "../../design/Icon";
import { Foreign } from "../../design/parts";
import { Empty } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { ACT_ICON, type Act } from "../../operation/acts";
import { batchName } from "../../operation/words";
import { useView } from "../../shell/view";
import { duration, hms } from "../../time/format";
import type { Run } from "./useRun";

/** The server gives no more of what people said. */
const MOST_SAID = 50;

function look(end: string | null | undefined, bad: number): GlyphName {
  if (!end) return "run";
  if (end === "finished") return bad > 0 ? "fail" : "ok";
  return end === "stopped" ? "stop" : "unknown";
}

function StoodRow({ hold, end }: { hold: StoodItem; end: number }) {
  const t = useT();
  const { zone } = useView();
  const [from, to] = [Date.parse(hold.since), hold.until ? Date.parse(hold.until) : end];
  return (
    <div className="attempt">
      <span className="row">
        <Glyph name="held" />
        <b className="medium mono">{hold.reason ?? "Held"}</b>
        <span className="sub small">{t("run.held", { length: duration(Math.max(0, to - from), t) })}</span>
        <span className="end dim small num">
          {hms(from, zone)} – {hold.until ? hms(to, zone) : ""}
        </span>
      </span>
      {hold.message === "" ? null : (
        <span className="small dim cut">
          <Foreign text={hold.message} most={300} />
        </span>
      )}
    </div>
  );
}

function SaidRow({ said }: { said: SaidItem }) {
  const t = useT();
  const { zone } = useView();
  return (
    <div className="attempt">
      <span className="row">
        <Icon name={said.act === "start" ? "play" : ACT_ICON[said.act as Act]} />
        <b className="medium">{t(`act.${said.act}` as Key)}</b>
        <span className="sub small cut">
          <Foreign text={said.subject} most={60} />
        </span>
        <span className="end dim small num">{hms(Date.parse(said.time), zone)}</span>
      </span>
      {said.why === "" ? null : (
        <span className="small dim cut">
          <Foreign text={said.why} most={300} />
        </span>
      )}
    </div>
  );
}

export function AttemptsPane({ run }: { run: Run }) {
  const t = useT();
  const view = useView();
  const { detail, store } = run;
  const { attempts, more_attempts: more, stages } = detail;
  const anyCanary = stages.some((stage) => stage.canary);
  const holds = detail.holds.map((hold) => ({ at: Date.parse(hold.since), hold }));
  // A hold stands there as the time that it took, with its words.
  const words = detail.said.filter((one) => one.act !== "hold").map((said) => ({ at: Date.parse(said.time), said }));
  const begun = attempts.map((one) => ({ at: Date.parse(one.claimed ?? one.intended), one }));
  const all = [...holds, ...words, ...begun].sort((a, b) => b.at - a.at);
  if (all.length === 0) return <Empty title={t("run.noAttempts")} />;
  return (
    <div className="scroll grow attempts" tabIndex={0} role="group" aria-label={t("run.tab.attempts")}>
      {all.map((entry) => {
        if ("hold" in entry) return <StoodRow key={`held-${entry.at}`} hold={entry.hold} end={store.end()} />;
        if ("said" in entry) return <SaidRow key={`${entry.said.act}-${entry.at}`} said={entry.said} />;
        const { one, at: from } = entry;
        const to = one.ended ? Date.parse(one.ended) : store.end();
        return (
          <button
            key={one.id}
            type="button"
            className={view.search.attempt === one.id ? "attempt sel" : "attempt"}
            onClick={() => view.set({ attempt: one.id, host: "", step: "", tab: "" }, { replace: true })}
          >
            <span className="row">
              <Glyph name={look(one.end, one.bad)} />
              <b className="medium mono">{one.step}</b>
              <span className="sub small">
                {batchName(t, one.batch, stages[one.stage]?.canary ?? false, anyCanary)} · {t("run.attemptN", { n: one.number })}
                {one.purpose === "undo" ? ` · ${t("run.undoes")}` : ""}
              </span>
              <span className="end dim small num">
                {hms(from, view.zone)} · {duration(Math.max(0, to - from), t)}
              </span>
            </span>
            <span className="row small dim">
              {t("run.attemptHosts", { ok: one.ok, bad: one.bad, hosts: one.hosts })}
              {one.end ? ` · ${t(`attemptEnd.${one.end}` as Key)}` : ""}
              {one.executor ? ` · ${one.executor}` : ""}
              {one.exit === null || one.exit === undefined ? "" : ` · ${t("run.exit", { code: one.exit })}`}
            </span>
            {one.message === "" ? null : (
              <span className="small fail cut">
                <Foreign text={one.message} most={300} />
              </span>
            )}
          </button>
        );
      })}
      {detail.said.length >= MOST_SAID ? <p className="small dim pad">{t("run.moreSaid", { n: MOST_SAID })}</p> : null}
      {more > 0 ? <p className="small dim pad">{t("run.moreAttempts", { n: more })}</p> : null}
    </div>
  );
}
