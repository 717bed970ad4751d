//! Answers in JSON are compressed for who takes them so: over a network they are the time of a page, and ten times as large.
//!
//! Streams are not: each of their messages is to arrive when it is said. Files of the console are compressed already.

use axum::http::{Extensions, HeaderMap, StatusCode, Version, header::CONTENT_TYPE};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, Predicate, predicate::SizeAbove},
};

/// What fits into one packet gains nothing.
const SMALL: u64 = 1_400;

/// Compresses as fast as it goes: it costs a millisecond where an answer has 300 KB.
pub(crate) fn compress() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(SMALL).and(is_json))
}

fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
