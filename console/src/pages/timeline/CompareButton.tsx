/** Another object is looked for: among those like this one, by name, and among those looked at last. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ask } from "../../api/questions";
import type { Event, Page } from "../../api/types";
import { Icon } from "../../design/Icon";
import { Pop } from "../../design/lazy";
import { Foreign, Id } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { useDelayed } from "../../operation/useDelayed";
import { written } from "../../query/edit";
import type { ObjectRef } from "../../shell/copies";
import { readCommand } from "../../shell/palette";
import type { View } from "../../shell/view";
import { besides, MOST_ALSO, proposed } from "./also";
import { recent } from "./recent";

/** Events in which others are looked for. */
const MOST = 100;
const TYPED_MS = 250;

interface Props {
  self: ObjectRef;
  /** By its present name: `self` may have the uid of it, or a name of before. */
  cluster: string;
  also: readonly ObjectRef[];
  view: View;
  onAdd: (object: ObjectRef) => void;
}

export function CompareButton(props: Props) {
  const t = useT();
  const trigger = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const full = props.also.length >= MOST_ALSO;
  return (
    <>
      <button
        type="button"
        ref={trigger}
        className="btn sm"
        aria-haspopup="dialog"
        aria-expanded={open}
        // Not disabled: the layer gives the focus back to it, with the last object too.
        aria-disabled={full}
        title={full ? t("lanes.compareMost", { n: MOST_ALSO }) : undefined}
        onClick={() => setOpen((now) => !now && !full)}
      >
        <Icon name="plus" />
        {t("lanes.compare")}
      </button>
      {open ? (
        <Pop trigger={trigger} className="menu" label={t("lanes.compareWith")} onClose={() => setOpen(false)}>
          <Choice
            {...props}
            onAdd={(object) => {
              setOpen(false);
              props.onAdd(object);
            }}
          />
        </Pop>
      ) : null}
    </>
  );
}

function Choice({ self, cluster: own, also, view, onAdd }: Props) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const asked = useDelayed(text.trim(), TYPED_MS);
  const command = readCommand(asked);
  const named = command.what === "objects" && command.line !== "" ? command : null;
  const isOther = asked !== "" && !named;
  const like = { line: `kind:${written(self.kind)}`, clusters: [self.cluster] };
  const { line, clusters } = named ?? like;
  const taken = [self, { ...self, cluster: own }, ...also];
  const cluster = clusters.length > 0 ? clusters : view.clusters;
  const params = { from: view.range.from, to: view.range.to, cluster, q: besides(line, taken, asked), limit: MOST };
  const found = useQuery({ ...ask<Page<Event>>("/api/v1/events", params, view.anchor), enabled: !isOther });
  const all = isOther ? [] : proposed(asked === "" ? recent() : [], found.data?.items ?? [], taken);
  useEffect(() => input.current?.focus(), []);
  return (
    <>
      <input
        ref={input}
        className="in mono compare"
        value={text}
        spellCheck={false}
        aria-label={t("finder.label")}
        placeholder={t("finder.hint")}
        onChange={(event) => setText(event.target.value)}
      />
      {found.isPending && !isOther ? <Loading rows={4} /> : null}
      {found.isError ? <Failed error={found.error} what={t("nav.timelines")} retry={() => void found.refetch()} /> : null}
      <div className={found.isPlaceholderData ? "stale" : undefined}>
        {all.map((one) => (
          <button key={`${one.cluster}/${one.kind}/${one.namespace}/${one.name}`} type="button" className="it" onClick={() => onAdd(one)}>
            <Icon name={one.kind.toLowerCase() === "node" ? "node" : "object"} />
            <Id text={one.name} most={36} />
            <Foreign className="end" text={one.cluster} most={40} />
          </button>
        ))}
      </div>
      {all.length === 0 && (isOther || found.data) ? <p className="small dim pad">{t("finder.none")}</p> : null}
    </>
  );
}
