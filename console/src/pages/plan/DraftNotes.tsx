/** What is to be said of the draft's saving, and what can be done about it. */
import { Glyph } from "../../design/Icon";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { useView } from "../../shell/view";
import { moment } from "../../time/format";
import type { Saver } from "./useSaving";

/** Who saved it last, and when. */
export function DraftState({ saver, dirty }: { saver: Saver; dirty: boolean }) {
  const t = useT();
  const { zone, anchor } = useView();
  const { known, sending, failed } = saver.state;
  const text = () => {
    if (sending) return t("drafts.saving");
    if (dirty && known) return t("drafts.dirty");
    return known ? t("drafts.saved", { who: known.subject, time: moment(Date.parse(known.time), zone, anchor) }) : "";
  };
  return (
    <span className="small dim cut draftstate" role="status" data-saved={known && !dirty && !sending && !failed ? known.version : ""}>
      <Foreign text={text()} most={120} />
    </span>
  );
}

export function DraftNotes({ saver, onReload }: { saver: Saver; onReload: () => void }) {
  const t = useT();
  const { zone, anchor } = useView();
  const { theirs, gone, failed } = saver.state;
  if (gone)
    return (
      <div className="note warn" role="alert">
        <Glyph name="warn" />
        <span className="cut">{t("drafts.gone")}</span>
        <button type="button" className="btn sm end" onClick={saver.anew}>
          {t("drafts.anew")}
        </button>
      </div>
    );
  if (theirs)
    return (
      <div className="note held" role="alert">
        <Glyph name="held" />
        <span className="cut">
          <Foreign text={t("drafts.theirs", { who: theirs.subject, time: moment(Date.parse(theirs.time), zone, anchor) })} most={200} />
        </span>
        <span className="row end">
          <button type="button" className="btn sm" onClick={onReload}>
            {t("drafts.reload")}
          </button>
          <button type="button" className="btn sm" onClick={saver.overwrite}>
            {t("drafts.overwrite")}
          </button>
        </span>
      </div>
    );
  if (failed && !["draft-changed", "unknown-draft"].includes(failed.problem.slug))
    return (
      <div className="note warn" role="alert">
        <Glyph name="warn" />
        <span className="cut">
          {t("drafts.failed", { why: failed.problem.unreachable ? t("state.unreachable") : failed.problem.message })}
        </span>
      </div>
    );
  return null;
}
