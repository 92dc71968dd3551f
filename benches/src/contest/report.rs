//! Results as text, as a page of Markdown with charts, and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use super::goals::verdicts;
use super::results::{Answer, Results, Row, System, Unit};
use crate::chart::{Bar, Line, bars, lines};
use crate::nanoseconds;

/// How the charts of readers are called: what is measured, and its name in the rows.
const BY_READERS: [(&str, &str); 4] = [
    ("", "Tables of 1,000 rows read in a second, by the number of readers beside a writer"),
    ("_p50", "Half of the reads take at most, by the number of readers beside a writer"),
    ("_p99", "99 % of the reads take at most, by the number of readers beside a writer"),
    ("_p99.9", "99.9 % of the reads take at most, by the number of readers beside a writer"),
];

fn show(unit: Unit, figure: f64) -> String {
    match unit {
        Unit::Nanoseconds if figure >= 1e10 => format!("{:.1} s", figure / 1e9),
        Unit::Nanoseconds => nanoseconds(figure),
        Unit::PerSecond => format!("{}/s", grouped(figure)),
        Unit::Bytes => format!("{} B", grouped(figure)),
    }
}

fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn show_ratio(ratio: f64) -> String {
    match ratio.abs() {
        ..10.0 => format!("{ratio:.2}×"),
        ..100.0 => format!("{ratio:.1}×"),
        _ => format!("{}×", grouped(ratio)),
    }
}

fn answer_text(unit: Unit, answer: &Answer, is_ours: bool) -> String {
    match answer {
        Answer::No(reason) => format!("n/a: {reason}"),
        Answer::Is { figure, ratio, note } => {
            let mut text = show(unit, *figure);
            // How much worse than something nothing is, no number says.
            if !is_ours && *figure != 0.0 {
                write!(text, " ({})", show_ratio(*ratio)).expect("a string takes everything");
            }
            if let Some(note) = note {
                write!(text, ", {note}").expect("a string takes everything");
            }
            text
        }
    }
}

/// A question and its answers, a line each.
pub fn lines_of(row: &Row, systems: &[System]) -> String {
    let answers = systems.iter().zip(&row.answers).enumerate().map(|(at, (system, answer))| {
        format!("    {:<22} {}", system.name, answer_text(row.unit, answer, at == 0))
    });
    let answers: Vec<String> = answers.collect();
    format!("  {}\n{}", row.title, answers.join("\n"))
}

/// A table of all questions, one column a system.
fn figures_table(results: &Results) -> String {
    let mut page = "| question |".to_owned();
    for system in &results.systems {
        write!(page, " {} |", system.name).expect("a string takes everything");
    }
    page += "\n|---|";
    page += &"---|".repeat(results.systems.len());
    page += "\n| *keeps* |";
    for system in &results.systems {
        write!(page, " *{}* |", system.keeps.words()).expect("a string takes everything");
    }
    page.push('\n');
    for row in &results.rows {
        write!(page, "| {} |", row.title).expect("a string takes everything");
        for (at, answer) in row.answers.iter().enumerate() {
            write!(page, " {} |", answer_text(row.unit, answer, at == 0))
                .expect("a string takes everything");
        }
        page.push('\n');
    }
    page
}

fn anomalies_table(results: &Results) -> String {
    let mut page = "| system | reads checked | torn | split | empty | missing | stale | changes | \
                    lost | failed calls |\n|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (system, found) in results.systems.iter().zip(&results.anomalies) {
        let counts = [
            found.reads,
            found.torn,
            found.split,
            found.empty,
            found.missing,
            found.stale,
            found.changes,
            found.lost,
            found.failed,
        ];
        let counts = counts.map(|count| match grouped(count as f64) {
            none if count == 0 => none,
            some => format!("**{some}**"),
        });
        let mut counts = counts;
        // These two are not anomalies.
        counts[0] = grouped(found.reads as f64);
        counts[6] = grouped(found.changes as f64);
        writeln!(page, "| {} | {} |", system.name, counts.join(" | "))
            .expect("a string takes everything");
    }
    page
}

