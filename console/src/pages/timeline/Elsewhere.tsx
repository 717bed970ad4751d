/** Whether what changed between T1 and T2 happened to other objects of the kind too, in all clusters. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { get } from "../../api/client";
import type { Reach } from "../../api/types";
import { atLeast, group } from "../../design/number";
import { Foreign } from "../../design/parts";
import { Failed, Loading, Partial } from "../../design/states";
import { useT } from "../../i18n";
import { written } from "../../query/edit";
import { common, type View } from "../../shell/view";
import { isWhole, missing } from "../../time/coverage";
import { absolute } from "../../time/range";

interface Props {
  kind: string;
  reasons: string[];
  between: [number, number];
  view: View;
}

export function Elsewhere({ kind, reasons, between, view }: Props) {
  const t = useT();
  // To the millisecond behind T2, as the state at T2 is.
  const range = absolute(between[0], between[1] + 1);
  const line = (of: string[]) => `kind:${written(kind)} reason:(${of.map(written).join(" ")})`;
  const params = { ...range, q: line(reasons) };
  const reach = useQuery({
    queryKey: ["reach", params],
    queryFn: ({ signal }) => get<Reach>("/api/v1/events/reach", params, signal),
  });
  const found = (reach.data?.reasons ?? []).toSorted((one, other) => reasons.indexOf(one.reason) - reasons.indexOf(other.reason));
  // There may be more where something is not known: then nobody can say that it was here alone.
  const whole = reach.data !== undefined && isWhole(reach.data.coverage, reach.data.range);
  return (
    <section className="elsewhere" aria-label={t("lanes.elsewhere")}>
      <b className="medium small">{t("lanes.elsewhere")}</b>
      {reach.isPending ? <Loading rows={2} /> : null}
      {reach.isError ? <Failed error={reach.error} what={t("lanes.elsewhere")} retry={() => void reach.refetch()} /> : null}
      {reach.data ? <Partial parts={missing(reach.data.coverage, between[1])} /> : null}
      {found.map((one) => (
        <Link
          key={one.reason}
          className="row small there"
          to="/events"
          search={{ ...common(view.search), ...range, c: undefined, q: line([one.reason]) } as never}
        >
          <span className="cut grow">
            <Foreign text={one.reason} most={60} />
          </span>
          <span className="num nowrap">
            {one.objects === 1 && whole
              ? t("lanes.onlyHere")
              : t("lanes.objects", { n: atLeast(group(one.objects), whole), clusters: atLeast(group(one.clusters), whole) })}
          </span>
        </Link>
      ))}
    </section>
  );
}
