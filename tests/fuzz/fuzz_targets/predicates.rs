//! Fuzzes `annals_tests::fuzzing::predicates::run`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_tests::fuzzing::predicates::run(bytes));
