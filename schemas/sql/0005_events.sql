-- For analysts (docs/sql.md): one row per state of an Event. Conditions on `time` use the order of the table below.
CREATE VIEW IF NOT EXISTS events
(
    time DateTime64(6, 'UTC') COMMENT 'when it happened, as Kubernetes says; bound it, and little is read',
    observed DateTime64(6, 'UTC') COMMENT 'when Beidou saw this state',
    cluster LowCardinality(String) COMMENT 'name of the cluster at that time',
    cluster_uid LowCardinality(String) COMMENT 'the cluster itself, whatever its name',
    type LowCardinality(String) COMMENT 'Normal or Warning',
    reason LowCardinality(String) COMMENT 'as BackOff, FailedScheduling',
    action LowCardinality(String) COMMENT 'what was done, where the reporter says so; often empty',
    kind LowCardinality(String) COMMENT 'kind of the object that it is about, as Pod',
    namespace LowCardinality(String) COMMENT 'of the object; empty for cluster-scoped ones',
    name String COMMENT 'of the object',
    object_uid UUID COMMENT 'of the object',
    node LowCardinality(String) COMMENT 'the node concerned; empty where none is known',
    component LowCardinality(String) COMMENT 'who reported it, as kubelet',
    message String COMMENT 'the text; hasAllTokens(lower(message), ''two words'') uses its index',
    pattern LowCardinality(String) COMMENT 'the message folded to its template: group by it',
    occurrences UInt32 COMMENT 'how often in all so far, as this state says: do not add these up',
    new_occurrences UInt32 COMMENT 'new since the states before: these add up',
    event_uid UUID COMMENT 'the Event; it keeps its uid while it repeats',
    resource_version UInt64 COMMENT 'version of the Event: each state has its own',
    found_by LowCardinality(String) COMMENT 'watch, list, seed or import'
)
AS SELECT time, observed, cluster, cluster_uid, type, reason, action, kind, namespace, name, object_uid, node,
    if(component != '', component, reporting_component) AS component, message, pattern, occurrences,
    occurrences_delta AS new_occurrences, event_uid, resource_version, CAST(found_by, 'String') AS found_by
FROM kube_event;
