//! Fuzzes `annals_tests::fuzzing::names::run`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_tests::fuzzing::names::run(bytes));
