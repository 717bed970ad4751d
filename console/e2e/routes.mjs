/** All pages, as tests and measurements walk through them. */
import { incident } from "./harness.mjs";
import { api, heldRun, someTask } from "./operations.mjs";

/** Every route, with what is open on it. */
export async function routes(world) {
  const { from, to } = await incident(world);
  const range = `from=${from}&to=${to}`;
  const [run, task] = [await heldRun(world), await someTask(world)];
  const beside = encodeURIComponent("hz-prod-01/Node/_/hz1-c5-r12-u26");
  await api(world, "/queries/by-reason", { sql: "SELECT reason, count() FROM events WHERE time >= {from} GROUP BY reason" }, "PUT");
  return [
    ["fleet", "/?from=-3d", ".heat tbody td button"],
    ["events", `/events?${range}`, ".er[role=row][id]"],
    ["explain", `/events?${range}&panel=explain`, ".chg"],
    ["patterns", `/events?${range}&view=patterns`, ".pat tbody tr"],
    ["groups", `/events?${range}&group=node&cols=node,message`, ".pat tbody tr"],
    ["columns", `/events?${range}&cols=namespace,node,component,message`, "#row-0"],
    ["table", `/events?${range}&table=1`, ".hist td"],
    ["wrong", `/events?${range}&q=nmespace:x`, ".fault"],
    ["empty", `/events?${range}&q=reason:Nothing`, ".list .empty"],
    ["timeline", `/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?${range}`, ".lanegrid .names"],
    ["timelines", `/o/hz-prod-02/pod/recsys/recsys-ranker-6c9f7d8b5c-x2k9q?${range}&also=${beside}`, ".compared .lanecanvas canvas"],
    ["finder", "/o?from=-24h", ".frow"],
    ["sql", "/sql?from=-7d", ".start .view"],
    ["sql, saved", "/sql/by-reason?from=-7d", ".saved .it[aria-current=page]"],
    ["sql, not saved", "/sql/nothing-of-this-name", ".sqlpage .empty"],
    ["operations", "/operations", ".livelist .vrow"],
    ["no operations", "/operations?q=nothing-of-this-name", ".empty"],
    ["run", `/operations/${run}`, ".hl"],
    ["run, replay", `/operations/${run}?t=${new Date(Date.now() - 1000).toISOString()}`, ".badge.run"],
    ["run, events", `/operations/${run}?tab=events`, "#side-panel :is(.ev, .empty)"],
    ["run, ledger", `/operations/${run}?tab=ledger`, ".ledger"],
    ["run, attempts", `/operations/${run}?tab=attempts&group=all`, ".attempt"],
    ["new operation", "/operations/new?type=Command&c=hz-prod-02", ".planpane .missing"],
    ["tasks", "/tasks", ".livelist .vrow"],
    ["task", `/tasks/${task}`, ".stagebox"],
    ["nodes", "/nodes?c=hz-prod-02", ".nodeside h3"],
    ["nodes of nowhere", "/nodes?c=not-there", ".nodes .empty"],
    ["clusters", "/clusters?from=-7d", ".clusters tbody tr"],
    ["coverage", "/coverage?from=-7d", ".coverage tbody tr"],
    ["short link, unknown", "/s/nothing-of-this-id", ".empty"],
    ["settings", "/settings", ".settings .dl dt"],
    ["nowhere", "/nowhere", ".empty"],
  ];
}
