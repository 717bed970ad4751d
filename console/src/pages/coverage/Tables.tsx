/** What is stored of coverage for one cluster: stretches and sessions, and what could not be decoded. */
import type { CoverageInterval, Reject } from "../../api/types";
import { bytes, group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Empty } from "../../design/states";
import { useT } from "../../i18n";
import { coverageWord } from "../../time/coverage";
import { duration, full } from "../../time/format";

export function Intervals({ items, zone, more }: { items: CoverageInterval[]; zone: string; more: boolean }) {
  const t = useT();
  if (items.length === 0) return <Empty title={t("cov.nothingMissing")} />;
  return (
    <table className="tbl">
      <colgroup>
        <col style={{ width: 176 }} />
        <col style={{ width: 168 }} />
        <col style={{ width: 90 }} />
        <col style={{ width: 110 }} />
        <col style={{ width: 170 }} />
        <col />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">{t("time.from")}</th>
          <th scope="col">{t("time.to")}</th>
          <th scope="col">{t("cov.length")}</th>
          <th scope="col">{t("cov.state")}</th>
          <th scope="col">{t("cov.reason")}</th>
          <th scope="col">{t("cov.detail")}</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={`${item.from}${item.session ?? ""}`}>
            <td className="mono">{full(Date.parse(item.from), zone)}</td>
            <td className="mono">{full(Date.parse(item.to), zone)}</td>
            <td>{duration(Date.parse(item.to) - Date.parse(item.from), t)}</td>
            <td className={item.state === "gap" ? "error" : item.state === "degraded" ? "held" : "ok"}>{t(coverageWord(item.state))}</td>
            <td>{item.reason}</td>
            <td className="cut">
              <Foreign text={item.detail ?? ""} most={200} />
            </td>
          </tr>
        ))}
        {more ? (
          <tr>
            <td colSpan={6} className="dim">
              {t("cov.more")}
            </td>
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}

export function Rejects({ items, zone }: { items: Reject[]; zone: string }) {
  const t = useT();
  if (items.length === 0) return <Empty title={t("cov.noRejects")} />;
  return (
    <table className="tbl">
      <thead>
        <tr>
          <th scope="col">{t("field.observed")}</th>
          <th scope="col">{t("cov.reason")}</th>
          <th scope="col" className="num">
            {t("cov.bytes")}
          </th>
          <th scope="col">{t("cov.detail")}</th>
          <th scope="col">{t("cov.head")}</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={`${item.partition}.${item.offset}`}>
            <td className="mono">{full(Date.parse(item.observed), zone)}</td>
            <td>{item.reason}</td>
            <td className="num" title={group(item.frame_bytes)}>
              {bytes(item.frame_bytes)}
            </td>
            <td className="cut">
              <Foreign text={item.detail} most={200} />
            </td>
            <td className="cut mono">
              <Foreign text={item.head} most={200} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
