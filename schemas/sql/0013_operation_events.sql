-- For analysts (docs/sql.md): one row per fact of an operation or a task, and per event that a runner told: plays, tasks, hosts.
CREATE VIEW IF NOT EXISTS operation_events
(
    time DateTime64(6, 'UTC') COMMENT 'when it was written; what a runner told: by its clock',
    cluster LowCardinality(String) COMMENT 'the cluster, by the name that operations use',
    object LowCardinality(String) COMMENT 'whose it is: operation, task; board for what all stand on',
    id UUID COMMENT 'of the operation or task',
    name String COMMENT 'of the operation or task: namespace/name',
    type LowCardinality(String) COMMENT 'what it does, as ScaleUp',
    task UUID COMMENT 'the task that owns the operation, or the task itself; nil where none',
    source LowCardinality(String) COMMENT 'decided: by controllers; told: by a runner',
    seq UInt64 COMMENT '1, 2, 3… of the object, or of the attempt where a runner told it',
    kind LowCardinality(String) COMMENT 'Accepted, Held, HostResult… where decided; play, task, host… where told',
    attempt String COMMENT 'the run of a runner; empty where none',
    step LowCardinality(String) COMMENT 'the step',
    batch UInt32 COMMENT 'the batch of the step, counted from 0',
    number UInt32 COMMENT 'which attempt of step and batch; which try of an undoing',
    host String COMMENT 'the host, by address',
    hosts UInt32 COMMENT 'how many hosts it speaks of',
    action LowCardinality(String) COMMENT 'what was done there: the task of the playbook, or what is undone',
    outcome LowCardinality(String) COMMENT 'the phase that it leads to, or how it ended',
    reason LowCardinality(String) COMMENT 'why, as a stable word: a reason of Beidou, or the code of a failed task',
    message String COMMENT 'for people',
    duration_ms UInt64 COMMENT 'how long what ended with it took; 0 where nothing ended',
    subject LowCardinality(String) COMMENT 'who asked or said it; empty where a rule did',
    value String COMMENT 'the whole fact as JSON'
)
AS SELECT time, cluster, CAST(object, 'String') AS object, object_id AS id, name, type, task_id AS task, CAST(source, 'String') AS source,
    seq, kind, attempt, step, batch, number, host, hosts, action, outcome, reason, message, duration_ms, subject, value
FROM operation_event FINAL;
