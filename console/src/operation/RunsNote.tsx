/** Above a picture that operations are drawn over: since when it is kept, or why operations are missing there. */
import type { OperationList } from "../api/types";
import type { Held } from "../api/useHeld";
import { StaleNote } from "../design/states";
import { useT } from "../i18n";

export function RunsNote({ since, runs }: { since: number | null; runs: Held<OperationList> }) {
  const t = useT();
  return (
    <StaleNote
      since={since}
      error={runs.isError ? runs.error : null}
      what={t("nav.operations")}
      {...(runs.isError ? { retry: () => void runs.refetch() } : {})}
    />
  );
}
