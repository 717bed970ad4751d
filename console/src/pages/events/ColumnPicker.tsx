/** The menu of columns. What was chosen stands in the address, and is how the list begins when somebody comes back to it. */
import { useCanGoBack } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../../design/Icon";
import { Pop } from "../../design/lazy";
import { useT } from "../../i18n";
import { prefsNow, setPrefs } from "../../shell/prefs";
import type { Search, View } from "../../shell/view";
import { CHOICES, type Columns, readColumns, toggled, WORDS } from "./columns";

/** The columns of the address. Who came from another page of the console and has chosen some finds these; what a link shows is what its
 * address says, and one that names none means the usual ones. */
export function useColumns({ search, set }: View): Columns {
  const { cols } = search;
  const [isWithin] = useState(useCanGoBack());
  useEffect(() => {
    const last = prefsNow().cols;
    if (isWithin && cols === undefined && last !== "") set({ cols: last }, { replace: true });
  }, [isWithin, cols, set]);
  return useMemo(() => readColumns(cols), [cols]);
}

export function ColumnPicker({ columns, view }: { columns: Columns; view: View }) {
  const t = useT();
  const trigger = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const choose = (next: (before: Columns) => string) => {
    const patch = (before: Search) => {
      const cols = next(readColumns(before.cols));
      setPrefs({ cols });
      return { cols };
    };
    view.set(patch, { replace: true });
  };
  return (
    <>
      <button
        type="button"
        ref={trigger}
        className="btn bare sm"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen((now) => !now)}
      >
        <Icon name="columns" />
        {t("events.columns")}
      </button>
      {open ? (
        <Pop trigger={trigger} className="menu" label={t("events.columns")} onClose={() => setOpen(false)}>
          {CHOICES.map((column) => (
            <label key={column} className="it">
              <input type="checkbox" checked={columns.has[column]} onChange={() => choose((before) => toggled(before, column))} />
              {t(WORDS[column])}
            </label>
          ))}
          <button type="button" className="it" disabled={columns.isUsual} onClick={() => choose(() => "")}>
            {t("events.usualColumns")}
          </button>
        </Pop>
      ) : null}
    </>
  );
}
