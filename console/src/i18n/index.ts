/** Words of the console in two languages from the same keys. Identifiers, reasons and messages are never translated. */
import { createContext, useContext } from "react";
import { en } from "./en";
import { zh } from "./zh";

export type Key = keyof typeof en;
export type Lang = "en" | "zh";
export type Vars = Record<string, string | number>;
export type Translate = (key: Key, vars?: Vars) => string;

const TABLES: Record<Lang, Record<Key, string>> = { en, zh };

export function translator(lang: Lang): Translate {
  const table = TABLES[lang];
  return (key, vars) => {
    const text = table[key];
    return vars ? text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in vars ? String(vars[name]) : whole)) : text;
  };
}

export const LangContext = createContext<Translate>(translator("en"));

export function useT(): Translate {
  return useContext(LangContext);
}
