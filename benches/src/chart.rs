//! Charts as SVG text: bars and lines on a logarithmic scale.
//!
//! Enough for figures that lie orders of magnitude apart, and nothing else.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 150.0;
const BAR: f64 = 22.0;
const TOP: f64 = 44.0;
/// The first stands out; it is for the system that the others are compared with.
const COLORS: [&str; 10] = [
    "#c2410c", "#1d4ed8", "#0e7490", "#15803d", "#7e22ce", "#a16207", "#475569", "#be185d",
    "#0f766e", "#111827",
];

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// How long it is; none if there is nothing to show.
    pub figure: Option<f64>,
    /// What stands beside it.
    pub text: String,
}

/// One line: what it is of, and its height at each place.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is of.
    pub label: String,
    /// Its heights; none where there is nothing to show.
    pub figures: Vec<Option<f64>>,
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Where figures lie between the powers of ten around them all.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn around(figures: impl Iterator<Item = f64>) -> Self {
        let figures: Vec<f64> = figures.filter(|figure| *figure > 0.0).collect();
        let low = figures.iter().copied().fold(f64::INFINITY, f64::min).log10().floor();
        let high = figures.iter().copied().fold(0.0, f64::max).log10().ceil();
        match low.is_finite() && high.is_finite() {
            true => Self { low, high: high.max(low + 1.0) },
            false => Self { low: 0.0, high: 1.0 },
        }
    }

    /// From 0 to 1.
    fn place(&self, figure: f64) -> f64 {
        ((figure.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low))
            .clamp(0.0, 1.0)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    text(&mut svg, (12.0, 20.0), "start", "#111827", title);
    svg
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, color: &str, text: &str) {
    let (x, y) = at;
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{}</text>",
        escape(text)
    )
    .expect("a string takes everything");
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), color: &str) {
    writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{color}\"/>",
        from.0, from.1, to.0, to.1
    )
    .expect("a string takes everything");
}

/// Bars from left to right, one below the other, the first in a colour of its own. `show` writes a
/// figure of the scale.
pub fn bars(title: &str, bars: &[Bar], show: impl Fn(f64) -> String) -> String {
    let height = TOP + BAR * bars.len() as f64 + 24.0;
    let width = WIDTH - LEFT - RIGHT;
    let scale = Scale::around(bars.iter().filter_map(|bar| bar.figure));
    let mut svg = begin(title, height);
    for power in scale.powers() {
        let x = LEFT + width * scale.place(power);
        line(&mut svg, (x, TOP - 6.0), (x, height - 22.0), "#e5e7eb");
        text(&mut svg, (x, height - 8.0), "middle", "#6b7280", &show(power));
    }
    for (at, bar) in bars.iter().enumerate() {
        let y = TOP + BAR * at as f64;
        text(&mut svg, (LEFT - 8.0, y + 14.0), "end", "#111827", &bar.label);
        // The smallest is to be seen too.
        let length = bar.figure.map_or(0.0, |figure| (width * scale.place(figure)).max(3.0));
        let color = COLORS[usize::from(at > 0)];
        writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{color}\"/>",
            y + 2.0,
            BAR - 5.0
        )
        .expect("a string takes everything");
        let color = if bar.figure.is_some() { "#111827" } else { "#9ca3af" };
        text(&mut svg, (LEFT + length + 6.0, y + 14.0), "start", color, &bar.text);
    }
    svg + "</svg>\n"
}

/// Lines over `places`, with a legend. `show` writes a figure of the scale.
pub fn lines(
    title: &str,
    places: &[String],
    lines: &[Line],
    show: impl Fn(f64) -> String,
) -> String {
    let (height, left, bottom) = (340.0, 80.0, 40.0);
    let (width, tall) = (WIDTH - left - LEFT, height - TOP - bottom);
    let scale = Scale::around(lines.iter().flat_map(|line| line.figures.iter().copied().flatten()));
    let mut svg = begin(title, height);
    let x_of = |at: usize| left + width * at as f64 / (places.len().max(2) - 1) as f64;
    let y_of = |figure: f64| TOP + tall * (1.0 - scale.place(figure));
    for power in scale.powers() {
        line(&mut svg, (left, y_of(power)), (left + width, y_of(power)), "#e5e7eb");
        text(&mut svg, (left - 8.0, y_of(power) + 4.0), "end", "#6b7280", &show(power));
    }
    for (at, place) in places.iter().enumerate() {
        text(&mut svg, (x_of(at), height - 18.0), "middle", "#6b7280", place);
    }
    for (at, of) in lines.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        let stroke = if at == 0 { 3.0 } else { 1.5 };
        let points: Vec<(f64, f64)> = of
            .figures
            .iter()
            .enumerate()
            .filter_map(|(at, figure)| figure.map(|figure| (x_of(at), y_of(figure))))
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{stroke}\"/>",
            path.join(" ")
        )
        .expect("a string takes everything");
        let y = TOP + 8.0 + 20.0 * at as f64;
        let x = left + width + 24.0;
        line(&mut svg, (x, y), (x + 16.0, y), color);
        text(&mut svg, (x + 22.0, y + 4.0), "start", color, &of.label);
    }
    svg + "</svg>\n"
}
