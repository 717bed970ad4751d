-- Frames and records that could not be decoded, as they came.
CREATE TABLE IF NOT EXISTS kube_reject
(
    cluster_uid LowCardinality(String),
    cluster LowCardinality(String),
    observed DateTime64(6, 'UTC'),
    reason Enum8('not_json' = 1, 'not_a_frame' = 2, 'not_an_event' = 3, 'too_large' = 4, 'record' = 5),
    detail String CODEC(ZSTD(1)),
    frame_bytes UInt64,
    frame String CODEC(ZSTD(3)),
    topic LowCardinality(String) COMMENT 'where the record stands in the log, as are the next two',
    log_partition UInt16,
    log_offset UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (cluster_uid, observed, topic, log_partition, log_offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
