-- For analysts (docs/sql.md): one row per operation, step and host: what became of the host there, by the last attempt that had it.
CREATE VIEW IF NOT EXISTS operation_hosts
(
    operation UUID COMMENT 'the operation',
    name String COMMENT 'of the operation: namespace/name',
    cluster LowCardinality(String) COMMENT 'the cluster, by the name that operations use',
    type LowCardinality(String) COMMENT 'of the operation, as ScaleUp',
    step LowCardinality(String) COMMENT 'the step',
    host String COMMENT 'the host, by address',
    outcome LowCardinality(String) COMMENT 'ok, failed, unreachable, cancelled, unknown; running; waiting where the attempt came to nothing',
    attempts UInt64 COMMENT 'attempts that had the host in this step',
    failures UInt64 COMMENT 'those of them after which it was failed, unreachable or unknown',
    ended Nullable(DateTime64(6, 'UTC')) COMMENT 'when that was known; NULL while it runs or waits',
    duration_ms Nullable(UInt64) COMMENT 'how long the last attempt took there; NULL while it runs or waits',
    failed_task String COMMENT 'the task that decided it; empty where all went well',
    code LowCardinality(String) COMMENT 'why it failed, as a stable word: group by it; often empty',
    message String COMMENT 'what the failed task said'
)
AS SELECT a.operation AS operation, a.name AS name, a.cluster AS cluster, a.type AS type, a.step AS step, a.host AS host,
    argMax(a.outcome, a.begun) AS outcome, count() AS attempts,
    countIf(a.outcome IN ('failed', 'unreachable', 'unknown')) AS failures,
    argMax(tuple(a.ended), a.begun).1 AS ended, argMax(tuple(a.duration_ms), a.begun).1 AS duration_ms,
    argMax(a.failed_task, a.begun) AS failed_task, argMax(a.code, a.begun) AS code, argMax(a.message, a.begun) AS message
FROM
(
    SELECT f.object_id AS operation, f.name AS name, f.cluster AS cluster, f.type AS type, f.step AS step, f.one AS host,
        min(f.seq) AS begun, countIf(f.kind = 'HostResult') > 0 AS known,
        multiIf(known, argMinIf(f.outcome, f.seq, f.kind = 'HostResult'), any(f.claims) = 0, 'waiting', any(f.over) = 0, 'running',
            any(f.cancels) > 0, 'cancelled', 'unknown') AS outcome,
        multiIf(known, toNullable(minIf(f.time, f.kind = 'HostResult')), any(f.over) > 0 AND any(f.claims) > 0,
            toNullable(any(f.over_time)), NULL) AS ended,
        multiIf(known, toNullable(minIf(f.duration_ms, f.kind = 'HostResult')), any(f.over) > 0 AND any(f.claims) > 0,
            toNullable(any(f.over_ms)), NULL) AS duration_ms,
        argMinIf(f.action, f.seq, f.kind = 'HostResult') AS failed_task, argMinIf(f.reason, f.seq, f.kind = 'HostResult') AS code,
        argMinIf(f.message, f.seq, f.kind = 'HostResult') AS message
    FROM
    (
        -- What holds for the whole attempt stands beside each of its facts. One of controllers needs neither offer nor claim.
        SELECT e.*, arrayJoin(if(e.kind = 'HostResult', [e.host], JSONExtract(e.value, 'body', 'hosts', 'Array(String)'))) AS one,
            countIf(e.kind = 'AttemptEnded') OVER attempt AS over,
            countIf(e.kind = 'AttemptClaimed') OVER attempt + (countIf(e.kind = 'AttemptOffered'
                OR e.outcome IN ('never_claimed', 'not_started')) OVER attempt = 0) AS claims,
            least(countIf(e.kind = 'StopAsked' AND e.reason = 'CancelledOnRequest') OVER attempt,
                countIf(e.kind = 'AttemptEnded' AND e.outcome = 'stopped') OVER attempt) AS cancels,
            maxIf(e.time, e.kind = 'AttemptEnded') OVER attempt AS over_time,
            maxIf(e.duration_ms, e.kind = 'AttemptEnded') OVER attempt AS over_ms
        FROM operation_event AS e FINAL
        WHERE e.source = 'decided' AND e.purpose = 'act'
        WINDOW attempt AS (PARTITION BY e.object_id, e.attempt)
    ) AS f
    WHERE f.kind IN ('AttemptIntended', 'HostResult')
    GROUP BY f.object_id, f.name, f.cluster, f.type, f.step, f.one, f.attempt
) AS a
GROUP BY a.operation, a.name, a.cluster, a.type, a.step, a.host;
