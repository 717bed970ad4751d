/** What the editor holds: the original until somebody edits it. Edits stay in this browser, those of each saved statement apart. */
import { useState } from "react";

const KEY = "beidou.sql";
const keyOf = (name: string | undefined) => (name === undefined ? KEY : `${KEY}/${name}`);

/** The edits of a saved statement, or of the one without a name; null where there are none. */
export function readEdits(name: string | undefined): string | null {
  try {
    return localStorage.getItem(keyOf(name));
  } catch {
    return null;
  }
}

export function keepEdits(name: string | undefined, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(keyOf(name));
    else localStorage.setItem(keyOf(name), text);
  } catch {
    // A browser that stores nothing keeps them as long as the page.
  }
}

interface Edited {
  text: string;
  edited: boolean;
  /** Null gives the original back. */
  write: (text: string | null) => void;
}

export function useEdited(name: string | undefined, original: string): Edited {
  const [edits, setEdits] = useState(() => readEdits(name));
  const write = (text: string | null) => {
    const other = text === original ? null : text;
    keepEdits(name, other);
    setEdits(other);
  };
  return { text: edits ?? original, edited: edits !== null && edits !== original, write };
}
