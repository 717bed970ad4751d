/** Save a query line under a name; write what matches to a file of any length. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { download, type Params, remove, sendJson } from "../../api/client";
import { exportsList, queries } from "../../api/questions";
import type { Export, ExportFormat, ExportItem } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { Framed } from "../../design/lazy";
import { bytes, group } from "../../design/number";
import { Foreign, Segment } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { toast } from "../../design/toast";
import { type Key, useT } from "../../i18n";

/** What the server takes as a name. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function SaveDialog({ open, line, onClose }: { open: boolean; line: string; onClose: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const save = useMutation({
    mutationFn: () => sendJson("PUT", `/api/v1/queries/${encodeURIComponent(name.trim())}`, { line }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: queries().queryKey.slice(0, 1) });
      toast(t("save.done", { name }));
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Framed open={open} title={t("save.title")} onClose={onClose}>
      <form onSubmit={submit}>
        <div className="body">
          <code className="mono">
            <Foreign text={line === "" ? t("save.all") : line} />
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
          {save.isError ? <Failed error={save.error} what={t("save.title")} /> : null}
        </div>
        <footer>
          <button type="submit" className="btn prime" disabled={!NAME.test(name) || save.isPending}>
            {t("action.save")}
          </button>
        </footer>
      </form>
    </Framed>
  );
}

const FORMATS: readonly ExportFormat[] = ["csv", "ndjson", "parquet", "arrow"];

export function ExportDialog({ open, params, total, onClose }: { open: boolean; params: Params; total: string; onClose: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const [format, setFormat] = useState<ExportFormat>("csv");
  const list = useQuery({ ...exportsList(), enabled: open, refetchInterval: 1500 });
  const again = () => void client.invalidateQueries({ queryKey: exportsList().queryKey.slice(0, 1) });
  const begin = useMutation({ mutationFn: () => sendJson<Export>("POST", "/api/v1/exports", { format }, params), onSuccess: again });
  const drop = useMutation({ mutationFn: (id: string) => remove(`/api/v1/exports/${id}`), onSuccess: again });
  const fetchFile = useMutation({
    mutationFn: (item: ExportItem) => download(`/api/v1/exports/${item.id}/file`, `beidou-${item.id.slice(0, 8)}.${item.format}`),
  });
  return (
    <Framed open={open} title={t("export.title")} onClose={onClose}>
      <div className="body">
        <div className="row wrap">
          <Segment
            label={t("export.format")}
            value={format}
            onChange={setFormat}
            choices={FORMATS.map((one) => ({ value: one, label: one.toUpperCase() }))}
          />
          <span className="dim small">{t("export.rows", { n: total })}</span>
          <button type="button" className="btn prime end" disabled={begin.isPending} onClick={() => begin.mutate()}>
            {t("export.begin")}
          </button>
        </div>
        {begin.isError ? <Failed error={begin.error} what={t("export.title")} /> : null}
        {fetchFile.isError ? <Failed error={fetchFile.error} what={t("export.file")} /> : null}
        <div>
          <h3>{t("export.list")}</h3>
          {list.isPending ? <Loading rows={3} /> : null}
          {list.isError ? <Failed error={list.error} what={t("export.list")} /> : null}
          {list.data?.items.length === 0 ? <p className="dim small">{t("export.none")}</p> : null}
          {[...(list.data?.items ?? [])].reverse().map((item) => (
            <div key={item.id} className="row exp">
              <Glyph
                name={item.state === "done" ? "ok" : item.state === "running" ? "run" : item.state === "failed" ? "fail" : "stop"}
                label={item.state}
              />
              <span className="mono">{item.format}</span>
              <Foreign className="cut grow dim small" text={item.question} most={160} />
              <span className="num small">
                {group(item.rows)} · {bytes(item.bytes)}
              </span>
              <span className="small">{t(`export.${item.state}` as Key)}</span>
              {item.state === "done" ? (
                <button type="button" className="btn sm" onClick={() => fetchFile.mutate(item)}>
                  <Icon name="download" />
                  {t("export.file")}
                </button>
              ) : null}
              <button
                type="button"
                className="btn sm icon bare"
                aria-label={item.state === "running" ? t("export.cancel") : t("export.remove")}
                onClick={() => drop.mutate(item.id)}
              >
                <Icon name="close" />
              </button>
            </div>
          ))}
        </div>
      </div>
    </Framed>
  );
}
