//! The fuzzers' targets without a fuzzer: what fuzzers kept, and random bytes, `ANNALS_ROUNDS` times
//! as many as by default.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use annals_tests::fuzzing::TARGETS;
use annals_tests::{Chance, workspace_root};

/// Runs a target, and says what it was given if it fails.
fn attempt(name: &str, target: fn(&[u8]), bytes: &[u8], origin: &str) {
    let done = catch_unwind(AssertUnwindSafe(|| target(bytes)));
    if let Err(panic) = done {
        println!("{name} failed by {origin}: {bytes:?}");
        resume_unwind(panic);
    }
}

#[test]
fn what_fuzzers_found_stays_mended() {
    for (name, target) in TARGETS {
        let directory = workspace_root().join("tests/fuzz/corpus").join(name);
        let files = fs::read_dir(&directory).expect("each target has a corpus");
        let mut count = 0;
        for file in files {
            let path = file.expect("the directory can be read").path();
            let bytes = fs::read(&path).expect("the file can be read");
            attempt(name, target, &bytes, &path.display().to_string());
            count += 1;
        }
        assert!(count >= 10, "{name} has only {count} inputs");
    }
}

#[test]
fn random_bytes_break_no_target() {
    let mut chance = Chance::new();
    let times = std::env::var("ANNALS_ROUNDS").map_or(1, |of| of.parse().expect("a number"));
    for (name, target) in TARGETS {
        let (rounds, most) = if name == "stories" { (20, 1_200) } else { (3_000, 80) };
        for _ in 0..rounds * times {
            let count = chance.below(most);
            let mut bytes: Vec<u8> = (0..count).map(|_| chance.below(256) as u8).collect();
            if name == "names" {
                // Few of the bytes mean something to a name.
                let alphabet = b"ab`.. A\n\xc3\x84annals";
                bytes.iter_mut().for_each(|b| *b = alphabet[usize::from(*b) % alphabet.len()]);
            }
            attempt(name, target, &bytes, "random bytes");
        }
    }
}
