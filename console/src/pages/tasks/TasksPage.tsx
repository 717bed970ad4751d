/** Automatic tasks: change processes with their work orders, and where each of them stands. */
import "./tasks.css";
import { TASKS } from "../../api/operations";
import type { TaskItem } from "../../api/types";
import { group } from "../../design/number";
import { useT } from "../../i18n";
import { useView } from "../../shell/view";
import { moment } from "../../time/format";
import { WorkList } from "../operations/WorkList";
import { Pipeline } from "./Pipeline";

const TYPES = ["ScaleUp", "NodeJoin", "ScaleDown", "NodeRemove"];

export function Page() {
  const t = useT();
  const { zone, anchor } = useView();
  return (
    <WorkList<TaskItem>
      path={TASKS}
      to="/tasks/$id"
      noun="task"
      title="nav.tasks"
      total="tasks.total"
      none="tasks.none"
      noneYet="tasks.noneYet"
      noneYetHint="tasks.noneYetHint"
      types={TYPES}
      sorts={["updated", "name"]}
      className="tasklist"
      before={[
        { key: "machines", head: t("tasks.machines"), number: true, cell: (item) => group(item.machines) },
        { key: "steps", head: t("tasks.stages"), cell: (item) => <Pipeline steps={item.steps} /> },
      ]}
      behind={[{ key: "time", head: t("ops.created"), number: true, cell: (item) => moment(Date.parse(item.created), zone, anchor) }]}
    />
  );
}
