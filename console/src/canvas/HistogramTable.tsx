/** The histogram as a table: what it counts, how much of that is known, and what was done meanwhile. */
import { Link } from "@tanstack/react-router";
import { atLeast, group } from "../design/number";
import { useT } from "../i18n";
import { useView } from "../shell/view";
import { coverageWord } from "../time/coverage";
import { full } from "../time/format";
import type { Stack } from "./histogram";
import { markText, openedRun } from "./RunLinks";
import type { RunMark } from "./runs";

interface Props {
  bins: readonly Stack[];
  marks: readonly RunMark[];
  zone: string;
}

const told = ({ coverage }: Stack, count: number): string => atLeast(group(count), coverage === "complete");

export function HistogramTable({ bins, marks, zone }: Props) {
  const t = useT();
  const { search } = useView();
  return (
    <section className="hist scroll" aria-label={t("hist.table")} tabIndex={0}>
      <table className="tbl">
        <thead>
          <tr>
            <th scope="col">{t("time.from")}</th>
            <th scope="col" className="num">
              Warning
            </th>
            <th scope="col" className="num">
              Normal
            </th>
            <th scope="col" className="num">
              {t("hist.all")}
            </th>
            <th scope="col">{t("nav.coverage")}</th>
            {marks.length > 0 ? <th scope="col">{t("nav.operations")}</th> : null}
          </tr>
        </thead>
        <tbody>
          {bins.map((bin) => (
            <tr key={bin.from}>
              <td>{full(bin.from, zone)}</td>
              <td className="num">{told(bin, bin.counts.Warning)}</td>
              <td className="num">{told(bin, bin.counts.Normal)}</td>
              <td className="num">{told(bin, bin.total)}</td>
              <td>{t(coverageWord(bin.coverage))}</td>
              {marks.length > 0 ? (
                <td>
                  {marks
                    .filter(({ at }) => at >= bin.from && at < bin.to)
                    .map((mark) => (
                      <Link key={mark.run.id + mark.sign} className="row" {...openedRun(mark.run, mark.at, search)}>
                        {markText(mark, zone, t)}
                      </Link>
                    ))}
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
