/** Statements that ran or were kept in this browser, the newest first. They stay here: statements are not part of the address. */
import { useState } from "react";
import { Icon } from "../../design/Icon";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { oneLine } from "../../query/saved";

const KEY = "beidou.sql.history";
const MOST = 30;

function load(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function remember(sql: string): void {
  if (sql.trim() === "") return;
  try {
    localStorage.setItem(KEY, JSON.stringify([sql, ...load().filter((one) => one !== sql)].slice(0, MOST)));
  } catch {
    // Nothing is remembered, and nothing else depends on it.
  }
}

export function History({ onPick }: { onPick: (sql: string) => void }) {
  const t = useT();
  const [open, setOpen] = useState(true);
  const items = load();
  if (items.length === 0) return null;
  return (
    <section className="history ht col" aria-label={t("sql.history")}>
      <button type="button" className="bar bare" aria-expanded={open} onClick={() => setOpen(!open)}>
        <h2>{t("sql.history")}</h2>
        <span className="dim small">{items.length}</span>
      </button>
      {open ? (
        <div className="scroll menu" tabIndex={0} role="group" aria-label={t("sql.history")}>
          {items.map((sql) => (
            <button key={sql} type="button" className="it" onClick={() => onPick(sql)} title={sql.slice(0, 600)}>
              <Icon name="clock" />
              <Foreign className="cut mono" text={oneLine(sql)} most={120} />
            </button>
          ))}
        </div>
      ) : null}
    </section>
  );
}
