//! Rows of `kube_event` made of Events, as the projector makes them, and files of such rows.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt16Array,
    UInt32Array, UInt64Array,
};
use beidou_schemas::{
    Micros,
    archive::{Collection, PartitionRange},
    kube_event::{EventState, RangeHash, decode, rebuild},
    time::DAY,
};
use beidou_store::archive::{Archive, FileWriter, Finished, GroupLimit, states};
use serde_json::{Value, json};
use uuid::Uuid;

/// 2026-11-23T00:00:00Z.
pub const MONDAY: i64 = 1_795_392_000_000_000;
pub const CLUSTERS: [(&str, &str); 2] = [("c-1", "hz prod/02"), ("c-2", "sz-prod-01")];

/// A state that is observed a second after it happened.
#[derive(Debug, Clone)]
pub struct Row {
    pub cluster: usize,
    pub offset: u64,
    pub time: i64,
    pub event: Value,
}

/// A row of one of some pods; `offset` makes it another one.
pub fn row(offset: u64, time: i64) -> Row {
    let cluster = (offset % 2) as usize;
    let event = json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": format!("web-{}.18{offset:x}", offset % 7), "namespace": "shop",
            "uid": Uuid::from_u128(u128::from(offset) + 1).to_string(), "resourceVersion": (offset + 1).to_string(),
            "labels": {"odd": "é\u{1F600}"}},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": format!("web-{}", offset % 7)},
        "reason": "BackOff", "message": format!("Back-off {offset}"), "type": "Warning", "count": offset % 5 + 1
    });
    Row { cluster, offset, time, event }
}

/// Rows as one batch, in their order.
pub fn batch(rows: &[Row]) -> RecordBatch {
    let json: Vec<Vec<u8>> = rows.iter().map(|row| serde_json::to_vec(&row.event).unwrap()).collect();
    let of: Vec<EventState<'_>> = json.iter().map(|json| decode(json).unwrap()).collect();
    let text = |get: &dyn Fn(&EventState<'_>) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(of.iter().map(get)))
    };
    let time = |get: &dyn Fn(usize) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows.len()).map(get)).with_timezone("UTC"))
    };
    let uids = |get: &dyn Fn(&EventState<'_>) -> Uuid| -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_iter(of.iter().map(|state| get(state).into_bytes())).unwrap())
    };
    let cluster = |name: fn((&'static str, &'static str)) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| name(CLUSTERS[row.cluster]))))
    };
    let big =
        |get: &dyn Fn(usize) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values((0..rows.len()).map(get))) };
    let count = |get: &dyn Fn(&EventState<'_>) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(of.iter().map(get)))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("cluster_uid", cluster(|c| c.0)),
        ("cluster", cluster(|c| c.1)),
        ("epoch", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|_| 1)))),
        ("event_uid", uids(&|s| s.uid)),
        ("resource_version", big(&|i| of[i].resource_version)),
        ("time", time(&|i| rows[i].time)),
        ("observed", time(&|i| rows[i].time + 1_000_000)),
        ("type", text(&|s| s.event_type.clone().into())),
        ("reason", text(&|s| s.reason.clone().into())),
        ("action", text(&|s| s.action.clone().into())),
        ("message", text(&|s| s.message.clone().into())),
        ("kind", text(&|s| s.object_kind.clone().into())),
        ("namespace", text(&|s| s.object_namespace.clone().into())),
        ("name", text(&|s| s.object_name.clone().into())),
        ("object_uid", uids(&|s| s.object_uid)),
        ("object_api_version", text(&|s| s.object_api_version.clone().into())),
        ("object_resource_version", big(&|i| of[i].object_version)),
        ("field_path", text(&|s| s.object_field_path.clone().into())),
        ("component", text(&|s| s.source_component.clone().into())),
        ("host", text(&|s| s.source_host.clone().into())),
        ("reporting_component", text(&|s| s.reporting_component.clone().into())),
        ("reporting_instance", text(&|s| s.reporting_instance.clone().into())),
        ("meta_name", text(&|s| s.name.clone().into())),
        ("meta_namespace", text(&|s| s.namespace.clone().into())),
        ("creation_time", time(&|i| of[i].creation.0)),
        ("first_time", time(&|i| of[i].first.0)),
        ("last_time", time(&|i| of[i].last.0)),
        ("event_time", time(&|i| of[i].event_time.0)),
        ("series_time", time(&|i| of[i].series_time.0)),
        ("count", count(&|s| s.count)),
        ("series_count", count(&|s| s.series_count)),
        ("shape", big(&|i| of[i].shape.0)),
        ("residual", text(&|s| s.residual.clone())),
        ("log_partition", Arc::new(UInt16Array::from_iter_values(rows.iter().map(|_| 0)))),
        ("log_offset", big(&|i| rows[i].offset)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A range file of these rows.
pub fn file(range: PartitionRange, rows: &[Row]) -> Finished {
    let batch = batch(rows);
    // Small row groups, so that there are several.
    let limit = GroupLimit { rows: 16, ..GroupLimit::RANGE };
    let mut writer = FileWriter::in_memory(batch.schema_ref(), limit).unwrap();
    for from in (0..rows.len()).step_by(5) {
        writer.add(&batch.slice(from, 5.min(rows.len() - from))).unwrap();
    }
    writer.cover(range);
    writer.finish().unwrap()
}

/// Puts the rows of a partition as a range file.
pub async fn put(archive: &Archive, partition: u32, rows: &[Row]) -> String {
    let (from, to) = (rows[0].offset, rows[rows.len() - 1].offset + 1);
    let path = Collection::Events.range_path(partition, from, to);
    archive.put_file(&path, &file(PartitionRange { partition, from, to }, rows)).await.unwrap();
    path
}

/// Three days of rows in ranges of 40, of two partitions.
pub async fn fill(archive: &Archive) -> Vec<Row> {
    let rows: Vec<_> = (0..240).map(|i| row(i, MONDAY + (i as i64 / 80) * DAY + i as i64 * 1000)).collect();
    for (i, part) in rows.chunks(40).enumerate() {
        put(archive, i as u32 % 2, part).await;
    }
    rows
}

/// Every Event that a reader finds, and the hash of all rows. Files that go meanwhile are looked for again.
pub async fn read_all(archive: &Archive) -> (BTreeMap<String, Value>, RangeHash) {
    let catalogue = archive.catalogue().await.unwrap();
    let (mut events, mut sum, mut rows) = (BTreeMap::new(), RangeHash::default(), 0);
    let ranges = catalogue.ranges.iter().map(|file| file.path.clone());
    for path in catalogue.days.keys().cloned().chain(ranges) {
        for batch in archive.open(&path).await.unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            sum = sum.and(beidou_store::archive::hash(&batch).unwrap());
            for state in states(&batch).unwrap() {
                rows += 1;
                events.insert(state.uid.to_string(), rebuild(&state).unwrap());
            }
        }
    }
    assert_eq!(rows, events.len(), "no row is found twice");
    (events, sum)
}

/// The Events that must be found.
pub fn events(rows: &[Row]) -> BTreeMap<String, Value> {
    let uid = |row: &Row| row.event["metadata"]["uid"].as_str().unwrap().to_owned();
    rows.iter().map(|row| (uid(row), row.event.clone())).collect()
}

/// Their hash.
pub fn hash_of(rows: &[Row]) -> RangeHash {
    beidou_store::archive::hash(&batch(rows)).unwrap()
}

/// The moment behind the last row.
pub fn end(rows: &[Row]) -> Micros {
    Micros(rows.iter().map(|row| row.time).max().unwrap() + 2_000_000)
}
