-- From which moment on the table of Events is asked for a cluster's rows: of what happened before, the archive is asked, as far as
-- its files of days cover a row's place in the log. A bound is noted before any row goes, and only once the archive is known to
-- hold the same rows. The latest moment of a cluster counts: what has gone does not come back.
CREATE TABLE IF NOT EXISTS kube_hot
(
    cluster_uid LowCardinality(String),
    cluster LowCardinality(String) COMMENT 'a name that it had: of all of them one row each',
    hot_from DateTime64(6, 'UTC') COMMENT 'a midnight; older rows are in the archive' CODEC(ZSTD(1)),
    noted DateTime64(6, 'UTC') COMMENT 'when the bound was noted' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (cluster_uid, cluster, hot_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
