/** The query line: what is typed, in colours, with completion by the server and the fault at its place. */
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { get } from "../../api/client";
import type { Proposals } from "../../api/types";
import { Icon } from "../../design/Icon";
import { group } from "../../design/number";
import { Fit } from "../../design/parts";
import { visible } from "../../design/visible";
import { useT } from "../../i18n";
import { accepted } from "../../query/edit";
import { read } from "../../query/scan";
import type { View } from "../../shell/view";

const CLASS: Record<string, string> = {
  field: "k",
  minus: "o",
  paren: "o",
  quoted: "s",
  pattern: "s",
  glob: "nn",
  compare: "nn",
  bad: "bad",
};

/** The line in colours: spans over the very characters that are typed. */
function Coloured({ line }: { line: string }): ReactNode {
  const { chars, tokens } = read(line);
  const parts: ReactNode[] = [];
  let at = 0;
  for (const token of tokens) {
    if (token.from > at) parts.push(chars.slice(at, token.from).join(""));
    parts.push(
      <span key={token.from} className={CLASS[token.kind]}>
        {chars.slice(token.from, token.to).join("")}
      </span>,
    );
    at = token.to;
  }
  parts.push(chars.slice(at).join(""));
  return parts;
}

interface Props {
  value: string;
  view: View;
  onRun: (line: string) => void;
  fault: string | null;
}

export function QueryLine({ value, view, onRun, fault }: Props) {
  const t = useT();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const back = useRef<HTMLDivElement>(null);
  const [line, setLine] = useState(value);
  const [pen, setPen] = useState(0);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  // Tab takes a proposal from whoever asked for one; who only comes by it goes on.
  const [asks, setAsks] = useState(false);
  useEffect(() => setLine(value), [value]);
  const proposals = useQuery({
    queryKey: ["complete", line, pen, view.scope],
    // What is empty is not sent, and a blank line is as empty.
    queryFn: ({ signal }) => get<Proposals>("/api/v1/complete", { ...view.scope, line: line || " ", at: pen, limit: 12 }, signal),
    enabled: open,
    retry: false,
    placeholderData: (before) => before,
  });
  const items = open ? (proposals.data?.items ?? []) : [];
  const field = proposals.data?.field;

  const moved = (element: HTMLInputElement) => {
    setPen(Array.from(element.value.slice(0, element.selectionStart ?? 0)).length);
    if (back.current) back.current.scrollLeft = element.scrollLeft;
  };
  const accept = (n: number) => {
    const item = items[n];
    const replace = proposals.data?.replace;
    if (!item || !replace) return;
    const next = accepted(line, replace, item.insert);
    setLine(next.line);
    setPen(next.at);
    setChosen(-1);
    setAsks(item.insert.endsWith(":"));
    requestAnimationFrame(() => {
      const place = Array.from(next.line).slice(0, next.at).join("").length;
      input.current?.setSelectionRange(place, place);
      input.current?.focus();
    });
  };
  const run = () => {
    setOpen(false);
    onRun(line.trim());
  };
  const keys = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      setAsks(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (items.length > 0) setChosen((chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length);
    } else if (event.key === "Tab" && !event.shiftKey && asks && items.length > 0) {
      event.preventDefault();
      accept(Math.max(0, chosen));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (chosen >= 0 && items.length > 0 && !event.metaKey && !event.ctrlKey) accept(chosen);
      else run();
    } else if (event.key === "Escape") {
      // The first one closes what is proposed; the second one leaves the line, as it does any field.
      if (open) event.stopPropagation();
      setOpen(false);
    }
  };
  return (
    <>
      <div className="qbox">
        <Icon name="search" />
        <div className="qtext">
          <div className="back" aria-hidden="true" ref={back}>
            <Coloured line={line} />
          </div>
          <input
            ref={input}
            data-filter
            role="combobox"
            aria-expanded={items.length > 0}
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
            aria-label={t("events.query")}
            aria-invalid={fault !== null}
            spellCheck={false}
            autoComplete="off"
            value={line}
            placeholder={t("events.hint")}
            onChange={(event) => {
              setLine(event.target.value);
              setOpen(true);
              setAsks(true);
              setChosen(-1);
              moved(event.target);
            }}
            onKeyDown={keys}
            onKeyUp={(event) => moved(event.currentTarget)}
            onClick={(event) => moved(event.currentTarget)}
            onScroll={(event) => {
              if (back.current) back.current.scrollLeft = event.currentTarget.scrollLeft;
            }}
            onFocus={() => setOpen(true)}
            onBlur={() => {
              setOpen(false);
              setAsks(false);
            }}
          />
        </div>
        {line === "" ? null : (
          <button
            type="button"
            className="btn bare sm icon"
            aria-label={t("events.clear")}
            onClick={() => {
              setLine("");
              onRun("");
            }}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
      <button type="button" className="btn prime tall" onClick={run}>
        {t("events.search")} <kbd className="on">↵</kbd>
      </button>
      {items.length > 0 ? (
        <div className="pop complete" role="listbox" id={`${id}-list`} aria-label={t("events.proposals")}>
          <div className="group">{field ? t("events.valuesOf", { field }) : t("events.fields")}</div>
          {items.map((item, n) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the line
            <div
              key={item.value}
              id={`${id}-${n}`}
              role="option"
              aria-selected={n === chosen}
              className={n === chosen ? "it on" : "it"}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => accept(n)}
            >
              <Fit className="mono" text={item.value === "" ? '""' : item.value} />
              <span className="end num">{typeof item.states === "number" ? group(item.states) : ""}</span>
            </div>
          ))}
          <div className="row small dim foot">
            <span>
              <kbd>⇥</kbd> {t("palette.complete")}
            </span>
            <span>
              <kbd>-</kbd> {t("events.exclude")}
            </span>
            <span>
              <kbd>↵</kbd> {t("events.search")}
            </span>
          </div>
        </div>
      ) : null}
      {fault ? (
        <div className="fault small" role="alert">
          {visible(fault)}
        </div>
      ) : null}
    </>
  );
}
