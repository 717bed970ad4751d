/** A field whose text stands in the address, a moment after it was typed. */
import { useEffect, useRef, useState } from "react";
import { useView } from "./view";

const TYPED_MS = 250;

export interface Typed {
  /** What stands in the field. */
  text: string;
  /** What is asked for: the text of the address. */
  settled: string;
  setText: (text: string) => void;
}

export function useTyped(name: string): Typed {
  const { search, set } = useView();
  const settled = search[name] ?? "";
  const [text, setText] = useState(settled);
  const written = useRef(settled);
  // Another address brings its own text; what comes back of one's own typing does not.
  useEffect(() => {
    if (settled === written.current) return;
    written.current = settled;
    setText(settled);
  }, [settled]);
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === written.current) return;
    const timer = setTimeout(() => {
      written.current = wanted;
      set({ [name]: wanted }, { replace: true });
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [text, name, set]);
  return { text, settled, setText };
}
