//! Columns under construction, and the table of them that becomes a batch.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{
        BinaryBuilder, FixedSizeBinaryBuilder, Int8Builder, Int32Builder, StringBuilder, TimestampMicrosecondBuilder,
        UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
    },
};
use arrow_schema::ArrowError;
use beidou_schemas::Micros;
use uuid::Uuid;

/// A column under construction.
pub trait Column {
    /// What it takes.
    type Value<'a>;
    /// Empty, with room for so many rows.
    fn with_room(rows: usize) -> Self;
    /// Adds a row.
    fn put(&mut self, value: Self::Value<'_>);
    /// The finished array.
    fn finish(&mut self) -> ArrayRef;
}

macro_rules! plain {
    ($($name:ident: $builder:ty, $value:ty, |$b:ident, $v:ident| $put:expr, $make:expr;)*) => {
        $(
            /// A column of this kind.
            pub struct $name($builder);
            impl Column for $name {
                type Value<'a> = $value;
                fn with_room(rows: usize) -> Self {
                    let make: fn(usize) -> $builder = $make;
                    Self(make(rows))
                }
                fn put(&mut self, $v: Self::Value<'_>) {
                    let $b = &mut self.0;
                    $put;
                }
                fn finish(&mut self) -> ArrayRef {
                    Arc::new(self.0.finish())
                }
            }
        )*
    };
}

/// Bytes of a usual text: room for them is made at once.
const USUAL_TEXT: usize = 24;

plain! {
    Bytes: BinaryBuilder, &'a [u8], |b, v| b.append_value(v), |rows| BinaryBuilder::with_capacity(rows, 0);
    Enum: Int8Builder, u8, |b, v| b.append_value(v as i8), Int8Builder::with_capacity;
    Int32: Int32Builder, i32, |b, v| b.append_value(v), Int32Builder::with_capacity;
    Text: StringBuilder, &'a str, |b, v| b.append_value(v),
        |rows| StringBuilder::with_capacity(rows, rows * USUAL_TEXT);
    UInt8: UInt8Builder, u8, |b, v| b.append_value(v), UInt8Builder::with_capacity;
    UInt16: UInt16Builder, u16, |b, v| b.append_value(v), UInt16Builder::with_capacity;
    UInt32: UInt32Builder, u32, |b, v| b.append_value(v), UInt32Builder::with_capacity;
    UInt64: UInt64Builder, u64, |b, v| b.append_value(v), UInt64Builder::with_capacity;
}

/// A DateTime64(6, 'UTC') column. A time that it cannot hold is stored as 0: the residual has its text.
pub struct Time(TimestampMicrosecondBuilder);

impl Column for Time {
    type Value<'a> = Micros;
    fn with_room(rows: usize) -> Self {
        Self(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
    }
    fn put(&mut self, value: Micros) {
        self.0.append_value(if value.in_column() { value.0 } else { 0 });
    }
    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// A UUID column: 16 bytes in the order of the text.
pub struct Uid(FixedSizeBinaryBuilder);

impl Column for Uid {
    type Value<'a> = Uuid;
    fn with_room(rows: usize) -> Self {
        Self(FixedSizeBinaryBuilder::with_capacity(rows, 16))
    }
    fn put(&mut self, value: Uuid) {
        self.0.append_value(value.as_bytes()).expect("a UUID has the 16 bytes that the builder was made for");
    }
    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Names and finished arrays into a batch.
pub fn batch(columns: Vec<(&'static str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    // A column may be named like a word of Rust.
    RecordBatch::try_from_iter(columns.into_iter().map(|(name, array)| (name.trim_start_matches("r#"), array)))
}

/// Declares the rows of a table: one field per column, named and ordered as in the DDL.
macro_rules! rows {
    ($(#[$doc:meta])* $name:ident { $($column:ident: $kind:ident,)* }) => {
        $(#[$doc])*
        pub struct $name { $(pub $column: $crate::encode::column::$kind,)* }
        impl $name {
            /// No rows, with room for so many.
            pub fn with_room(rows: usize) -> Self {
                use $crate::encode::column::Column;
                Self { $($column: $crate::encode::column::$kind::with_room(rows),)* }
            }
            /// The rows as a batch.
            pub fn finish(mut self) -> Result<arrow_array::RecordBatch, arrow_schema::ArrowError> {
                use $crate::encode::column::Column;
                $crate::encode::column::batch(vec![$((stringify!($column), self.$column.finish()),)*])
            }
        }
    };
}
pub(crate) use rows;
