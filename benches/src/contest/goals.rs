//! What annals is held to, beside what came of it. What is lost stands here as plainly as what is
//! won.

use super::results::{Answer, Kind, Results, Row, System};
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
    /// How annals was used.
    pub(super) ours: String,
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

fn is_ours(system: &System) -> bool {
    system.name.starts_with("annals")
}

fn ratio_of(answer: &Answer) -> Option<f64> {
    match answer {
        Answer::Is { ratio, .. } if ratio.is_finite() => Some(*ratio),
        _ => None,
    }
}

/// The verdicts on all rows: on each way that annals is used, against the best of the others.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let of_row = |row: &Row| {
        let answered = || results.systems.iter().zip(&row.answers);
        let mut verdicts = Vec::new();
        for (ours, our_ratio) in answered().filter(|(system, _)| is_ours(system)) {
            let Some(our_ratio) = ratio_of(our_ratio) else { continue };
            let mut against = |of: &dyn Fn(Keeps) -> bool, least: f64| {
                let others = answered().filter(|(system, _)| !is_ours(system) && of(system.keeps));
                let ratios =
                    others.filter_map(|(system, answer)| Some((system, ratio_of(answer)?)));
                let best = ratios.min_by(|one, other| one.1.total_cmp(&other.1));
                verdicts.extend(best.map(|(system, ratio)| Verdict {
                    question: row.title.clone(),
                    ours: ours.name.clone(),
                    against: system.name.clone(),
                    ratio: ratio / our_ratio,
                    least,
                }));
            };
            against(&|keeps| keeps == Keeps::History, AGAINST_HISTORY);
            if row.kind == Kind::Read {
                against(&|keeps| keeps != Keeps::History, 1.0 / AGAINST_OTHERS);
            }
        }
        verdicts
    };
    results.rows.iter().flat_map(of_row).collect()
}
