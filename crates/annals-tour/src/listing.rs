//! Shows the code that runs: lines of this very source, never a copy that could grow stale.
//!
//! [`shown!`] takes an expression, prints the statement that it stands in, runs it, and has the
//! page remember how long that took.

/// Shows the statement that this stands in, without the macro itself, then runs it.
macro_rules! shown {
    ($page:expr, $code:expr $(,)?) => {{
        let source = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../", file!()));
        $page.code(&$crate::listing::statement(source, line!()))?;
        let started = std::time::Instant::now();
        let value = $code;
        $page.took(started.elapsed());
        value
    }};
}

pub(crate) use shown;

const MACRO: &str = "shown!(";

/// The statement around the macro that is called in `line`, as if the macro were not there.
pub(crate) fn statement(source: &str, line: u32) -> String {
    let (before, text) = from_line(source, line);
    let called = text.find(MACRO).expect("the macro is called in this line");
    let arguments = &text[called + MACRO.len()..];
    let end = closing(arguments);
    // The first argument is the page.
    let (_, code) = arguments[..end].split_once(',').unwrap_or(("", &arguments[..end]));
    let code = code.trim_start();
    let start = end - code.len() + called + MACRO.len();
    let indent = indent_of(text[..start].lines().next_back().unwrap_or(text));
    let code = code.trim_end().trim_end_matches(',');
    let rest = arguments[end + 1..].lines().next().unwrap_or_default();
    // What is assigned may begin in a line of its own.
    let assigned = before.lines().next_back().map(str::trim).filter(|line| line.ends_with('='));
    let assigned = assigned.map(|start| format!("{start} ")).unwrap_or_default();
    let statement = format!("{assigned}{}{code}{rest}", text[..called].trim_start());
    let unindented = statement.lines().map(|line| &line[indent.min(indent_of(line))..]);
    unindented.collect::<Vec<_>>().join("\n")
}

/// A source in two: what stands before a line, which is counted from 1, and the rest.
fn from_line(source: &str, line: u32) -> (&str, &str) {
    let lines = source.split_inclusive('\n').take(line.saturating_sub(1) as usize);
    source.split_at(lines.map(str::len).sum())
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where the bracket that was opened before `code` is closed.
fn closing(code: &str) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (at, char) in code.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}
