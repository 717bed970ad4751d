/** Events of the run's nodes: asked for while their tab is open, and again as long as any can come. */
import { useQuery } from "@tanstack/react-query";
import { operationEvents } from "../../api/operations";
import { useView } from "../../shell/view";
import { mayGrow } from "./runEvents";
import type { Run } from "./useRun";

const AGAIN_MS = 10_000;
const MOST = 200;

export function useRunEvents({ detail, over }: Run) {
  const { search } = useView();
  const open = search.tab === "events";
  const warnings = search.sev === "Warning";
  const ended = over && detail.summary.ended ? Date.parse(detail.summary.ended) : null;
  const answer = useQuery({
    ...operationEvents(detail.summary.id, { type: warnings ? ["Warning"] : [], limit: MOST }),
    enabled: open,
    refetchInterval: () => (mayGrow(ended, Date.now()) ? AGAIN_MS : false),
  });
  return { answer, open, warnings, ended };
}

export type RunEventsAnswer = ReturnType<typeof useRunEvents>;
