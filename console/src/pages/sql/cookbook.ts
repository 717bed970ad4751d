/** Questions to begin with. Each is bound to the range of the page; what says by what it counts stands before what it counts, so that a
 * chart finds its axis. */
import type { Key } from "../../i18n";

export interface Question {
  title: Key;
  /** The view that it asks. */
  view: string;
  sql: string;
}

const RANGE = "time >= {from} AND time < {to}";

export const COOKBOOK: readonly [Question, ...Question[]] = [
  {
    title: "sql.ask.images",
    view: "events",
    sql: `-- which images fail to pull, and where?
SELECT
  extractAll(message, '"([^"]+)"')[1] AS image,
  cluster,
  sum(new_occurrences) AS failures,
  uniqExact(name) AS pods,
  min(time) AS first_seen
FROM events
WHERE ${RANGE}
  AND reason = 'Failed' AND message LIKE '%pull%'
GROUP BY image, cluster
ORDER BY failures DESC
LIMIT 500`,
  },
  {
    title: "sql.ask.hours",
    view: "events",
    sql: `-- Warnings of each hour; one without a row had none, or is not known
SELECT cluster, toStartOfHour(time) AS hour, sum(new_occurrences) AS happened
FROM events
WHERE ${RANGE} AND type = 'Warning'
GROUP BY cluster, hour
ORDER BY cluster, hour`,
  },
  {
    title: "sql.ask.reasons",
    view: "events",
    sql: `-- what happened most?
SELECT reason, type, sum(new_occurrences) AS happened, uniqExact(cluster) AS clusters
FROM events
WHERE ${RANGE}
GROUP BY reason, type
ORDER BY happened DESC
LIMIT 20`,
  },
  {
    title: "sql.ask.nodes",
    view: "events",
    sql: `-- which nodes stand out?
SELECT cluster, node, countIf(type = 'Warning') AS warnings, count() AS states
FROM events
WHERE ${RANGE} AND node != ''
GROUP BY cluster, node
ORDER BY warnings DESC
LIMIT 20`,
  },
  {
    title: "sql.ask.restarts",
    view: "events",
    sql: `-- which objects restart again and again?
SELECT cluster, namespace, name, max(occurrences) AS times, min(time) AS since, argMax(message, time) AS latest
FROM events
WHERE ${RANGE} AND reason = 'BackOff'
GROUP BY cluster, namespace, name
ORDER BY times DESC
LIMIT 20`,
  },
  {
    title: "sql.ask.gaps",
    view: "coverage",
    sql: `-- is that all? what is not known of the range?
SELECT cluster, state, reason, from_time, until_time, dateDiff('second', from_time, until_time) AS seconds
FROM coverage
WHERE until_time > {from} AND from_time < {to} AND state != 'complete'
ORDER BY seconds DESC`,
  },
  {
    title: "sql.ask.steps",
    view: "operation_steps",
    sql: `-- which steps of operations are slow?
SELECT type, step, round(quantile(0.5)(duration_ms) / 1000, 1) AS p50_s, round(quantile(0.9)(duration_ms) / 1000, 1) AS p90_s, count() AS attempts
FROM operation_steps
WHERE intended >= {from} AND intended < {to} AND purpose = 'act' AND outcome = 'finished'
GROUP BY type, step
ORDER BY p90_s DESC
LIMIT 20`,
  },
  {
    title: "sql.ask.hosts",
    view: "operation_hosts",
    sql: `-- why do hosts fail?
SELECT code, step, count() AS hosts, uniqExact(operation) AS operations, any(message) AS example
FROM operation_hosts
WHERE ended >= {from} AND ended < {to} AND outcome IN ('failed', 'unreachable', 'unknown')
GROUP BY code, step
ORDER BY hosts DESC
LIMIT 50`,
  },
];
