/** A statement that runs: how far it is. */
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { RunningList } from "../../api/types";
import { group } from "../../design/number";
import { Loading } from "../../design/states";
import { useT } from "../../i18n";

/** Rows read so far, once it takes longer than a second. */
export function Running({ sql }: { sql: string }) {
  const t = useT();
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
      {own?.progress ? (
        <p className="small dim pad" role="status">
          {t("sql.progress", {
            rows: group(own.progress.rows_read),
            share: own.progress.share ? ` · ${Math.round(own.progress.share * 100)} %` : "",
          })}
        </p>
      ) : null}
      <Loading rows={8} />
    </>
  );
}
