/** One statement, a saved one or not: it is edited, saved and run here, and its answer stands below. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { costOf, sendJson } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { SqlAnswer, SqlEstimate } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { bytes, short } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Beside, SideButton, useSide } from "../../design/side";
import { Failed } from "../../design/states";
import { useT } from "../../i18n";
import { SaveDialog } from "../../query/SaveDialog";
import type { SavedSql } from "../../query/saved";
import { useChrome } from "../../shell/chrome";
import { sqlCopies } from "../../shell/copies";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { moment } from "../../time/format";
import { COOKBOOK } from "./cookbook";
import { Editor } from "./Editor";
import { History, remember } from "./History";
import { offsetOf } from "./light";
import { Result } from "./Result";
import { Running } from "./Running";
import { SavedList } from "./SavedList";
import { SchemaTree } from "./SchemaTree";
import { Start } from "./Start";
import { useEdited } from "./text";

const MOST_ROWS = 10_000;
/** No answer to the browser has more than 1 MB: columns and coverage stand beside the rows. */
const MOST_BYTES = 900_000;
const ESTIMATE_AFTER_MS = 400;

/** `gone`: it was saved, and is not any more. */
export function Statement({ saved, gone }: { saved: SavedSql | undefined; gone: boolean }) {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const { text, edited, write } = useEdited(saved?.name, saved?.sql ?? COOKBOOK[0].sql);
  const changed = saved !== undefined && (edited || gone);
  const [asked, setAsked] = useState<{ sql: string; round: number } | null>(null);
  const [settled, setSettled] = useState(text);
  const [saving, setSaving] = useState(false);
  const editor = useRef<HTMLTextAreaElement>(null);
  const side = useSide(901);
  const range = { from: view.range.from, to: view.range.to };
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), ESTIMATE_AFTER_MS);
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
      const found = await sendJson<SqlAnswer>(
        "POST",
        "/api/v1/sql",
        { query: asked?.sql ?? "", max_rows: MOST_ROWS, max_bytes: MOST_BYTES },
        range,
        signal,
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
  // Nobody waits for its answer any more: the call is given up, and with it the server ends the statement.
  const cancel = () => setAsked(null);
  useChrome({
    title: saved ? `SQL · ${saved.name}` : "SQL",
    copies: sqlCopies(view, text, changed ? undefined : saved?.name),
    cost: costOf(answer.data),
    costText: answer.data
      ? t("sql.read", { rows: short(answer.data.statistics.rows_read), bytes: bytes(answer.data.statistics.bytes_read) })
      : "",
  });
  const insert = (word: string) => {
    const area = editor.current;
    const at = area?.selectionStart ?? text.length;
    write(text.slice(0, at) + word + text.slice(area?.selectionEnd ?? at));
    requestAnimationFrame(() => {
      area?.focus();
      area?.setSelectionRange(at + word.length, at + word.length);
    });
  };
  // What somebody wrote is not lost with it: it stands among those of before.
  const replace = (sql: string) => {
    if (edited) remember(text);
    write(sql);
    editor.current?.focus();
  };
  // A layer that closes gives the focus back, and only then it can go to the statement.
  const picked = (pick: (text: string) => void) => (text: string) => {
    if (!side.isLayer) return pick(text);
    side.onOpen(false);
    requestAnimationFrame(() => pick(text));
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
  const save = () => {
    if (text.trim() === "") return;
    // In this browser at once: what the server refuses is not lost.
    remember(text);
    setSaving(true);
  };
  const open = (name: string) => {
    write(null);
    void navigate({ to: "/sql/$saved", params: { saved: name }, search: common(view.search) as never });
  };
  useKeys({ F8: toFault, "Mod+s": save });
  const failed = answer.isError && !(answer.error instanceof DOMException) ? answer.error : null;
  return (
    <div className="sqlpage row flush grow">
      <Beside side={side} title={t("sql.schema")}>
        <aside className="schema vr col" aria-label={t("sql.schema")}>
          <SchemaTree onPick={picked(insert)} />
          <SavedList />
          <History onPick={picked(replace)} />
        </aside>
      </Beside>
      <section className="col grow">
        <div className="bar">
          <SideButton side={side} title={t("sql.schema")} icon="table" />
          {saved ? (
            <h2 title={t("drafts.saved", { who: saved.subject, time: moment(Date.parse(saved.time), view.zone, view.anchor) })}>
              <Foreign text={saved.name} />
            </h2>
          ) : (
            <h2>{t("sql.statement")}</h2>
          )}
          {changed ? (
            <span className="badge warn" role="status">
              {t(gone ? "sql.gone" : "sql.changed")}
            </span>
          ) : null}
          {saved && edited ? (
            <button type="button" className="btn sm" onClick={() => write(null)}>
              {t("sql.revert")}
            </button>
          ) : null}
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
            <button type="button" className="btn" onClick={cancel}>
              <Icon name="stop" />
              {t("sql.cancel")} <kbd>⌘.</kbd>
            </button>
          ) : null}
          <button type="button" className="btn" onClick={save} disabled={text.trim() === ""}>
            <Icon name="save" />
            {t("action.save")} <kbd>⌘S</kbd>
          </button>
          <button type="button" className="btn prime" onClick={run} disabled={answer.isFetching}>
            <Icon name="play" />
            {t("sql.run")} <kbd className="on">⌘↵</kbd>
          </button>
        </div>
        <Editor ref={editor} value={text} fault={fault} onChange={write} onRun={run} onCancel={cancel} onFault={toFault} />
        <div className="col grow ht">
          {asked === null ? <Start onStatement={replace} onName={insert} /> : null}
          {answer.isFetching ? <Running sql={asked?.sql ?? ""} /> : null}
          {failed && !answer.isFetching ? <Failed error={failed} what={t("sql.statement")} retry={run} /> : null}
          {answer.data && !answer.isFetching ? <Result key={asked?.round} data={answer.data} sql={asked?.sql ?? ""} /> : null}
        </div>
      </section>
      <SaveDialog open={saving} query={{ sql: text }} name={saved?.name} onClose={() => setSaving(false)} onSaved={open} />
    </div>
  );
}