/// Of each question, against whom the goal was closest, and whether it was met.
fn goals_table(results: &Results) -> String {
    let verdicts = verdicts(results);
    let missed = verdicts.iter().filter(|verdict| !verdict.is_met()).count();
    let mut page = format!(
        "{} of {} goals met, {missed} missed.\n\n| question | of | against | better by | goal | |\n\
         |---|---|---|---|---|---|\n",
        verdicts.len() - missed,
        verdicts.len()
    );
    for verdict in &verdicts {
        let met = if verdict.is_met() { "met" } else { "**missed**" };
        let (ratio, least) = (show_ratio(verdict.ratio), show_ratio(verdict.least));
        writeln!(
            page,
            "| {} | {} | {} | {ratio} | {least} | {met} |",
            verdict.question, verdict.ours, verdict.against
        )
        .expect("a string takes everything");
    }
    page
}

/// The charts of a contest: the name of a file, and what is in it.
fn charts(results: &Results, prefix: &str) -> Vec<(String, String, String)> {
    let mut charts = Vec::new();
    let is_of_readers = |row: &Row| row.id.starts_with("readers_");
    for row in results.rows.iter().filter(|row| !is_of_readers(row)) {
        let answers = results.systems.iter().zip(&row.answers).enumerate();
        let all: Vec<Bar> = answers
            .map(|(at, (system, answer))| Bar {
                label: system.name.clone(),
                figure: match answer {
                    Answer::Is { figure, .. } => Some(*figure),
                    Answer::No(_) => None,
                },
                text: answer_text(row.unit, answer, at == 0),
            })
            .collect();
        let svg = bars(&row.title, &all, |figure| show(row.unit, figure));
        charts.push((format!("{prefix}{}.svg", row.id), row.title.clone(), svg));
    }
    for (end, title) in BY_READERS {
        let number = |row: &Row| {
            let number = row.id.strip_prefix("readers_")?.strip_suffix(end)?;
            number.parse::<usize>().ok()
        };
        let mut rows: Vec<(usize, &Row)> =
            results.rows.iter().filter_map(|row| Some((number(row)?, row))).collect();
        rows.sort_by_key(|(readers, _)| *readers);
        let Some((_, first)) = rows.first() else { continue };
        let unit = first.unit;
        let places: Vec<String> = rows.iter().map(|(readers, _)| readers.to_string()).collect();
        let all: Vec<Line> = results
            .systems
            .iter()
            .enumerate()
            .map(|(at, system)| Line {
                label: system.name.clone(),
                figures: rows
                    .iter()
                    .map(|(_, row)| match &row.answers[at] {
                        Answer::Is { figure, .. } => Some(*figure),
                        Answer::No(_) => None,
                    })
                    .collect(),
            })
            .collect();
        let svg = lines(title, &places, &all, |figure| show(unit, figure));
        charts.push((
            format!("{prefix}readers{}.svg", end.replace('.', "_")),
            title.to_owned(),
            svg,
        ));
    }
    charts
}

/// Writes results below `directory`: `<name>.json`, `<name>.md`, and the charts beside them.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(results: &Results, name: &str, title: &str, directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let json = serde_json::to_string_pretty(results)?;
    std::fs::write(directory.join(format!("{name}.json")), json)?;
    let mut page = format!(
        "# {title}\n\nWritten by the benchmark itself; [benchmarks](../benchmarks.md) says how. In \
         brackets: how many times as bad as annals, from rounds that took turns.\n\n"
    );
    for remark in &results.remarks {
        page += &format!("* {remark}\n");
    }
    page += &format!("\n## Figures\n\n{}", figures_table(results));
    page += &format!("\n## What should not have been seen\n\n{}", anomalies_table(results));
    page += &format!("\n## Goals\n\n{}", goals_table(results));
    page += "\n## Charts\n\nAll scales are logarithmic.\n";
    for (file, title, svg) in charts(results, &format!("{name}_")) {
        std::fs::write(directory.join(&file), svg)?;
        page += &format!("\n![{title}]({file})\n");
    }
    std::fs::write(directory.join(format!("{name}.md")), page)?;
    Ok(())
}

/// What was counted and which goals were met, as text for a terminal.
pub fn summary(results: &Results) -> String {
    format!("{}\n{}", anomalies_table(results), goals_table(results))
}
