//! Fuzzes `beidou_fuzz::import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beidou_fuzz::import(data));
