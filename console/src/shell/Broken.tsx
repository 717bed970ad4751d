/** A page that broke: what it said, and the way to draw it anew. The frame and other pages go on. */
import { useRouter } from "@tanstack/react-router";
import { Glyph, Icon } from "../design/Icon";
import { Foreign } from "../design/parts";
import { useT } from "../i18n";

export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  const t = useT();
  const router = useRouter();
  const again = () => {
    reset();
    void router.invalidate();
  };
  return (
    <div className="empty" role="alert">
      <h2>
        <Glyph name="fail" /> {t("state.broken")}
      </h2>
      <p className="mono">
        <Foreign text={error instanceof Error ? error.message : String(error)} most={500} />
      </p>
      <button type="button" className="btn" onClick={again}>
        <Icon name="refresh" />
        {t("action.retry")}
      </button>
    </div>
  );
}
