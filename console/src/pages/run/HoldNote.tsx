/** What holds a run: the rule with its numbers, and the likely cause. */
import { Link } from "@tanstack/react-router";
import type { HostErrorGroup, OperationDetail } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { common, useView } from "../../shell/view";
import { hms } from "../../time/format";

const AROUND_MS = 20 * 60_000;

export function HoldNote({ detail, groups, now }: { detail: OperationDetail; groups: readonly HostErrorGroup[]; now: number }) {
  const t = useT();
  const view = useView();
  const hold = detail.hold;
  if (!hold) return null;
  const since = Date.parse(hold.since);
  // What somebody held on request has no cause among the hosts.
  const worst = hold.bad > 0 ? groups[0] : undefined;
  const risen = detail.warnings.at(-1);
  const around = {
    ...common(view.search),
    c: detail.summary.cluster,
    from: new Date(since - AROUND_MS).toISOString(),
    to: new Date(Math.min(now, since + AROUND_MS)).toISOString(),
    panel: "explain",
  };
  return (
    <div className="note held">
      <Glyph name="held" />
      <span className="holdtext">
        <b className="medium">{t("run.heldAt", { reason: hold.reason ?? "Held", time: hms(since, view.zone) })}</b>{" "}
        <Foreign text={hold.message} most={300} />{" "}
        {hold.bad > 0
          ? t("run.rule", {
              bad: group(hold.bad),
              hosts: group(hold.hosts),
              limit: group(hold.hold_at_hosts),
              percent: hold.hold_at_percent,
            })
          : ""}
        {worst ? (
          <>
            {" "}
            {t("run.cause", { n: group(worst.count), step: worst.step })} <Foreign text={worst.message || worst.code} most={160} />.
          </>
        ) : null}
        {risen ? <> {t("run.rose", { count: group(risen.count), before: group(risen.before), reason: risen.reason })}</> : null}
      </span>
      <Link className="end nowrap" to="/events" search={around as never}>
        {t("events.explain")}
      </Link>
    </div>
  );
}
