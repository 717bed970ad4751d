-- For analysts (docs/sql.md): one row per operation, step, batch and attempt.
CREATE VIEW IF NOT EXISTS operation_steps
(
    operation UUID COMMENT 'the operation',
    name String COMMENT 'of the operation: namespace/name',
    cluster LowCardinality(String) COMMENT 'the cluster, by the name that operations use',
    type LowCardinality(String) COMMENT 'of the operation, as ScaleUp',
    step LowCardinality(String) COMMENT 'the step',
    batch UInt32 COMMENT 'the batch of the step, counted from 0',
    attempt UInt32 COMMENT '1 for the first of step and batch',
    purpose LowCardinality(String) COMMENT 'act: the step itself; undo: undoing it',
    intended DateTime64(6, 'UTC') COMMENT 'when a runner was to be made',
    started Nullable(DateTime64(6, 'UTC')) COMMENT 'when the runner had the work; NULL where none came',
    ended Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was over; NULL while it runs',
    duration_ms Nullable(UInt64) COMMENT 'from its start to its end; NULL while it runs',
    outcome LowCardinality(String) COMMENT 'running, finished, missing, silent, never_claimed, stopped, not_stopped, not_started',
    hosts UInt32 COMMENT 'hosts that it had',
    hosts_ok UInt64 COMMENT 'those that came through',
    hosts_bad UInt64 COMMENT 'those that failed, were unreachable, cancelled or unknown, as far as it told',
    message String COMMENT 'how it ended, for people; often empty'
)
AS SELECT f.object_id AS operation, f.name AS name, f.cluster AS cluster, f.type AS type, f.step AS step, f.batch AS batch,
    f.number AS attempt, f.purpose AS purpose, minIf(f.time, f.kind = 'AttemptIntended') AS intended,
    multiIf(countIf(f.kind = 'AttemptClaimed') > 0, toNullable(minIf(f.time, f.kind = 'AttemptClaimed')),
        countIf(f.kind = 'AttemptOffered' OR f.outcome IN ('never_claimed', 'not_started')) = 0, toNullable(minIf(f.time, f.kind = 'AttemptIntended')), NULL) AS started,
    if(countIf(f.kind = 'AttemptEnded') > 0, toNullable(minIf(f.time, f.kind = 'AttemptEnded')), NULL) AS ended,
    if(countIf(f.kind = 'AttemptEnded') > 0, toNullable(minIf(f.duration_ms, f.kind = 'AttemptEnded')), NULL) AS duration_ms,
    if(countIf(f.kind = 'AttemptEnded') > 0, argMinIf(f.outcome, f.seq, f.kind = 'AttemptEnded'), 'running') AS outcome,
    maxIf(f.hosts, f.kind = 'AttemptIntended') AS hosts,
    uniqExactIf(f.host, f.kind = 'HostResult' AND f.outcome = 'ok') AS hosts_ok,
    uniqExactIf(f.host, f.kind = 'HostResult' AND f.outcome != 'ok') AS hosts_bad,
    argMinIf(f.message, f.seq, f.kind = 'AttemptEnded') AS message
FROM operation_event AS f FINAL
WHERE f.source = 'decided' AND f.purpose != ''
GROUP BY f.object_id, f.name, f.cluster, f.type, f.step, f.batch, f.number, f.purpose, f.attempt;
