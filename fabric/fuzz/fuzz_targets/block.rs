#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fabric_fuzz::block::run(input));
