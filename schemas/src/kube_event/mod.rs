//! A core/v1 Event between its JSON and its columns.
//!
//! ```text
//!  JSON ──decode──► typed columns + shape + residual ──rebuild──► the same JSON value
//! ```
//!
//! No raw copy is stored. Each known field has a column and two bits in the *shape*: absent, null, in its column, or in
//! the residual. What no column can hold (unknown fields, a text where a number belongs, a time with nine digits) goes
//! into the residual, a JSON object of the Event's own structure, which is empty for nearly every Event. The rebuilt
//! value equals the decoded one, order of keys aside.

mod decode;
mod field;
mod hash;
mod json;
mod pattern;
mod rebuild;

pub use decode::{DecodeError, EventState, FUTURE_TOLERANCE, PAST_TOLERANCE, TimeFlags, column_uuid, decode};
pub use field::{Field, Presence, Shape};
pub use hash::{HashedRow, ROW_HASH_SQL, RangeHash, RowHasher};
pub use pattern::{pattern, pattern_into};
pub use rebuild::{RebuildError, Stored, rebuild};
