/** Small parts: choices side by side, tabs, menus, text of others. */
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { cutAt, middle, TAIL, visible } from "./visible";

interface Choice<Value extends string> {
  value: Value;
  label: ReactNode;
}

export function Segment<Value extends string>({
  label,
  value,
  choices,
  onChange,
  small,
}: {
  label: string;
  value: Value;
  choices: readonly Choice<Value>[];
  onChange: (value: Value) => void;
  small?: boolean;
}) {
  return (
    <fieldset className={small ? "seg sm" : "seg"} aria-label={label}>
      {choices.map((choice) => (
        <button key={choice.value} type="button" aria-pressed={choice.value === value} onClick={() => onChange(choice.value)}>
          {choice.label}
        </button>
      ))}
    </fieldset>
  );
}

/** For what cannot be undone: the first press asks, the second does it. */
export function Twice({
  className,
  label,
  sure,
  onDo,
  children,
}: {
  className: string;
  label: string;
  sure: string;
  onDo: () => void;
  children?: ReactNode;
}) {
  const [asked, setAsked] = useState(false);
  const press = () => {
    setAsked(!asked);
    if (asked) onDo();
  };
  return (
    <button type="button" className={className} aria-label={asked ? sure : label} onClick={press} onBlur={() => setAsked(false)}>
      {asked ? sure : (children ?? label)}
    </button>
  );
}

interface TabItem<Value extends string> extends Choice<Value> {
  count?: ReactNode;
}

/** Tabs of one pane: arrows move, the pane has `id` + "-panel". */
export function Tabs<Value extends string>({
  id,
  label,
  value,
  tabs,
  onChange,
}: {
  id: string;
  label: string;
  value: Value;
  tabs: readonly TabItem<Value>[];
  onChange: (value: Value) => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex((tab) => tab.value === value);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    onChange(next.value);
    list.current?.querySelector<HTMLElement>(`#${id}-${next.value}`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
      {tabs.map((tab) => (
        <button
          key={tab.value}
          id={`${id}-${tab.value}`}
          type="button"
          role="tab"
          aria-selected={tab.value === value}
          aria-controls={`${id}-panel`}
          tabIndex={tab.value === value ? 0 : -1}
          onClick={() => onChange(tab.value)}
        >
          {tab.label}
          {tab.count === undefined ? null : <span className="c">{tab.count}</span>}
        </button>
      ))}
    </div>
  );
}

/** Text of others on one line: inert, its controls visible, its direction kept to itself. */
export function Foreign({ text, most, className, mid }: { text: string; most?: number; className?: string; mid?: number }) {
  const shown = visible(text, most ?? 500);
  const cut = mid === undefined ? shown : middle(shown, mid);
  return (
    <bdi className={className} {...(cut === text ? {} : { title: visible(text, 1000) })}>
      {cut}
    </bdi>
  );
}

/** An identifier as wide as there is room, cut in the middle where there is less. What has blanks is a sentence, and is cut at its end.
 * `tail`: so many letters of its end are always seen. Its two halves are only drawn: what is read, found and copied is one text, over them and without colour. */
export function Fit({ text, className = "", tail = TAIL }: { text: string; className?: string; tail?: number }) {
  const shown = visible(text, 500);
  if (shown.length <= tail || /\s/.test(shown)) return <Foreign className={`cut ${className}`.trimEnd()} text={text} />;
  const at = cutAt(shown, shown.length - tail);
  return (
    <bdi className={`fit ${className}`.trimEnd()} title={visible(text, 1000)}>
      <span>{shown}</span>
      <span aria-hidden="true" data-half={shown.slice(0, at)} />
      <span aria-hidden="true" data-half={shown.slice(at)} />
    </bdi>
  );
}

/** An identifier, cut in the middle where it is too long. */
export function Id({ text, most = 24 }: { text: string; most?: number }) {
  return <Foreign className="mono" text={text} most={1000} mid={most} />;
}
