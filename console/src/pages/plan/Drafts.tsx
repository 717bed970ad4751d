/** The drafts of all: who wrote on which one last, and when; to be opened, or deleted. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { draftList, removeDraft } from "../../api/drafts";
import type { DraftItem } from "../../api/types";
import { Framed } from "../../design/lazy";
import { Foreign, Twice } from "../../design/parts";
import { Empty, Failed, Loading } from "../../design/states";
import { useT } from "../../i18n";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { moment } from "../../time/format";

/** The button and its dialog; `d` opens it. */
export function Drafts({ open = null }: { open?: string | null }) {
  const t = useT();
  const [shown, setShown] = useState(false);
  useKeys({ d: () => setShown(true) });
  return (
    <>
      <button type="button" className="btn drafts" onClick={() => setShown(true)}>
        {t("drafts.title")}…
      </button>
      <Framed open={shown} title={t("drafts.title")} onClose={() => setShown(false)}>
        {shown ? <List open={open} onClose={() => setShown(false)} /> : null}
      </Framed>
    </>
  );
}

function List({ open, onClose }: { open: string | null; onClose: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const list = useQuery({ ...draftList(), staleTime: 0 });
  const drop = useMutation({
    mutationFn: (item: DraftItem) => removeDraft(item.id, item.version),
    onSettled: () => void client.invalidateQueries({ queryKey: draftList().queryKey.slice(0, 1) }),
  });
  return (
    <div className="body draftlist">
      {list.isPending ? <Loading rows={4} /> : null}
      {list.isError ? <Failed error={list.error} what={t("drafts.title")} retry={() => void list.refetch()} /> : null}
      {drop.isError ? <Failed error={drop.error} what={t("drafts.title")} /> : null}
      {list.data?.items.length === 0 ? (
        <Empty title={t("drafts.none")}>
          <p>{t("drafts.noneHint")}</p>
        </Empty>
      ) : null}
      {list.data?.items.map((item) => (
        <Row key={item.id} item={item} here={item.id === open} onOpen={onClose} onRemove={() => drop.mutate(item)} />
      ))}
    </div>
  );
}

interface RowProps {
  item: DraftItem;
  here: boolean;
  onOpen: () => void;
  onRemove: () => void;
}

function Row({ item, here, onOpen, onRemove }: RowProps) {
  const t = useT();
  const { search, zone, anchor } = useView();
  const title = item.title === "" ? t("drafts.untitled") : item.title;
  return (
    <div className="row">
      <Link
        to="/operations/new"
        search={{ ...common(search), c: undefined, draft: item.id } as never}
        className="cut grow"
        onClick={onOpen}
      >
        <Foreign text={title} most={120} />
      </Link>
      <span className="dim small nowrap">
        <Foreign text={item.subject} most={40} /> · {moment(Date.parse(item.time), zone, anchor)}
      </span>
      {here ? (
        <span className="dim small nowrap">{t("drafts.here")}</span>
      ) : (
        <Twice className="btn sm" label={t("set.delete", { name: title })} sure={t("drafts.sure")} onDo={onRemove}>
          {t("drafts.delete")}
        </Twice>
      )}
    </div>
  );
}
