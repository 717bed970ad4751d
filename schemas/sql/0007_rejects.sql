-- For analysts (docs/sql.md): what could not be decoded. Nothing of it is among `events`.
CREATE VIEW IF NOT EXISTS rejects
(
    observed DateTime64(6, 'UTC') COMMENT 'when it came',
    cluster LowCardinality(String) COMMENT 'name of the cluster at that time',
    cluster_uid LowCardinality(String) COMMENT 'the cluster itself, whatever its name',
    reason LowCardinality(String) COMMENT 'not_json, not_a_frame, not_an_event, too_large, record',
    detail String COMMENT 'what the decoder said',
    frame_bytes UInt64 COMMENT 'its full length',
    head String COMMENT 'its first 512 bytes; what is no UTF-8 is replaced'
)
AS SELECT observed, cluster, cluster_uid, CAST(reason, 'String') AS reason, detail, frame_bytes,
    toValidUTF8(substring(frame, 1, 512)) AS head
FROM kube_reject FINAL;
