-- One row per fact of an operation or task, and one per event that a runner told. Identity: where it stands among those of its
-- object: (object_id, source, attempt, seq). Read it with FINAL: of two writers that wrote the same number, the later epoch counts.
--
-- The projector inserts each fact once. Names of cluster, operation and type stand in each row, as the first fact of its
-- object says them. What no column holds is in `value`, the whole fact as it stands in the log.
CREATE TABLE IF NOT EXISTS operation_event
(
    cluster LowCardinality(String) COMMENT 'name of the cluster, as operations use it',
    object Enum8('board' = 1, 'operation' = 2, 'task' = 3) COMMENT 'whose fact it is' CODEC(ZSTD(1)),
    object_id UUID COMMENT 'of the operation or task; nil for the board' CODEC(ZSTD(1)),
    name String COMMENT 'of the operation or task: namespace/name' CODEC(ZSTD(1)),
    type LowCardinality(String) COMMENT 'what it does, as ScaleUp',
    task_id UUID COMMENT 'the task that owns the operation, or the task itself; nil where none' CODEC(ZSTD(1)),
    source Enum8('decided' = 1, 'told' = 2) COMMENT 'by controllers, by a runner' CODEC(ZSTD(1)),
    seq UInt64 COMMENT '1, 2, 3… of the object, or of the attempt where a runner told it' CODEC(Delta, ZSTD(1)),
    epoch UInt64 COMMENT 'of the writer: the version of the row' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'Accepted, Started, HostResult… where decided; play, task, host… where told',
    time DateTime64(6, 'UTC') COMMENT 'when it was written; what a runner told: by its clock' CODEC(Delta, ZSTD(1)),
    attempt String COMMENT 'the run of a runner; empty where none' CODEC(ZSTD(1)),
    purpose LowCardinality(String) COMMENT 'of the attempt: act, undo',
    step LowCardinality(String) COMMENT 'the step',
    batch UInt32 COMMENT 'the batch of the step, counted from 0' CODEC(ZSTD(1)),
    number UInt32 COMMENT 'which attempt of step and batch; which try of an undoing' CODEC(ZSTD(1)),
    host String COMMENT 'by address' CODEC(ZSTD(1)),
    hosts UInt32 COMMENT 'how many hosts it speaks of' CODEC(ZSTD(1)),
    action LowCardinality(String) COMMENT 'what was done there: the task of the playbook, or what is undone',
    outcome LowCardinality(String) COMMENT 'the phase that it leads to, or how it ended',
    reason LowCardinality(String) COMMENT 'why, as a stable word: a reason of Beidou, or the code of a failed task',
    message String COMMENT 'for people' CODEC(ZSTD(3)),
    duration_ms UInt64 COMMENT 'how long what ended with it took; 0 where nothing ended' CODEC(ZSTD(1)),
    subject LowCardinality(String) COMMENT 'who asked or said it; empty where a rule did',
    value String COMMENT 'the whole fact as JSON' CODEC(ZSTD(3)),

    log_partition UInt16 CODEC(ZSTD(1)),
    log_offset UInt64 CODEC(Delta, ZSTD(1)),

    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX object_known object_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(epoch)
PARTITION BY toYYYYMM(time)
ORDER BY (cluster, object_id, seq, source, attempt)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
