/** What else happened around an Event: before and after it, by what they share. */
import { useQuery } from "@tanstack/react-query";
import { retryOfNew } from "../../api/cache";
import { neighbours } from "../../api/questions";
import type { Event } from "../../api/types";
import { Glyph, typeGlyph } from "../../design/Icon";
import { Fit, Foreign } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { type Key, useT } from "../../i18n";
import { useKeys } from "../../shell/keys";
import type { View } from "../../shell/view";

const SCOPES = ["node", "object", "namespace", "cluster"] as const;
const WITHIN = "60s";

function distance(ms: number): string {
  const seconds = ms / 1000;
  return `${seconds > 0 ? "+" : seconds < 0 ? "−" : ""}${Math.abs(seconds).toFixed(1)} s`;
}

export function NeighbourList({ event, view, onOpen }: { event: Event; view: View; onOpen: (event: Event) => void }) {
  const t = useT();
  const scopes = SCOPES.filter((one) => one !== "node" || event.node);
  const scope = scopes.find((one) => one === view.search.near) ?? scopes[0] ?? "object";
  const answer = useQuery({
    ...neighbours(event.cluster_uid, event.uid, { scope, within: WITHIN, resource_version: event.resource_version, limit: 30 }),
    placeholderData: undefined,
    retry: retryOfNew,
  });
  const all = answer.data ? [...[...answer.data.before].reverse(), answer.data.event, ...answer.data.after] : [];
  const me = answer.data?.before.length ?? 0;
  useKeys({
    n: () => {
      const next = all[me + 1];
      if (next) onOpen(next);
    },
    N: () => {
      const before = all[me - 1];
      if (before) onOpen(before);
    },
  });
  const begin = Date.parse(event.time);
  return (
    <section className="col grow ht" aria-label={t("events.neighbours")}>
      <div className="bar soft">
        <h2 className="small">{t("events.neighbours")}</h2>
        <label className="small dim">
          <span className="vh">{t("events.share")}</span>
          <select className="in sm" value={scope} onChange={(change) => view.set({ near: change.target.value }, { replace: true })}>
            {scopes.map((one) => (
              <option key={one} value={one}>
                {t(`share.${one}` as Key)}
              </option>
            ))}
          </select>
        </label>
        <span className="dim small">± 60 s</span>
        <span className="end dim small num">
          {answer.data ? `${all.length - 1}${answer.data.more_after || answer.data.more_before ? "+" : ""}` : ""}
        </span>
      </div>
      <div className="scroll grow" tabIndex={0} role="group" aria-label={t("events.neighbours")}>
        {answer.isPending ? <Loading rows={5} /> : null}
        {answer.isError ? <Failed error={answer.error} what={t("events.neighbours")} retry={() => void answer.refetch()} /> : null}
        {all.map((one, n) => (
          <button
            key={`${one.uid}${one.resource_version}`}
            type="button"
            className={n === me ? "nb me" : "nb"}
            aria-current={n === me}
            onClick={() => onOpen(one)}
          >
            <span className="mono num dim">{distance(Date.parse(one.time) - begin)}</span>
            <Glyph name={typeGlyph(one.type)} label={one.type} />
            <span className="row tight">
              <Foreign className="medium nowrap" text={one.reason} most={40} />
              {scope === "object" ? <Foreign className="dim cut" text={one.message} most={160} /> : <Fit className="dim" text={one.name} />}
            </span>
          </button>
        ))}
        {answer.data && all.length === 1 ? <p className="small dim pad">{t("events.noNeighbours")}</p> : null}
      </div>
    </section>
  );
}
