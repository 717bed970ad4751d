/** Step 2: the list as it was pasted, and what the server read in it. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { MachineError, MachineRow } from "../../api/types";
import { Glyph } from "../../design/Icon";
import { group } from "../../design/number";
import { Fit, Foreign, Segment } from "../../design/parts";
import { Failed } from "../../design/states";
import { useT } from "../../i18n";
import { typing } from "../../shell/keys";
import { withoutLines } from "./draft";
import { PasteBox } from "./PasteBox";
import type { Work } from "./useDraft";

const ROW = 26;
const LARGEST = 2_000_000;

type Line = { row: MachineRow } | { error: MachineError };

export function MachinesPane({ work }: { work: Work }) {
  const t = useT();
  const { draft, set, machines } = work;
  const { answer, rows, bad, badLines, reading, error } = machines;
  const [shown, setShown] = useState<"all" | "bad" | "ready">("all");
  const [wanted, setWanted] = useState<{ line: number } | null>(null);
  const [tooLarge, setTooLarge] = useState(false);
  const latest = useRef(draft.text);
  latest.current = draft.text;
  const add = useCallback(
    (text: string) => {
      setTooLarge(text.length > LARGEST);
      if (text.length <= LARGEST) set({ text });
    },
    [set],
  );
  // What is pasted beside any field is meant for the list.
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData("text") ?? "";
      if (text === "" || typing(event as unknown as KeyboardEvent)) return;
      event.preventDefault();
      const before = latest.current;
      add(before === "" || before.endsWith("\n") ? before + text : `${before}\n${text}`);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [add]);
  const lines: Line[] = answer
    ? [...answer.errors.map((one): Line => ({ error: one })), ...answer.rows.map((one): Line => ({ row: one }))]
        .filter((line) => shown === "all" || ("error" in line || line.row.duplicate_of ? shown === "bad" : shown === "ready"))
        .sort((a, b) => lineOf(a) - lineOf(b))
    : [];
  return (
    <section className="wpane machines" id="step-2" aria-label={t("plan.machines")}>
      <div className="row">
        <h2>{t("plan.machines")}</h2>
        <Segment
          small
          label={t("plan.format")}
          value={draft.format as "auto" | "lines" | "csv" | "ini" | "yaml"}
          choices={[
            { value: "auto", label: t("plan.formatAuto") },
            { value: "lines", label: t("plan.paste") },
            { value: "csv", label: t("plan.csv") },
            { value: "ini", label: "INI" },
            { value: "yaml", label: "YAML" },
          ]}
          onChange={(format) => set({ format })}
        />
        <label className="btn sm file">
          {t("plan.inventory")}…
          <input
            type="file"
            className="vh"
            accept=".txt,.csv,.ini,.yaml,.yml,text/plain,text/csv"
            onChange={(event) => {
              const file = event.target.files?.[0];
              if (file) void file.text().then(add);
              event.target.value = "";
            }}
          />
        </label>
        <span className="end small dim" role="status">
          {tooLarge ? <span className="error">&gt; 2 MB</span> : null}
          {reading ? t("plan.reading") : answer ? t("plan.lines", { format: answer.format, n: group(answer.lines) }) : ""}
        </span>
      </div>
      <div className="twolists">
        <PasteBox text={draft.text} bad={badLines} label={t("plan.machines")} hint={t("plan.machinesHint")} onText={add} wanted={wanted} />
        <div className="result col">
          <div className="row resultbar">
            <Segment
              small
              label={t("plan.result")}
              value={shown}
              choices={[
                { value: "all", label: `${t("plan.all")} ${group((answer?.rows.length ?? 0) + (answer?.errors.length ?? 0))}` },
                { value: "bad", label: `${t("plan.bad")} ${group(bad)}` },
                { value: "ready", label: `${t("plan.ready")} ${group(rows.length)}` },
              ]}
              onChange={setShown}
            />
            {bad > 0 ? (
              <button type="button" className="btn sm end" onClick={() => set({ text: withoutLines(draft.text, badLines) })}>
                {t("plan.drop", { n: group(bad) })}
              </button>
            ) : null}
          </div>
          {error ? <Failed error={error} what={t("plan.machines")} /> : <Rows lines={lines} onLine={(line) => setWanted({ line })} />}
        </div>
      </div>
    </section>
  );
}

function lineOf(line: Line): number {
  return "row" in line ? line.row.line : line.error.line;
}

function Rows({ lines, onLine }: { lines: readonly Line[]; onLine: (line: number) => void }) {
  const t = useT();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 8 });
  const cells = (first: ReactNode, address: ReactNode, name: ReactNode, result: ReactNode) => (
    <>
      <span className="num dim">{first}</span>
      <span className="mono cut">{address}</span>
      <span className="mono cut sub">{name}</span>
      <span className="cut">{result}</span>
    </>
  );
  const number = (line: number) => (
    <button type="button" className="linkline" aria-label={t("plan.lineOf", { line })} onClick={() => onLine(line)}>
      {line}
    </button>
  );
  return (
    <>
      <div className="mr hd">{cells("", t("plan.machine"), t("ops.name"), t("plan.result"))}</div>
      <div className="scroll grow" ref={scroller} tabIndex={0} role="group" aria-label={t("plan.result")}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((item) => {
            const line = lines[item.index];
            if (!line) return null;
            return (
              <div key={item.key} className="mr vrow" style={{ transform: `translateY(${item.start}px)`, height: ROW }}>
                {"row" in line
                  ? cells(
                      number(line.row.line),
                      <Fit text={line.row.ip ?? t("plan.byNode")} />,
                      <span className="row tight">
                        <Fit text={line.row.name ?? ""} />
                        <Foreign className="nowrap" text={[line.row.role, line.row.user].filter(Boolean).join(" · ")} />
                      </span>,
                      line.row.duplicate_of ? (
                        <span className="warn">
                          <Glyph name="warn" /> {t("plan.duplicate", { line: line.row.duplicate_of })}
                        </span>
                      ) : (
                        // Its line was read, and no more is known of it.
                        <span className="dim">{[t("plan.read"), line.row.group].filter(Boolean).join(" · ")}</span>
                      ),
                    )
                  : cells(
                      number(line.error.line),
                      <Foreign text={line.error.value} most={80} />,
                      line.error.field,
                      <span className="error">
                        <Glyph name="error" /> <Foreign text={line.error.allowed} most={200} />
                      </span>,
                    )}
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}
