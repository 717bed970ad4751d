/** The question of the events page for other tools. Pure, so that the commands at the foot and the calls never differ. */
import type { Copies } from "../../shell/chrome";
import { clusterFlags, curl, rangeFlags, shellWord, sqlText } from "../../shell/command";
import type { View } from "../../shell/view";
import type { Question } from "./asked";

export function copies(view: View, { q, types, params }: Question): Copies {
  const typed = types.map((type) => ` --type ${shellWord(type)}`).join("");
  const where = ["time >= {from}", "time < {to}"];
  if (view.clusters.length > 0) where.push(`cluster IN (${view.clusters.map(sqlText).join(", ")})`);
  if (types.length > 0) where.push(`type IN (${types.map(sqlText).join(", ")})`);
  const note = q === "" ? "" : `-- query line: ${q.replace(/\s+/g, " ")}\n`;
  return {
    cli: `beidou events ${rangeFlags(view.range)}${clusterFlags(view.clusters)}${typed}${q === "" ? "" : ` ${/^-/.test(q) ? "-- " : ""}${shellWord(q)}`}`,
    sql: `${note}SELECT time, cluster, type, kind, namespace, name, reason, message\nFROM events\nWHERE ${where.join(" AND ")}\nORDER BY time DESC\nLIMIT 200`,
    kubectl: `kubectl get events -A --sort-by=.lastTimestamp${types.length === 1 ? ` --field-selector type=${types[0]}` : ""}`,
    api: curl("/api/v1/events", params),
  };
}
