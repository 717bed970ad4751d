/** Where the tables end: an answer goes on in the archive, and says what it read of it. */
import { ask } from "../../api/questions";
import type { ColdEstimate, Histogram } from "../../api/types";
import { useHeld } from "../../api/useHeld";
import { bytes, group } from "../../design/number";
import { useT } from "../../i18n";
import type { View } from "../../shell/view";
import { full } from "../../time/format";

export interface Archived {
  /** From this moment on the tables have all. */
  until: string;
  files: number;
  bytes: number;
}

/** Null where the tables had all, or nobody knows yet. Nothing is read for it. */
export function useArchived({ scope, anchor }: View, data: Histogram | undefined): Archived | null {
  const cold = data?.cold && data.cold.files > 0 ? data.cold : null;
  const estimate = useHeld({ ...ask<ColdEstimate>("/api/v1/events/estimate", scope, anchor), enabled: cold !== null });
  const until = estimate.data?.tables_from;
  return cold && until ? { until, files: cold.files, bytes: cold.bytes } : null;
}

export function ArchiveNote({ of, zone }: { of: Archived; zone: string }) {
  const t = useT();
  return (
    <p className="small dim archived">
      {t("events.archived", { time: full(Date.parse(of.until), zone), files: group(of.files), bytes: bytes(of.bytes) })}
    </p>
  );
}
