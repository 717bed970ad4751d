-- What the watches proved: one row per complete session interval (growing: the latest version counts) and one per
-- degraded interval or gap. Read it with FINAL; it has a few rows per cluster and hour.
CREATE TABLE IF NOT EXISTS kube_coverage
(
    cluster_uid LowCardinality(String),
    cluster LowCardinality(String),
    epoch UInt32,
    state Enum8('complete' = 1, 'degraded' = 2, 'gap' = 3),
    session UUID COMMENT 'nil for degraded and gap',
    from_time DateTime64(6, 'UTC'),
    until_time DateTime64(6, 'UTC'),
    start_resource_version UInt64,
    resource_version UInt64,
    reason LowCardinality(String) COMMENT 'empty while the session runs',
    detail String,
    deleted_frames UInt64,
    log_offset UInt64 COMMENT 'of the fact: the version of the row'
)
ENGINE = ReplacingMergeTree(log_offset)
ORDER BY (cluster_uid, state, session, from_time)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
