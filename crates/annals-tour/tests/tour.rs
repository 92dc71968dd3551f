//! The tour comes to its end: what it claims it checks itself.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

use std::process::Command;

fn tour(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annals-tour"));
    command.args(arguments).env("ANNALS_EXAMPLE", "smoke").env("NO_COLOR", "1");
    let output = command.output().unwrap();
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), texts.concat())
}

#[test]
fn every_step_is_taken() {
    let (ended_well, text) = tour(&[]);
    assert!(ended_well, "{text}");
    let steps = if cfg!(feature = "sql") { 14 } else { 12 };
    for step in 1..=steps {
        assert!(text.contains(&format!("\n{step}. ")), "step {step} is missing in\n{text}");
    }
    assert!(text.contains("What it came to"));
    if cfg!(feature = "sql") {
        assert!(text.contains("|   EWR|"), "a frame is shown");
        assert!(text.contains("[TABLE_OR_VIEW_ALREADY_EXISTS]"), "an error is shown");
    }
}

#[test]
fn what_cannot_be_shown_is_refused_with_the_reason() {
    let (ended_well, text) = tour(&["nothing.csv"]);
    assert!(!ended_well);
    assert!(text.contains("nothing.csv"), "{text}");
    assert!(!tour(&["--frobnicate"]).0);
    assert!(tour(&["--help"]).1.contains("Usage: tour"));
}
