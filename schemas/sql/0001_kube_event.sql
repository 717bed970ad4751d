-- One row per state of a Kubernetes Event. Identity: (cluster_uid, epoch, event_uid, resource_version).
--
-- The projector inserts each identity once; the engine's key ends in the identity only as a belt. Partitions follow the
-- Event's own time, which never changes for an identity, and are monthly, so that late Events do not multiply parts.
-- fsync makes an acknowledged insert survive a loss of power.
--
-- The order (docs/adr/0005) is by hour, and by object within each: a range of time is one piece of the table, and within
-- each hour an object is. What makes use of it:
--   newest first    ORDER BY toStartOfHour(time) DESC, time DESC, ...: read backwards until the page is full
--   a range         conditions on `time` alone: the engine derives those on the hour
--   one object      kind, namespace, name: the key leads to a granule or two of each hour, name_known drops nearly all
--   words           hasAllTokens(lower(message), 'one two'), hasAnyTokens, hasPhrase, lower(message) LIKE '%part%': only
--                   with lower(message), written like that, is message_words used; position, match and ILIKE read all
--   sums            count() and sum(occurrences_delta) by columns of per_minute or per_hour, where conditions on time
--                   are conditions on toStartOfMinute(time) or toStartOfHour(time), the same text as in the projection
-- Roll-ups are projections: whatever is inserted, repeated, merged or deleted, they are of the same rows.
CREATE TABLE IF NOT EXISTS kube_event
(
    cluster_uid LowCardinality(String),
    cluster LowCardinality(String) COMMENT 'name of the cluster when the state was observed',
    epoch UInt32 COMMENT 'life of the cluster''s etcd' CODEC(ZSTD(1)),
    event_uid UUID CODEC(ZSTD(1)),
    resource_version UInt64 CODEC(Delta, ZSTD(1)),
    time DateTime64(6, 'UTC') COMMENT 'series.lastObservedTime, else lastTimestamp, eventTime, firstTimestamp, creationTimestamp' CODEC(Delta, ZSTD(1)),
    time_flags UInt8 COMMENT '1 no time given, 2 future, 4 past, 8 unreadable' CODEC(ZSTD(1)),
    observed DateTime64(6, 'UTC') COMMENT 'when Beidou saw the state' CODEC(Delta, ZSTD(1)),
    found_by Enum8('watch' = 1, 'list' = 2, 'seed' = 3) CODEC(ZSTD(1)),
    occurrences UInt32 COMMENT 'cumulative: series.count, else count, else 1' CODEC(ZSTD(1)),
    occurrences_delta UInt32 COMMENT 'new since the states already stored: adds up' CODEC(ZSTD(1)),

    type LowCardinality(String),
    reason LowCardinality(String),
    action LowCardinality(String),
    message String CODEC(ZSTD(3)),
    pattern LowCardinality(String) COMMENT 'the message folded to its template',
    kind LowCardinality(String) COMMENT 'of the involved object, as are the next six',
    namespace LowCardinality(String),
    name String CODEC(ZSTD(1)),
    object_uid UUID CODEC(ZSTD(1)),
    object_api_version LowCardinality(String),
    object_resource_version UInt64 CODEC(ZSTD(1)),
    field_path LowCardinality(String),
    component LowCardinality(String) COMMENT 'source.component',
    host LowCardinality(String) COMMENT 'source.host',
    reporting_component LowCardinality(String),
    reporting_instance LowCardinality(String),
    node LowCardinality(String) COMMENT 'the node concerned: the involved Node, else source.host, else the reporting kubelet''s instance',

    meta_name String COMMENT 'metadata of the Event itself' CODEC(ZSTD(1)),
    meta_namespace LowCardinality(String),
    creation_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    first_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    last_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    series_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    count Int32 CODEC(ZSTD(1)),
    series_count Int32 CODEC(ZSTD(1)),
    shape UInt64 COMMENT 'two bits per known field: absent, null, in its column, in the residual' CODEC(ZSTD(1)),
    residual String COMMENT 'JSON that no column holds' CODEC(ZSTD(1)),

    log_partition UInt16 CODEC(ZSTD(1)),
    log_offset UInt64 CODEC(Delta, ZSTD(1)),

    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX uid_known event_uid TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX offset_range log_offset TYPE minmax GRANULARITY 1,
    INDEX name_known name TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX message_words lower(message) TYPE text(tokenizer = 'splitByNonAlpha'),
    PROJECTION per_minute
    (
        SELECT toStartOfMinute(time), cluster_uid, type, count(), sum(occurrences_delta)
        GROUP BY toStartOfMinute(time), cluster_uid, type
    ),
    PROJECTION per_hour
    (
        SELECT toStartOfHour(time), cluster_uid, cluster, namespace, kind, reason, type, count(), sum(occurrences_delta)
        GROUP BY toStartOfHour(time), cluster_uid, cluster, namespace, kind, reason, type
    )
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (toStartOfHour(time), cluster_uid, kind, namespace, name, event_uid, epoch, resource_version)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000,
    deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild',
    fsync_after_insert = 1, fsync_part_directory = 1;
