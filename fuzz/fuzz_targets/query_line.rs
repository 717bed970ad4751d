//! Fuzzes `beidou_fuzz::query_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beidou_fuzz::query_line(data));
