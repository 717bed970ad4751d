//! Fuzzes `beidou_fuzz::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beidou_fuzz::frame(data));
