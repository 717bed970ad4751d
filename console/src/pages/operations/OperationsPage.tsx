/** Operations: what runs, what stands still, what came of the others. */
import { Link, useNavigate } from "@tanstack/react-router";
import { OPERATIONS } from "../../api/operations";
import type { OperationItem } from "../../api/types";
import { Icon } from "../../design/Icon";
import { Foreign } from "../../design/parts";
import { useT } from "../../i18n";
import { HostBar, HostNumbers } from "../../operation/Phase";
import { share, TYPES } from "../../operation/states";
import { useKeys } from "../../shell/keys";
import { common, useView } from "../../shell/view";
import { duration, moment } from "../../time/format";
import { Drafts } from "../plan/Drafts";
import { WorkList } from "./WorkList";

export function Page() {
  const t = useT();
  const { search, zone, anchor } = useView();
  const navigate = useNavigate();
  const start = () => void navigate({ to: "/operations/new", search: common(search) as never });
  useKeys({ n: start });
  return (
    <WorkList<OperationItem>
      path={OPERATIONS}
      to="/operations/$id"
      noun="operation"
      title="nav.operations"
      total="ops.total"
      none="ops.none"
      noneYet="ops.noneYet"
      noneYetHint="ops.noneYetHint"
      types={TYPES}
      sorts={["updated", "name", "cluster", "phase", "bad"]}
      className="oplist"
      before={[
        {
          key: "hosts",
          head: t("ops.hostsThrough"),
          number: true,
          cell: (item) => (
            <span className="lines">
              <span>
                <HostNumbers share={share(item.hosts, item.steps)} />
              </span>
              <HostBar share={share(item.hosts, item.steps)} />
            </span>
          ),
        },
      ]}
      present={(item) => (item.present ? <span className="mono cut">{item.present.step}</span> : null)}
      behind={[
        {
          key: "who",
          head: t("ops.who"),
          cell: (item) => (
            <span className="cut">
              {item.owner ? (
                <Link to="/tasks/$id" params={{ id: item.owner.task }} search={common(search) as never}>
                  <Foreign text={item.owner.name ?? item.owner.step} mid={15} />
                </Link>
              ) : (
                <Foreign text={item.subject} most={60} />
              )}
            </span>
          ),
        },
        { key: "time", head: t("ops.begun"), number: true, cell: (item) => moment(Date.parse(item.started ?? item.created), zone, anchor) },
        {
          key: "length",
          head: t("ops.length"),
          number: true,
          cell: (item) => (item.started ? duration((item.ended ? Date.parse(item.ended) : Date.now()) - Date.parse(item.started), t) : "–"),
        },
      ]}
    >
      <Drafts />
      <button type="button" className="btn prime" onClick={start}>
        <Icon name="plus" />
        {t("nav.newOperation")}
      </button>
    </WorkList>
  );
}
