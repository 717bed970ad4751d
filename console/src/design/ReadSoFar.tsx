/** How much the questions of a pane have read, once their answers take longer than a second. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get, type Params, queryString } from "../api/client";
import type { RunningList } from "../api/types";
import { useT } from "../i18n";
import { group } from "./number";

const LATE_MS = 1000;
/** So many characters of a question are listed. */
const LISTED_CHARS = 2000;

type Keyed = { queryKey: readonly unknown[] };
export type Progress = Pick<NonNullable<RunningList["items"][number]["progress"]>, "rows_read" | "share">;

/** A question as the server lists it: the path, and the parameters as they were sent. */
function listedAs({ queryKey: [path, params] }: Keyed): string {
  return Array.from(`${path}${queryString(params as Params)}`)
    .slice(0, LISTED_CHARS)
    .join("");
}

/** What these questions have read together. Whoever asks the same at the same time reads the same. */
export function readTogether(list: RunningList | undefined, questions: readonly Keyed[]): Progress | null {
  const asked = new Set(questions.map(listedAs));
  const own = new Map<string, Progress>();
  for (const { query, progress } of list?.items ?? []) if (progress && asked.has(query)) own.set(query, progress);
  const all = [...own.values()];
  if (all.length === 0) return null;
  return { rows_read: all.reduce((sum, one) => sum + one.rows_read, 0), share: all.length === 1 ? (all[0]?.share ?? null) : null };
}

/** Stands there while answers are waited for. */
export function ReadSoFar({ questions }: { questions: readonly Keyed[] }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, []);
  return late ? <Read questions={questions} /> : null;
}

function Read({ questions }: { questions: readonly Keyed[] }) {
  const list = useQuery({
    queryKey: ["running"],
    queryFn: ({ signal }) => get<RunningList>("/api/v1/running", {}, signal),
    refetchInterval: LATE_MS,
    staleTime: 0,
    retry: false,
  });
  const progress = readTogether(list.data, questions);
  return progress ? <ProgressText progress={progress} /> : null;
}

export function ProgressText({ progress: { rows_read, share } }: { progress: Progress }) {
  const t = useT();
  return (
    <p className="small dim pad" role="status">
      {t("state.progress", { rows: group(rows_read), share: share ? ` · ${Math.round(share * 100)} %` : "" })}
    </p>
  );
}
