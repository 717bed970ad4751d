/** Writes what matches to a file of any length. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { download, type Params, remove, sendJson } from "../../api/client";
import { exportsList } from "../../api/questions";
import type { Export, ExportFormat, ExportItem } from "../../api/types";
import { Glyph, Icon } from "../../design/Icon";
import { Framed } from "../../design/lazy";
import { bytes, group } from "../../design/number";
import { Foreign, Segment } from "../../design/parts";
import { Failed, Loading } from "../../design/states";
import { type Key, useT } from "../../i18n";

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
          <button
            type="button"
            className="btn prime end"
            aria-disabled={begin.isPending}
            onClick={() => (begin.isPending ? undefined : begin.mutate())}
          >
            {t("export.begin")}
          </button>
        </div>
        {begin.isError ? <Failed error={begin.error} what={t("export.title")} /> : null}
        {drop.isError ? <Failed error={drop.error} what={t("export.remove")} /> : null}
        {fetchFile.isError ? <Failed error={fetchFile.error} what={t("export.file")} /> : null}
        <div>
          <h3>{t("export.list")}</h3>
          {list.isPending ? <Loading rows={3} /> : null}
          {list.isError ? <Failed error={list.error} what={t("export.list")} retry={() => void list.refetch()} /> : null}
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
