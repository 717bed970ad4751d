//! Records for the tests of the file log.

use beidou_schemas::Record;

/// A record with this value.
pub fn text(value: impl Into<String>) -> Record {
    Record { value: value.into().into(), ..Record::default() }
}

/// Text that does not compress to nothing.
pub fn noise(seed: u64, words: u64) -> Record {
    let word = |n: u64| {
        format!(
            "{:016x}",
            (seed * 1_000 + n + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(31)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        )
    };
    text((0..words).map(word).collect::<String>())
}
