/** A field of many lines with their numbers; lines that are wrong are marked where they stand. Only what is seen is drawn. */
import { useEffect, useMemo, useRef, useState } from "react";

const LINE = 20;

interface Props {
  text: string;
  bad: readonly number[];
  label: string;
  hint: string;
  onText: (text: string) => void;
  /** A line to be brought into sight; another object is another wish. */
  wanted?: { line: number } | null;
}

export function PasteBox({ text, bad, label, hint, onText, wanted }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [view, setView] = useState({ top: 0, height: 260 });
  const count = useMemo(() => text.split("\n").length, [text]);
  const wrong = useMemo(() => new Set(bad), [bad]);
  useEffect(() => {
    const box = area.current;
    if (!box) return;
    const observer = new ResizeObserver(() => setView({ top: box.scrollTop, height: box.clientHeight }));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!wanted || !area.current) return;
    const before = area.current.value.split("\n").slice(0, wanted.line - 1);
    const begin = before.reduce((sum, line) => sum + line.length + 1, 0);
    // The focus brings the cursor into sight in its own way: the place is set behind it.
    area.current.setSelectionRange(begin, begin);
    area.current.focus({ preventScroll: true });
    area.current.scrollTop = (wanted.line - 3) * LINE;
  }, [wanted]);
  const first = Math.max(0, Math.floor(view.top / LINE) - 2);
  const last = Math.min(count, Math.ceil((view.top + view.height) / LINE) + 2);
  return (
    <div className="paste">
      <div className="gutter" aria-hidden="true">
        {Array.from({ length: last - first }, (_, n) => first + n + 1).map((line) => (
          <div key={line} className={wrong.has(line) ? "bad" : ""} style={{ top: (line - 1) * LINE - view.top + 6 }}>
            <span>{line}</span>
          </div>
        ))}
      </div>
      <textarea
        ref={area}
        aria-label={label}
        aria-invalid={bad.length > 0}
        placeholder={hint}
        value={text}
        spellCheck={false}
        wrap="off"
        onChange={(event) => onText(event.target.value)}
        onScroll={(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
      />
    </div>
  );
}
