/** A page that broke: what it said, and the way to draw it anew. The frame and other pages go on. Code that cannot be had is most often that
 * of a console of before: another try would ask for the same file. */
import { useRouter } from "@tanstack/react-router";
import { Glyph, Icon } from "../design/Icon";
import { Foreign } from "../design/parts";
import { useT } from "../i18n";

/** What browsers say of a file of code that does not come. */
const LOST_CODE =
  /^(Failed to fetch dynamically imported module|error loading dynamically imported module|Importing a module script failed)/i;

export const isLostCode = (error: unknown): boolean => error instanceof Error && LOST_CODE.test(error.message);

export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  const t = useT();
  const router = useRouter();
  const lost = isLostCode(error);
  const again = () => {
    if (lost) return location.reload();
    reset();
    void router.invalidate();
  };
  return (
    <div className="empty" role="alert">
      <h2>
        <Glyph name="fail" /> {t(lost ? "state.lostCode" : "state.broken")}
      </h2>
      <p className="mono">
        <Foreign text={error instanceof Error ? error.message : String(error)} most={500} />
      </p>
      <button type="button" className="btn" onClick={again}>
        <Icon name="refresh" />
        {t(lost ? "action.reload" : "action.retry")}
      </button>
    </div>
  );
}
