//! Where the tour writes: numbered steps, sentences, code, results and tables.
//!
//! All that is known of the terminal is known here: its width, and whether it takes colours. What
//! is written into a file or a pipe has neither colours nor anything that moves.

use std::fmt::Display;
use std::io::{self, StdoutLock, Write};
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, TableComponent};
use console::{Style, Term, measure_text_width};

use crate::text;

const WIDTH_MIN: usize = 60;
const WIDTH_MAX: usize = 100;

/// Between the columns of a table.
const COLUMN_GAP: usize = 2;

/// What stands above a column of a table, and how the column is set.
pub(crate) struct Heading {
    text: String,
    is_right: bool,
    folds: bool,
}

/// Above a column of text, which goes on below where it is too wide.
pub(crate) fn left(text: &str) -> Heading {
    Heading { text: text.to_owned(), is_right: false, folds: true }
}

/// Above a column of words, each in one line.
pub(crate) fn word(text: &str) -> Heading {
    Heading { text: text.to_owned(), is_right: false, folds: false }
}

/// Above a column of numbers.
pub(crate) fn right(text: &str) -> Heading {
    Heading { text: text.to_owned(), is_right: true, folds: false }
}

/// The standard output, as a page to write on.
pub(crate) struct Page {
    out: StdoutLock<'static>,
    width: usize,
    step: usize,
    begun: Instant,
    /// How long the code took that was shown last, for its result to tell.
    took: Option<Duration>,
}

impl Page {
    pub(crate) fn new() -> Self {
        let width = Term::stdout().size_checked().map_or(WIDTH_MAX, |(_, columns)| columns.into());
        Self {
            out: io::stdout().lock(),
            width: width.clamp(WIDTH_MIN, WIDTH_MAX),
            step: 0,
            begun: Instant::now(),
            took: None,
        }
    }

    /// Whether the page is as wide as any.
    pub(crate) fn is_wide(&self) -> bool {
        self.width == WIDTH_MAX
    }

    /// How long ago the page was begun.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The first line of all.
    pub(crate) fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", Style::new().bold().apply_to(title))
    }

    /// Begins the next step.
    pub(crate) fn step(&mut self, title: &str) -> io::Result<()> {
        self.step += 1;
        self.heading(&format!("{}. {title}", self.step))
    }

    /// Begins a part that is no step.
    pub(crate) fn heading(&mut self, title: &str) -> io::Result<()> {
        let heading = format!("{title} ");
        let rule = "─".repeat(self.width.saturating_sub(measure_text_width(&heading)));
        let (bold, dim) = (Style::new().bold(), Style::new().dim());
        writeln!(self.out, "\n{}{}", bold.apply_to(heading), dim.apply_to(rule))
    }

    /// Sentences.
    pub(crate) fn say(&mut self, sentences: &str) -> io::Result<()> {
        self.took = None;
        writeln!(self.out)?;
        for line in folded(sentences, self.width - 2) {
            writeln!(self.out, "  {line}")?;
        }
        Ok(())
    }

    /// Lines of code, as they are.
    pub(crate) fn code(&mut self, code: &str) -> io::Result<()> {
        let (bar, style) = (Style::new().dim().apply_to("│"), Style::new().cyan());
        writeln!(self.out)?;
        for line in code.lines().flat_map(|line| folded_code(line, self.width - 4)) {
            writeln!(self.out, "  {bar} {}", style.apply_to(line))?;
        }
        Ok(())
    }

    /// Notes how long the code took that was shown last.
    pub(crate) fn took(&mut self, took: Duration) {
        self.took = Some(took);
    }

    /// What came of the code that was shown last.
    pub(crate) fn result(&mut self, result: &str) -> io::Result<()> {
        self.outcome(&Style::new().green().apply_to("→"), result)
    }

    /// What came of code that was meant to be refused.
    pub(crate) fn refused(&mut self, error: &str) -> io::Result<()> {
        self.outcome(&Style::new().yellow().apply_to("✗"), error)
    }

    fn outcome(&mut self, mark: &dyn Display, text: &str) -> io::Result<()> {
        let took = self.took.take().map(|took| format!("  {}", text::duration(took)));
        let took = took.unwrap_or_default();
        let lines = folded(text, self.width - 4 - measure_text_width(&took));
        for (index, line) in lines.iter().enumerate() {
            let mark = if index == 0 { mark } else { &" " as &dyn Display };
            let took = if index + 1 == lines.len() { &took } else { "" };
            writeln!(self.out, "  {mark} {line}{}", Style::new().dim().apply_to(took))?;
        }
        Ok(())
    }

    /// Rows and columns.
    pub(crate) fn table<R: IntoIterator<Item = String>>(
        &mut self,
        headings: &[Heading],
        rows: impl IntoIterator<Item = R>,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, ' ');
        table.set_style(TableComponent::VerticalLines, ' ');
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width - 2).unwrap_or(u16::MAX));
        table.set_header(headings.iter().map(|heading| &heading.text));
        for row in rows {
            table.add_row(row.into_iter());
        }
        for (heading, column) in headings.iter().zip(table.column_iter_mut()) {
            column.set_padding((0, 1));
            if !heading.folds {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            if heading.is_right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(self.out)?;
        let mut in_header = true;
        for line in table.lines() {
            let line = line.trim_end();
            let style = match (in_header, line.starts_with('─')) {
                (true, true) => Style::new().dim(),
                (true, false) => Style::new().bold(),
                (false, _) => Style::new(),
            };
            in_header &= !line.starts_with('─');
            writeln!(self.out, "  {}", style.apply_to(line))?;
        }
        Ok(())
    }

    /// How many of the columns, from the left, there is room for without going on below.
    pub(crate) fn columns_that_fit(&self, headings: &[Heading], rows: &[Vec<String>]) -> usize {
        let widths = headings.iter().enumerate().map(|(column, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
            let widths = cells.chain([heading.text.as_str()]).map(measure_text_width);
            widths.max().unwrap_or_default() + COLUMN_GAP
        });
        let ends = widths.scan(0, |end, width| {
            *end += width;
            Some(*end)
        });
        ends.take_while(|end| *end <= self.width - 2).count().max(1)
    }

    /// Lines that are neither folded nor explained, such as commands to type.
    pub(crate) fn verbatim(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        text.lines().try_for_each(|line| writeln!(self.out, "{}", format!("  {line}").trim_end()))
    }

    /// Ends the page.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        self.out.flush()
    }
}

/// A text cut between words into lines of at most so many columns.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        let needed = measure_text_width(line) + 1 + measure_text_width(word);
        if line.is_empty() {
            line.push_str(word);
        } else if needed <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A line of code, cut before a method call or at a space where it is too wide for the page.
fn folded_code(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len() + 4;
    let (mut lines, mut rest) = (Vec::new(), line.to_owned());
    while measure_text_width(&rest) > width {
        let fits: usize = rest.chars().take(width).map(char::len_utf8).sum();
        let cut = [").", " "].iter().find_map(|between| {
            let at = rest[..fits].rfind(between)? + 1;
            (at > indent).then_some(at)
        });
        let Some(cut) = cut else { break };
        let tail = format!("{:indent$}{}", "", rest[cut..].trim_start());
        rest.truncate(cut);
        lines.push(rest.trim_end().to_owned());
        rest = tail;
    }
    lines.push(rest);
    lines
}
