/** Which clusters the pages speak of. None chosen means all. */
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { clusters } from "../api/questions";
import { Icon } from "../design/Icon";
import { Pop } from "../design/lazy";
import { short } from "../design/number";
import { Id } from "../design/parts";
import { Failed, Loading } from "../design/states";
import { visible } from "../design/visible";
import { useT } from "../i18n";
import { useView } from "./view";

export function ScopePicker({ count }: { count: number | null }) {
  const t = useT();
  const view = useView();
  const trigger = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const all = useQuery({ ...clusters({ from: view.range.from, to: view.range.to }, view.anchor), enabled: open });
  const [only] = view.clusters;
  const label =
    view.clusters.length === 0
      ? count === null
        ? t("scope.all")
        : t("scope.allN", { n: count })
      : view.clusters.length === 1
        ? visible(only ?? "")
        : t("scope.n", { n: view.clusters.length });
  const toggle = (name: string) => {
    const next = view.clusters.includes(name) ? view.clusters.filter((known) => known !== name) : [...view.clusters, name];
    view.set({ c: next.sort().join(",") });
  };
  return (
    <>
      <button
        type="button"
        ref={trigger}
        className="pick"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen((now) => !now)}
      >
        <span className="vh">{t("scope.title")}: </span>
        <Icon name="clusters" />
        <span className="long">{label}</span>
        <Icon name="down" />
      </button>
      {open ? (
        <Pop trigger={trigger} className="menu" label={t("scope.title")} onClose={() => setOpen(false)}>
          <button type="button" className="it" aria-pressed={view.clusters.length === 0} onClick={() => view.set({ c: "" })}>
            <span className={view.clusters.length === 0 ? "accent medium" : ""}>{t("scope.all")}</span>
          </button>
          <div className="group">{t("scope.pick")}</div>
          {all.isPending ? <Loading rows={4} /> : null}
          {all.isError ? <Failed error={all.error} what={t("nav.clusters")} /> : null}
          {all.data?.items.map((item) => (
            <label key={item.cluster_uid} className="it">
              <input type="checkbox" checked={view.clusters.includes(item.cluster)} onChange={() => toggle(item.cluster)} />
              <Id text={item.cluster} most={30} />
              <span className="end num">{short(item.states)}</span>
            </label>
          ))}
        </Pop>
      ) : null}
    </>
  );
}
