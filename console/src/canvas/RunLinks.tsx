/** What a pointer and the keyboard find of operations on an axis: a link over each mark. Tab reaches one, arrows the others. */
import { Link } from "@tanstack/react-router";
import { type FocusEvent, type KeyboardEvent, useRef, useState } from "react";
import type { OperationItem, OperationList } from "../api/types";
import { group } from "../design/number";
import { middle, visible } from "../design/visible";
import { type Translate, useT } from "../i18n";
import { asPhase } from "../operation/states";
import { modified } from "../shell/keys";
import { common, type Search, useView } from "../shell/view";
import { full } from "../time/format";
import { absolute } from "../time/range";
import { LEFT, RIGHT } from "./histogram";
import { HIT, openedAt, places, type RunMark, type RunPlace, type RunSpan, runMarks } from "./runs";
import { useWidth } from "./useWidth";

/** Half a sign, and a little more: so far left of its first mark a place begins. */
const SIGN = 6;

/** The name as it stands beside a mark: without its namespace, harmless, and short. */
export function shortName(run: OperationItem): string {
  return middle(visible(run.name.slice(run.name.lastIndexOf("/") + 1), 200), 26);
}

export function placeWords({ marks }: RunPlace): string {
  return marks[0] && marks.length === 1 ? shortName(marks[0].run) : `× ${marks.length}`;
}

const phaseOf = (run: OperationItem, t: Translate) => t(`phase.${asPhase(run.phase)}`);

export function markText({ at, sign, run }: RunMark, zone: string, t: Translate): string {
  return t(`runs.${sign}`, { name: visible(run.name, 80), type: run.type, phase: phaseOf(run, t), time: full(at, zone) });
}

interface Opens {
  key: string;
  /** All that is to be said of it. */
  text: string;
  /** What is written on it, where it is not drawn. */
  shown?: string;
  link: object;
  style: { left: number; top?: number; width: number };
}

/** A run at a moment of its replay, to the millisecond behind it: what happened then has happened. */
export function openedRun(run: OperationItem, at: number | null, search: Search) {
  const t = at === null ? undefined : new Date(at + 1).toISOString();
  return { to: "/operations/$id" as const, params: { id: run.id }, search: { ...common(search), t } as never };
}

function Links({ all, label }: { all: readonly Opens[]; label: string }) {
  const [at, setAt] = useState("");
  const stop = all.some(({ key }) => key === at) ? at : all[0]?.key;
  const keys = (event: KeyboardEvent<HTMLElement>) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0 || event.shiftKey || modified(event)) return;
    event.preventDefault();
    const links = [...event.currentTarget.querySelectorAll<HTMLElement>("a")];
    links[links.indexOf(event.target as HTMLElement) + step]?.focus();
  };
  const focused = (event: FocusEvent<HTMLElement>) => setAt((event.target as HTMLElement).dataset.key ?? at);
  if (all.length === 0) return null;
  return (
    <div role="group" aria-label={label} onKeyDown={keys} onFocus={focused}>
      {all.map(({ key, text, shown, link, style }) => (
        <Link
          key={key}
          {...(link as { to: "/operations" })}
          className="runlink small"
          data-key={key}
          style={style}
          tabIndex={key === stop ? 0 : -1}
          draggable={false}
          title={text}
          aria-label={text}
        >
          {shown}
        </Link>
      ))}
    </div>
  );
}

/** Over the band above a histogram. */
export function MarkLinks({ list, range }: { list: OperationList; range: readonly [number, number] }) {
  const t = useT();
  const { search, zone } = useView();
  const ref = useRef<HTMLDivElement>(null);
  const width = useWidth(ref);
  const plot = width - LEFT - RIGHT;
  const x = (at: number) => LEFT + ((at - range[0]) / (range[1] - range[0])) * plot;
  const links = places(runMarks(list.items, range), range, plot).flatMap((place): Opens[] => {
    const [first, last] = [place.marks[0], place.marks.at(-1)];
    if (!first || !last) return [];
    const style = { left: x(first.at) - SIGN, width: HIT };
    const key = `${first.run.id} ${first.sign}`;
    if (first === last) return [{ key, text: markText(first, zone, t), style, link: openedRun(first.run, first.at, search) }];
    const names = [...new Set(place.marks.map(({ run }) => visible(run.name, 80)))].join(", ");
    const text = t("runs.several", { n: place.marks.length, from: full(first.at, zone), to: full(last.at, zone), names });
    return [{ key, text, style, link: { to: "/operations", search: { ...common(search), ...absolute(first.at, last.at + 1) } } }];
  });
  const rest = restOf(list);
  const more: Opens = {
    key: "more",
    text: t("runs.more", { n: group(rest) }),
    shown: `+ ${group(rest)}`,
    link: { to: "/operations", search: common(search) },
    style: { left: 0, width: LEFT - SIGN },
  };
  return (
    <div className="runs" ref={ref}>
      {width > 0 ? <Links all={rest > 0 ? [more, ...links] : links} label={t("nav.operations")} /> : null}
    </div>
  );
}

/** How many operations of the range are not among those that came. */
export function restOf({ items, total }: OperationList): number {
  return Math.max(0, total.value - items.length);
}

/** Over the lane of an object; `moment` is the one at which people look. */
export function SpanLinks({ spans, moment, x }: { spans: readonly RunSpan[]; moment: number; x: (at: number) => number }) {
  const t = useT();
  const { search, zone } = useView();
  const links = spans.map((span): Opens => {
    const { run, from, to, row } = span;
    const ended = run.ended ? full(Date.parse(run.ended), zone) : "…";
    const begun = full(Date.parse(run.started ?? run.created), zone);
    const text = t("runs.span", { name: visible(run.name, 80), type: run.type, phase: phaseOf(run, t), from: begun, to: ended });
    const style = { left: x(from), top: 5 + row * HIT, width: Math.max(HIT, x(to) - x(from)) };
    return { key: run.id, text, style, link: openedRun(run, openedAt(span, moment), search) };
  });
  return <Links all={links} label={t("nav.operations")} />;
}
