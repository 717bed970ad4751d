/** One line of filters for operations and tasks: text, phase, type, order. Cluster and time are those of the frame. */
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Icon } from "../../design/Icon";
import { Segment } from "../../design/parts";
import { type Key, useT } from "../../i18n";
import { useView } from "../../shell/view";

const SHOWN = ["", "active", "Held", "Pending", "Failed", "Succeeded"] as const;

export function FilterLine({ types, sorts, children }: { types: readonly string[]; sorts: readonly string[]; children?: ReactNode }) {
  const t = useT();
  const { search, set } = useView();
  const [text, setText] = useState(search.q ?? "");
  useEffect(() => setText(search.q ?? ""), [search.q]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set({ q: text.trim() });
  };
  return (
    <form className="filterline" onSubmit={submit} role="search">
      <label className="row tight grow textbox">
        <Icon name="search" />
        <span className="vh">{t("ops.text")}</span>
        <input
          data-filter
          className="in grow"
          value={text}
          placeholder={t("ops.text")}
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
          onBlur={() => text.trim() !== (search.q ?? "") && set({ q: text.trim() })}
        />
      </label>
      <Segment
        label={t("ops.phase")}
        value={SHOWN.find((one) => one === search.phase) ?? ""}
        choices={SHOWN.map((one) => ({
          value: one,
          label: one === "" ? t("ops.all") : one === "active" ? t("ops.active") : t(`phase.${one}` as Key),
        }))}
        onChange={(value) => set({ phase: value })}
      />
      <label className="row tight">
        <span className="vh">{t("col.type")}</span>
        <select className="in" value={search.type ?? ""} onChange={(event) => set({ type: event.target.value })}>
          <option value="">{t("ops.anyType")}</option>
          {types.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label className="row tight">
        <span className="vh">{t("ops.order")}</span>
        <select className="in" value={search.sort ?? ""} onChange={(event) => set({ sort: event.target.value })}>
          <option value="">{t("ops.sort.created")}</option>
          {sorts.map((one) => (
            <option key={one} value={one}>
              {t(`ops.sort.${one}` as Key)}
            </option>
          ))}
        </select>
      </label>
      {children}
    </form>
  );
}
