/** A statement that runs: how far it is, and its end before the answer. */
import { useQuery } from "@tanstack/react-query";
import { get, remove } from "../../api/client";
import type { RunningList } from "../../api/types";
import { group } from "../../design/number";
import { Loading } from "../../design/states";
import { useT } from "../../i18n";

/** Frees the server: the statement is found among those that run now. */
export async function stopOwn(sql: string): Promise<void> {
  try {
    const running = await get<RunningList>("/api/v1/running");
    const begin = sql.replace(/\s+/g, " ").trim().slice(0, 60);
    const own = running.items.filter((item) => item.kind === "sql" && item.query.replace(/\s+/g, " ").trim().startsWith(begin));
    await Promise.all(own.map((item) => remove(`/api/v1/running/${item.id}`)));
  } catch {
    // It may have ended by itself; the request is given up either way.
  }
}

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
  const own = list.data?.items.find((item) => item.query.replace(/\s+/g, " ").trim().startsWith(begin));
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
