//! The rules that no compiler checks: what may depend on what, and what must not be anywhere.
//!
//! Each rule is a function from text to complaints, so that it is tried on a broken sample as well
//! as on the repository: a rule that cannot fail guards nothing. A complaint names the place and
//! what to do about it.

mod floors;
mod layout;
mod links;
mod repository;
mod rust;
mod threads;
mod words;

/// Fails with every complaint at once, for they are quicker to mend together.
#[track_caller]
fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n"));
}

/// Shows that a rule has a complaint about the sample, and only the expected ones.
#[track_caller]
fn assert_complains(complaints: &[String], expected: &[&str]) {
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for (complaint, part) in complaints.iter().zip(expected) {
        assert!(complaint.contains(part), "`{part}` is not in: {complaint}");
    }
}
