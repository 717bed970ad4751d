/** Saves a query line or a statement of SQL under a name, for all who use the server. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { sendJson } from "../api/client";
import { queries } from "../api/questions";
import { Framed } from "../design/lazy";
import { Foreign } from "../design/parts";
import { Failed } from "../design/states";
import { toast } from "../design/toast";
import { useT } from "../i18n";
import { useView } from "../shell/view";
import { moment } from "../time/format";
import { asked, isSql } from "./saved";

/** What the server takes as a name. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

interface Props {
  query: { line: string } | { sql: string };
  /** The name that it has already. */
  name?: string | undefined;
  onClose: () => void;
  onSaved?: (name: string) => void;
}

export function SaveDialog({ open, ...form }: Props & { open: boolean }) {
  const t = useT();
  const title = t("sql" in form.query ? "save.titleSql" : "save.title");
  return (
    <Framed open={open} title={title} onClose={form.onClose}>
      <SaveForm {...form} title={title} />
    </Framed>
  );
}

function SaveForm({ query, name: before, title, onClose, onSaved }: Props & { title: string }) {
  const t = useT();
  const { zone, anchor } = useView();
  const client = useQueryClient();
  const [name, setName] = useState(before ?? "");
  const list = useQuery(queries());
  const taken = list.data?.items.find((item) => item.name === name);
  // What was said of it stays where it is saved again.
  const description = taken && isSql(taken) === "sql" in query ? taken.description : "";
  const save = useMutation({
    mutationFn: () => sendJson("PUT", `/api/v1/queries/${encodeURIComponent(name)}`, { ...query, description }),
    onSuccess: async () => {
      // Whoever opens it next must find it.
      await client.invalidateQueries({ queryKey: queries().queryKey.slice(0, 1) });
      toast(t("save.done", { name }));
      onClose();
      onSaved?.(name);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // The button stays enabled meanwhile: disabled, it would lose the focus, and Escape would close nothing.
    if (!save.isPending) save.mutate();
  };
  return (
    <form onSubmit={submit}>
      <div className="body">
        <code className="mono">
          <Foreign text={asked(query) || t("save.all")} />
        </code>
        <label className="field">
          <span>{t("save.name")}</span>
          <input
            className="in mono"
            value={name}
            maxLength={63}
            spellCheck={false}
            onChange={(event) => setName(event.target.value.toLowerCase().replace(/[\s_]+/g, "-"))}
          />
          <span className="small dim">{t("save.rule")}</span>
        </label>
        {taken ? (
          <p className="small" role="status">
            {t("save.taken", { who: taken.subject, time: moment(Date.parse(taken.time), zone, anchor) })}{" "}
            <Foreign className="mono dim" text={asked(taken)} most={160} />
          </p>
        ) : null}
        {save.isError ? <Failed error={save.error} what={title} /> : null}
      </div>
      <footer>
        <button type="submit" className="btn prime" disabled={!NAME.test(name) || list.isPending} aria-disabled={save.isPending}>
          {t("action.save")}
        </button>
      </footer>
    </form>
  );
}
