/** SQL: the question that no screen foresaw, with the same honesty. */
import "./sql.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { costOf, get, remove, sendJson } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { RunningList, SqlAnswer, SqlEstimate } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { bytes, group, short } from "../../design/number";
import { Empty, Failed, Loading, Partial } from "../../design/states";
import { toast } from "../../design/toast";
import { useT } from "../../i18n";
import { useChrome } from "../../shell/chrome";
import { sqlCopies } from "../../shell/copies";
import { useKeys } from "../../shell/keys";
import { useView } from "../../shell/view";
import { missing } from "../../time/coverage";
import { duration } from "../../time/format";
import { Editor } from "./Editor";
import { History, remember } from "./History";
import { offsetOf } from "./light";
import { ResultGrid } from "./ResultGrid";
import { SchemaTree } from "./SchemaTree";

const DRAFT = "beidou.sql";
const FIRST = `-- which images fail to pull, and where?
SELECT
  extractAll(message, '"([^"]+)"')[1] AS image,
  cluster,
  sum(new_occurrences) AS failures,
  uniqExact(name) AS pods,
  min(time) AS first_seen
FROM events
WHERE time >= {from} AND time < {to}
  AND reason = 'Failed' AND message LIKE '%pull%'
GROUP BY image, cluster
ORDER BY failures DESC
LIMIT 500`;

const MOST_ROWS = 10_000;
/** No answer to the browser has more than 1 MB: columns and coverage stand beside the rows. */
const MOST_BYTES = 900_000;
const ESTIMATE_AFTER_MS = 400;

export function Page() {
  const t = useT();
  const view = useView();
  const [text, setText] = useState(() => localStorage.getItem(DRAFT) ?? FIRST);
  const [asked, setAsked] = useState<{ sql: string; round: number } | null>(null);
  const [settled, setSettled] = useState(text);
  // Drawn anew when a statement is kept: what was kept is read where it is listed.
  const [, setKept] = useState(0);
  const editor = useRef<HTMLTextAreaElement>(null);
  const abort = useRef<AbortController | null>(null);
  const range = { from: view.range.from, to: view.range.to };
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(text);
      localStorage.setItem(DRAFT, text);
    }, ESTIMATE_AFTER_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const estimate = useQuery({
    queryKey: ["sql", "estimate", settled, range],
    queryFn: ({ signal }) => sendJson<SqlEstimate>("POST", "/api/v1/sql/estimate", { query: settled }, range, signal),
    enabled: settled.trim() !== "",
    retry: false,
    placeholderData: (before) => before,
  });
  const answer = useQuery({
    queryKey: ["sql", asked, range],
    queryFn: async ({ signal }) => {
      abort.current = new AbortController();
      signal.addEventListener("abort", () => abort.current?.abort());
      const found = await sendJson<SqlAnswer>(
        "POST",
        "/api/v1/sql",
        { query: asked?.sql ?? "", max_rows: MOST_ROWS, max_bytes: MOST_BYTES },
        range,
        abort.current.signal,
      );
      remember(asked?.sql ?? "");
      return found;
    },
    enabled: asked !== null,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  const run = () => {
    if (text.trim() !== "") setAsked({ sql: text, round: (asked?.round ?? 0) + 1 });
  };
  const cancel = async () => {
    await stopOwn(asked?.sql ?? "");
    abort.current?.abort();
    setAsked(null);
  };
  useChrome({
    title: "SQL",
    copies: sqlCopies(view, text),
    cost: costOf(answer.data),
    costText: answer.data
      ? t("sql.read", { rows: short(answer.data.statistics.rows_read), bytes: bytes(answer.data.statistics.bytes_read) })
      : "",
  });
  const insert = (word: string) => {
    const area = editor.current;
    const at = area?.selectionStart ?? text.length;
    setText(text.slice(0, at) + word + text.slice(area?.selectionEnd ?? at));
    requestAnimationFrame(() => {
      area?.focus();
      area?.setSelectionRange(at + word.length, at + word.length);
    });
  };
  const wrong = estimate.isError ? asProblem(estimate.error) : null;
  const character = wrong?.parameter?.line?.character;
  const fault = character === undefined ? null : offsetOf(settled, character);
  const toFault = () => {
    if (fault === null) return;
    // Only a field that gets the focus brings its selection into sight.
    editor.current?.blur();
    editor.current?.setSelectionRange(fault, fault + 1);
    editor.current?.focus();
  };
  const keep = () => {
    if (text.trim() === "") return;
    remember(text);
    toast(t("sql.kept"));
    setSettled(text);
    setKept((times) => times + 1);
  };
  useKeys({ F8: toFault, "Mod+s": keep });
  const failed = answer.isError && !(answer.error instanceof DOMException) ? answer.error : null;
  return (
    <div className="sqlpage row flush grow">
      <aside className="schema vr col" aria-label={t("sql.schema")}>
        <SchemaTree onPick={insert} />
        <History onPick={setText} />
      </aside>
      <section className="col grow">
        <div className="bar">
          <h2>{t("sql.statement")}</h2>
          <span className="small dim cut grow" role="status">
            {wrong ? (
              <span className="error">{wrong.message}</span>
            ) : estimate.data ? (
              <>
                {estimate.data.allowed ? null : <Glyph name="error" />}{" "}
                {t(estimate.data.allowed ? "sql.estimate" : "sql.tooMuch", {
                  rows: short(estimate.data.rows),
                  most: short(estimate.data.most_rows),
                })}
              </>
            ) : (
              ""
            )}
          </span>
          {answer.isFetching ? (
            <button type="button" className="btn" onClick={() => void cancel()}>
              <Icon name="stop" />
              {t("sql.cancel")} <kbd>⌘.</kbd>
            </button>
          ) : null}
          <button type="button" className="btn prime" onClick={run} disabled={answer.isFetching}>
            <Icon name="play" />
            {t("sql.run")} <kbd className="on">⌘↵</kbd>
          </button>
        </div>
        <Editor ref={editor} value={text} fault={fault} onChange={setText} onRun={run} onCancel={() => void cancel()} onFault={toFault} />
        <div className="col grow ht">
          {asked === null ? (
            <Empty title={t("sql.first")}>
              <p>{t("sql.firstHint")}</p>
            </Empty>
          ) : null}
          {answer.isFetching ? <Running sql={asked?.sql ?? ""} /> : null}
          {failed && !answer.isFetching ? <Failed error={failed} what={t("sql.statement")} retry={run} /> : null}
          {answer.data && !answer.isFetching ? (
            <>
              <Partial parts={answer.data.range ? missing(answer.data.coverage, Date.parse(answer.data.range.to)) : []} />
              <ResultGrid
                data={answer.data}
                asked={asked?.sql ?? ""}
                summary={`${duration(answer.data.statistics.elapsed * 1000)} · ${t("sql.read", { rows: group(answer.data.statistics.rows_read), bytes: bytes(answer.data.statistics.bytes_read) })}`}
              />
            </>
          ) : null}
        </div>
      </section>
    </div>
  );
}

/** Frees the server: the statement is found among those that run now. */
async function stopOwn(sql: string): Promise<void> {
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
function Running({ sql }: { sql: string }) {
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
