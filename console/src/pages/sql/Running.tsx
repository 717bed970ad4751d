/** A statement that runs: how far it is. */
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { RunningList } from "../../api/types";
import { ProgressText } from "../../design/ReadSoFar";
import { Loading } from "../../design/states";

/** Rows read so far, once it takes longer than a second. */
export function Running({ sql }: { sql: string }) {
  const list = useQuery({
    queryKey: ["running"],
    queryFn: ({ signal }) => get<RunningList>("/api/v1/running", {}, signal),
    refetchInterval: 1000,
    retry: false,
  });
  const begin = sql.replace(/\s+/g, " ").trim().slice(0, 60);
  const alike = list.data?.items.filter((item) => item.kind === "sql" && item.query.replace(/\s+/g, " ").trim().startsWith(begin));
  // The list has statements of all: of two that begin alike nobody knows which is whose.
  const own = alike?.length === 1 ? alike[0] : undefined;
  return (
    <>
      {own?.progress ? <ProgressText progress={own.progress} /> : null}
      <Loading rows={8} />
    </>
  );
}
