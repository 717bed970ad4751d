/** Rows of the list of hosts. */
import type { HostErrorGroup, HostItem } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group as grouped } from "../../design/number";
import { Fit, Foreign, Id } from "../../design/parts";
import { type Key, useT } from "../../i18n";
import { asState, rank, STATE_GLYPH, STATES } from "../../operation/states";
import { useView } from "../../shell/view";
import { duration, hms } from "../../time/format";

/** `tries`: how many of them a retry tries. */
export function GroupRow({ group, tries, onRetry }: { group: HostErrorGroup; tries: number; onRetry: (() => void) | null }) {
  const t = useT();
  return (
    <div className="gh">
      <Glyph name={STATE_GLYPH[asState(group.state)]} label={t(`host.${asState(group.state)}` as Key)} />
      <b className="medium nowrap">{t("run.oneError", { n: grouped(group.count) })}</b>
      <span className="cut sub">
        <span className="mono">
          {group.step}
          {group.code === "" ? "" : ` · ${group.code}`}
        </span>{" "}
        <Foreign text={group.message} most={300} />
        {group.remedy === "" ? null : (
          <span className="dim">
            {" "}
            → <Foreign text={group.remedy} most={300} />
          </span>
        )}
      </span>
      {onRetry ? (
        <button type="button" className="btn bare sm link end" onClick={onRetry}>
          {t(tries < group.count ? "run.retrySome" : "run.retryGroup", { n: grouped(tries), all: grouped(group.count) })}
        </button>
      ) : null}
    </div>
  );
}

export function MoreRow({ text, onMore }: { text: string; onMore: () => void }) {
  return (
    <div className="hl">
      <span />
      <button type="button" className="btn bare sm link" onClick={onMore}>
        {text}
      </button>
    </div>
  );
}

interface RowProps {
  host: HostItem;
  steps: readonly string[];
  selected: boolean;
  checked: boolean;
  onCheck: () => void;
  onOpen: () => void;
}

export function HostRow({ host, steps, selected, checked, onCheck, onOpen }: RowProps) {
  const t = useT();
  const { zone } = useView();
  const worst = [...host.steps].sort((a, b) => rank(STATES.indexOf(asState(a.state))) - rank(STATES.indexOf(asState(b.state))))[0];
  const present = host.error ? host.steps.find((step) => step.step === host.error?.step) : worst;
  const state = present ? asState(present.state) : "none";
  return (
    <div className={selected ? "hl sel" : "hl"}>
      <input type="checkbox" aria-label={t("run.choose", { host: host.host })} checked={checked} onChange={onCheck} />
      <button type="button" className="lk" aria-pressed={selected} onClick={onOpen}>
        <Id text={host.name ?? host.host} most={22} />
      </button>
      <Fit className="dim small mono addr" text={host.name ? host.host : (host.role ?? "")} />
      <span
        className="cells"
        role="img"
        aria-label={host.steps.map((step) => `${step.step}: ${t(`host.${asState(step.state)}` as Key)}`).join(", ")}
      >
        {host.steps.slice(0, 14).map((step) => (
          <i key={step.step} className={asState(step.state)} title={`${step.step}: ${t(`host.${asState(step.state)}` as Key)}`}>
            {SIGNS[asState(step.state)]}
          </i>
        ))}
      </span>
      <Fit className={host.bad ? "fail medium" : "sub"} text={host.error?.step ?? (host.through ? steps.at(-1) : present?.step) ?? ""} />
      <Fit className="sub" text={host.error ? host.error.message || host.error.code : t(`host.${host.through ? "ok" : state}` as Key)} />
      <span className="num dim small">
        {present?.duration_ms ? duration(present.duration_ms, t) : present ? hms(Date.parse(present.since), zone) : ""}
      </span>
    </div>
  );
}

const SIGNS: Partial<Record<string, string>> = { failed: "×", unreachable: "!", unknown: "?", cancelled: "⊘", skipped: "–" };
