//! Fuzzes `beidou_fuzz::event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| beidou_fuzz::event(data));
