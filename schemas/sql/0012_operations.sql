-- For analysts (docs/sql.md): one row per operation, those that were refused among them.
CREATE VIEW IF NOT EXISTS operations
(
    operation UUID COMMENT 'its id',
    name String COMMENT 'namespace/name',
    cluster LowCardinality(String) COMMENT 'the cluster, by the name that operations use',
    type LowCardinality(String) COMMENT 'what it does, as ScaleUp; empty where it was refused',
    task UUID COMMENT 'the task that owns it; nil where none',
    state LowCardinality(String) COMMENT 'Pending, Running, Held, Cancelling, Unknown; Succeeded, Failed, Cancelled; Refused',
    reason LowCardinality(String) COMMENT 'why it stands there, as a stable word; empty while it runs',
    message String COMMENT 'the same for people',
    requester LowCardinality(String) COMMENT 'who asked',
    requested DateTime64(6, 'UTC') COMMENT 'when it was accepted, or refused; bound it for a range of time',
    started Nullable(DateTime64(6, 'UTC')) COMMENT 'when its first step could begin; NULL before',
    ended Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was over; NULL before',
    duration_ms Nullable(UInt64) COMMENT 'from its start to its end; NULL before',
    hosts UInt32 COMMENT 'hosts of its plan',
    hosts_ok UInt64 COMMENT 'those that came through every step that they had so far',
    hosts_bad UInt64 COMMENT 'those that did not: failed, unreachable, cancelled or unknown in a step'
)
AS SELECT o.operation AS operation, o.name AS name, o.cluster AS cluster, o.type AS type, o.task AS task, o.state AS state, o.reason AS reason,
    o.message AS message, o.requester AS requester, o.requested AS requested, o.started AS started, o.ended AS ended,
    if(isNull(o.started) OR isNull(o.ended), NULL, toUInt64(dateDiff('millisecond', assumeNotNull(o.started), assumeNotNull(o.ended)))) AS duration_ms,
    o.hosts AS hosts, h.ok AS hosts_ok, h.bad AS hosts_bad
FROM
(
    SELECT f.object_id AS operation, f.name AS name, f.cluster AS cluster, f.type AS type, f.task_id AS task,
        argMaxIf(f.outcome, f.seq, f.moves) AS state, argMaxIf(f.reason, f.seq, f.moves) AS reason,
        argMaxIf(if(f.kind = 'Resumed', '', f.message), f.seq, f.moves) AS message, argMinIf(f.subject, f.seq, f.begins) AS requester,
        minIf(f.time, f.begins) AS requested,
        if(countIf(f.kind = 'Started') > 0, toNullable(minIf(f.time, f.kind = 'Started')), NULL) AS started,
        if(countIf(f.kind IN ('Finished', 'Refused')) > 0, toNullable(minIf(f.time, f.kind IN ('Finished', 'Refused'))), NULL) AS ended,
        maxIf(f.hosts, f.kind = 'Accepted') AS hosts
    FROM
    (
        SELECT e.object_id AS object_id, e.name AS name, e.cluster AS cluster, e.type AS type, e.task_id AS task_id, e.kind AS kind,
            e.seq AS seq, e.time AS time, e.outcome AS outcome, e.reason AS reason, e.message AS message, e.subject AS subject,
            e.hosts AS hosts, e.kind IN ('Accepted', 'Refused') AS begins,
            e.kind IN ('Accepted', 'Refused', 'Started', 'Held', 'Resumed', 'CancelAsked', 'Finished') AS moves
        FROM operation_event AS e FINAL
        WHERE e.source = 'decided' AND e.object = 'operation'
    ) AS f
    GROUP BY f.object_id, f.name, f.cluster, f.type, f.task_id
) AS o
LEFT JOIN
(
    SELECT s.operation AS operation, countIf(s.bad = 0 AND s.open = 0) AS ok, countIf(s.bad > 0) AS bad
    FROM
    (
        SELECT operation, host, countIf(outcome IN ('failed', 'unreachable', 'cancelled', 'unknown')) AS bad,
            countIf(outcome IN ('running', 'waiting')) AS open
        FROM operation_hosts GROUP BY operation, host
    ) AS s
    GROUP BY s.operation
) AS h ON h.operation = o.operation;
