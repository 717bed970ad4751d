//! Fuzzes `beidou_fuzz::cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beidou_fuzz::cursor(data));
