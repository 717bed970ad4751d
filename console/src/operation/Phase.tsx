/** A phase as a badge, and where hosts stand as a bar. */
import { Glyph } from "../design/Icon";
import { group } from "../design/number";
import { type Key, useT } from "../i18n";
import { asPhase, PHASE_LOOK, type Share } from "./states";

export function PhaseBadge({ phase }: { phase: string }) {
  const t = useT();
  const known = asPhase(phase);
  const look = PHASE_LOOK[known];
  return (
    <span className={`badge ${look.badge}`}>
      <Glyph name={look.glyph} />
      {t(`phase.${known}` as Key)}
    </span>
  );
}

/** Says phase and reason to who does not see them. A live region is heard where it stood before its words changed, so it is always there,
 * and nothing in it counts. */
export function PhaseSaid({ phase, reason, also }: { phase: string; reason: string | null | undefined; also?: string | undefined }) {
  const t = useT();
  return (
    <span className="vh" role="status">
      {[t(`phase.${asPhase(phase)}` as Key), reason, also].filter(Boolean).join(", ")}
    </span>
  );
}

/** The worst stands first, where lengths compare. */
export function HostBar({ share }: { share: Share }) {
  const t = useT();
  const label = t("op.shareOf", {
    bad: group(share.bad),
    cancelled: group(share.cancelled),
    running: group(share.running),
    through: group(share.through),
    total: group(share.total),
  });
  const part = (n: number, name: string) => (n === 0 ? null : <i className={name} style={{ flex: `${n} 0 2px` }} />);
  return (
    <span className="hostbar" role="img" aria-label={label} title={label}>
      {part(share.bad, "fail")}
      {part(share.cancelled, "stop")}
      {part(share.running, "run")}
      {part(share.through, "ok")}
      {share.waiting === 0 ? null : <i style={{ flex: `${share.waiting} 0 0px` }} />}
    </span>
  );
}

/** The same in numbers. */
export function HostNumbers({ share }: { share: Share }) {
  return (
    <>
      {share.bad > 0 ? <span className="fail medium">{group(share.bad)} × · </span> : null}
      {share.cancelled > 0 ? <span className="dim">{group(share.cancelled)} ⊘ · </span> : null}
      {group(share.through)} / {group(share.total)}
    </>
  );
}
