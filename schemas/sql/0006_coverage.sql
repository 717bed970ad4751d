-- The stored stretches as they hold now: what retention removed is no part of any other stretch, and begins with the first
-- watch of its cluster, not with time itself.
CREATE VIEW IF NOT EXISTS kube_coverage_now
AS SELECT * REPLACE (
    multiIf(reason != 'removed_by_retention', greatest(from_time, removed_until), watched > 0, first_time, until_time) AS from_time)
FROM
(
    SELECT *, maxIf(until_time, reason = 'removed_by_retention') OVER of_cluster AS removed_until,
        minIf(from_time, reason != 'removed_by_retention') OVER of_cluster AS first_time,
        countIf(reason != 'removed_by_retention') OVER of_cluster AS watched
    FROM kube_coverage FINAL
    WINDOW of_cluster AS (PARTITION BY cluster_uid)
);

-- For analysts (docs/sql.md): what is known of which stretch of time. Ask it beside `events` before "nothing" is believed.
CREATE VIEW IF NOT EXISTS coverage
(
    cluster LowCardinality(String) COMMENT 'name of the cluster at that time',
    cluster_uid LowCardinality(String) COMMENT 'the cluster itself, whatever its name',
    state LowCardinality(String) COMMENT 'complete; degraded: states between are lost; gap: all may be lost',
    from_time DateTime64(6, 'UTC') COMMENT 'first moment of the stretch',
    until_time DateTime64(6, 'UTC') COMMENT 'first moment behind it',
    reason LowCardinality(String) COMMENT 'why it ended, or why it is not complete; empty while a watch runs',
    detail String COMMENT 'more about the reason'
)
AS SELECT cluster, cluster_uid, CAST(state, 'String') AS state, from_time, until_time, reason, detail
FROM kube_coverage_now
WHERE from_time < until_time;
