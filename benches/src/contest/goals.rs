//! What annals is held to, beside what came of it. What is lost stands here as plainly as what is
//! won.

use super::results::{Answer, Kind, Results, Row};
use crate::peers::Keeps;

/// How many times as good annals is to be as any that keeps history as well.
const AGAINST_HISTORY: f64 = 3.0;
/// How many times as long a read of annals may take as that of the fastest that keeps no history.
const AGAINST_OTHERS: f64 = 1.1;

/// One goal, and whether it was met.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// What was asked.
    pub(super) question: String,
    /// Against whom.
    pub(super) against: String,
    /// How many times as bad as annals they are.
    pub(super) ratio: f64,
    /// The least that the ratio should be.
    pub(super) least: f64,
}

impl Verdict {
    pub(super) fn is_met(&self) -> bool {
        self.ratio >= self.least
    }
}

/// The verdicts on all rows.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let of_row = |row: &Row| {
        let worst = |of: &dyn Fn(Keeps) -> bool, least: f64| {
            let answered = results.systems.iter().zip(&row.answers).skip(1);
            let ratios = answered.filter_map(|(system, answer)| match answer {
                Answer::Is { ratio, .. } if of(system.keeps) && ratio.is_finite() => {
                    Some((system, *ratio))
                }
                _ => None,
            });
            let (system, ratio) = ratios.min_by(|one, other| one.1.total_cmp(&other.1))?;
            let (question, against) = (row.title.clone(), system.name.clone());
            Some(Verdict { question, against, ratio, least })
        };
        let history = worst(&|keeps| keeps == Keeps::History, AGAINST_HISTORY);
        let others = match row.kind {
            Kind::Read => worst(&|keeps| keeps != Keeps::History, 1.0 / AGAINST_OTHERS),
            Kind::Other => None,
        };
        history.into_iter().chain(others)
    };
    results.rows.iter().flat_map(of_row).collect()
}
