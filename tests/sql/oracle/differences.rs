//! The list of known differences: paragraphs of a reason, in lines that begin with `#`, and the
//! steps that it is the reason for, as `case.id: 0 2 5`.

use std::collections::BTreeSet;
use std::path::Path;

/// A step of a case, counted from 0.
pub(crate) type Step = (String, usize);

pub(crate) struct Differences {
    steps: BTreeSet<Step>,
}

impl Differences {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the differences are there");
        let mut steps = BTreeSet::new();
        let mut reason = false;
        for line in text.lines().map(str::trim) {
            if line.is_empty() {
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else {
                assert!(reason, "`{line}` has no reason above it");
                let (id, numbers) = line.split_once(':').expect("a line is `case.id: steps`");
                for number in numbers.split_whitespace() {
                    let number = number.parse().expect("a step is a number");
                    let new = steps.insert((id.to_owned(), number));
                    assert!(new, "step {number} of {id} is listed twice");
                }
            }
        }
        Self { steps }
    }

    pub(crate) fn contains(&self, step: &Step) -> bool {
        self.steps.contains(step)
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }
}
