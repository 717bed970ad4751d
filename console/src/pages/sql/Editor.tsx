/** A plain text area with colours under it. Nothing is loaded for it. */
import { forwardRef, type KeyboardEvent, useRef } from "react";
import { useT } from "../../i18n";
import { pieces } from "./light";

interface Props {
  value: string;
  /** Where it is wrong; null where it is not. */
  fault: number | null;
  onChange: (text: string) => void;
  onRun: () => void;
  onCancel: () => void;
  onFault: () => void;
}

export const Editor = forwardRef<HTMLTextAreaElement, Props>(function Editor(props, ref) {
  const { value, fault, onChange, onRun, onCancel, onFault } = props;
  const t = useT();
  const back = useRef<HTMLPreElement>(null);
  const numbers = useRef<HTMLPreElement>(null);
  const lines = value.split("\n").length;
  const bad = fault === null ? -1 : value.slice(0, fault).split("\n").length - 1;
  const keys = (event: KeyboardEvent) => {
    if (event.key === "F8") {
      event.preventDefault();
      onFault();
    }
    if (!(event.metaKey || event.ctrlKey)) return;
    if (event.key === "Enter") {
      event.preventDefault();
      onRun();
    } else if (event.key === ".") {
      event.preventDefault();
      onCancel();
    }
  };
  return (
    <div className="editor">
      <pre className="nums" aria-hidden="true" ref={numbers}>
        {Array.from({ length: lines }, (_, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines in their order
          <span key={n} className={n === bad ? "error" : undefined}>{`${n + 1}\n`}</span>
        ))}
      </pre>
      <div className="field2">
        <pre className="back" aria-hidden="true" ref={back}>
          {pieces(value).map((piece, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: pieces in their order
            <span key={n} className={piece.kind}>
              {piece.text}
            </span>
          ))}
          {"\n"}
        </pre>
        <textarea
          ref={ref}
          aria-label={t("sql.statement")}
          spellCheck={false}
          autoComplete="off"
          wrap="off"
          value={value}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={keys}
          onScroll={(event) => {
            const { scrollTop, scrollLeft } = event.currentTarget;
            if (back.current) back.current.scrollTo(scrollLeft, scrollTop);
            if (numbers.current) numbers.current.scrollTop = scrollTop;
          }}
        />
      </div>
    </div>
  );
});
