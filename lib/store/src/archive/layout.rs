//! How rows become Parquet: the schema, and what is compressed how.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef, extension::Uuid};
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};

use super::{ArchiveError, columns::collection};

/// Of every value there is nearly one of its own: a dictionary would be a second copy.
const DISTINCT: [&str; 5] = ["event_uid", "message", "meta_name", "residual", "value"];
/// Numbers that grow from row to row, or nearly: their differences are small.
const GROWING: [&str; 9] = [
    "resource_version",
    "seq",
    "time",
    "observed",
    "creation_time",
    "first_time",
    "last_time",
    "event_time",
    "log_offset",
];
/// With it the demo's states take 55 bytes each in range files and 45 in day files; other levels were not compared.
const ZSTD_LEVEL: i32 = 3;

/// The archive's schema for rows of this one: the same columns, with UUIDs marked as such.
pub(super) fn schema(rows: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::FixedSizeBinary(16) => field.as_ref().clone().with_extension_type(Uuid),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(rows.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The same rows under the archive's schema.
pub(super) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArchiveError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let column = |field: &Arc<Field>| batch.column_by_name(field.name()).cloned();
    let columns: Option<Vec<_>> = schema.fields().iter().map(column).collect();
    let columns = columns.ok_or_else(|| ParquetError::General("rows of two schemas in one file".into()))?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// The properties of every file.
pub(super) fn properties(schema: &Schema) -> WriterProperties {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("the level is one that ZSTD has");
    let column = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        // Row groups are small: what a reader skips is skipped by their statistics.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_sorting_columns(Some(order(schema)));
    for name in DISTINCT {
        properties = properties.set_column_dictionary_enabled(column(name), false);
    }
    for name in GROWING {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    properties.build()
}

fn order(schema: &Schema) -> Vec<SortingColumn> {
    let place = |name: &&str| schema.index_of(name).ok();
    let column = |index: usize| SortingColumn { column_idx: index as i32, descending: false, nulls_first: false };
    collection(schema).row_order().iter().filter_map(place).map(column).collect()
}
