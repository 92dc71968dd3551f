//! Step 10: something is wrong. Which commit did it, whose was it, and what did it do?

use annals::bisect::Probe;
use annals::{ReadError, Snapshot, Store, Verdict, VersionId, col};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::listing::shown;
use crate::nights::{self, CARRIER, MONTHS, Nights};
use crate::nyc::expect;
use crate::page::{Page, left, right, word};
use crate::{Result, text};

/// What was found.
pub(crate) struct Found {
    /// The commit that is to blame.
    pub(crate) bad: VersionId,
    /// How many rows have other values because of it.
    pub(crate) damaged: u64,
    /// The id of one of these.
    pub(crate) row: u64,
}

pub(crate) fn run(page: &mut Page, store: &Store, nights: &Nights) -> Result<Found> {
    page.step("Find the commit that broke it")?;
    page.say(
        "The year is over, and somebody reads the report: by how many minutes were flights late on \
         average, month by month? JetBlue (B6) looks as ever. But ExpressJet (EV), on time for months?",
    )?;
    by_month(page, &store.snapshot(), &["B6", CARRIER])?;
    expect("the mean delay of January", mean_delay(&store.snapshot(), CARRIER, 1)?, Some(0.0))?;

    let bad = bisect(page, store, nights)?;
    expect("the version that was found", bad, nights.bad)?;
    record(page, store, bad)?;
    let (damaged, row) = damage(page, store, nights, bad)?;
    blame(page, store, bad)?;
    Ok(Found { bad, damaged, row })
}

fn bisect(page: &mut Page, store: &Store, nights: &Nights) -> Result<VersionId> {
    let first_night = nights.first;
    page.say(&format!(
        "It was right in the first night, {first_night}, and is wrong now, {}. Any version in \
         between can be asked, so bisect halves the distance until two neighbours are left.",
        store.version(),
    ))?;
    let found = shown!(
        page,
        store.bisect(first_night, store.version(), |then| {
            let mean = mean_delay(then, "EV", 1)?;
            Ok::<_, ReadError>(mean.is_some_and(|minutes| minutes > 1.0))
        })?
    );
    let bad = found.first_bad().ok_or("no version is wrong")?.version();
    let versions = store.version().0 - first_night.0 + 1;
    page.result(&format!(
        "{bad} is the first that is wrong, of {} versions, by {} looks",
        text::count(versions),
        found.probes().len(),
    ))?;
    let most = usize::try_from(versions.next_power_of_two().ilog2())? + 2;
    expect("whether few looks were enough", found.probes().len() <= most, true)?;
    expect("whether it is certain", found.is_certain(), true)?;
    let headings = [right("look"), word("version"), word("verdict"), right("suspects left")];
    page.table(&headings, narrowing(found.probes()))?;
    Ok(bad)
}

/// What each probe said, and how many versions could still be the first bad one.
fn narrowing(probes: &[Probe]) -> Vec<[String; 4]> {
    let (mut good, mut bad) = (None, None);
    let rows = probes.iter().enumerate().map(|(at, probe)| {
        match probe.verdict {
            Verdict::Good => good = Some(probe.version.0),
            Verdict::Bad => bad = Some(probe.version.0),
            Verdict::Skip => {}
        }
        let left = good.zip(bad).map(|(good, bad)| text::count(bad - good));
        let verdict = format!("{:?}", probe.verdict).to_lowercase();
        [(at + 1).to_string(), probe.version.to_string(), verdict, left.unwrap_or_default()]
    });
    rows.collect()
}

/// Who, when, why, and the very line.
fn record(page: &mut Page, store: &Store, bad: VersionId) -> Result {
    page.say("The annals know who made it, when, why, and where in the code.")?;
    let commit = shown!(page, store.history().iter().find(|commit| commit.version == bad).cloned());
    let commit = commit.ok_or("the commit is not on record")?;
    let operation = commit.operations.first().ok_or("the commit did nothing")?;
    let at = &operation.location;
    let file = at.file.rsplit(['/', '\\']).next().unwrap_or_default();
    expect("the file that the commit was asked for in", file, "nights.rs")?;
    let facts = [
        ("who", commit.info.user.as_deref().unwrap_or_default().to_owned()),
        ("when", text::time_of_day(commit.timestamp)),
        ("why", commit.info.message.as_deref().unwrap_or_default().to_owned()),
        ("what", operation.kind.to_string()),
        ("rows", text::count(operation.metrics.rows_updated)),
        ("where", format!("{file}, line {}", at.line)),
    ];
    page.table(
        &[word("on record"), left(&bad.to_string())],
        facts.map(|(what, value)| [what.to_owned(), text::printable(&value)]),
    )?;
    page.say(
        "That line, and the one before: a filter that is called `cancelled` and lets every flight \
         of the airline through.",
    )?;
    let lines = nights::SOURCE.lines().map(str::trim_start);
    let until = usize::try_from(at.line)?;
    let lines: Vec<&str> = lines.take(until).skip(until.saturating_sub(2)).collect();
    let has_bug = lines.last().is_some_and(|line| line.starts_with("tx.update("));
    expect("whether the line on record is the one that updates", has_bug, true)?;
    Ok(page.code(&lines.join("\n"))?)
}

/// What the commit did to the rows.
fn damage(page: &mut Page, store: &Store, nights: &Nights, bad: VersionId) -> Result<(u64, u64)> {
    page.say("What did it do? The rows of the version before, beside those of this one:")?;
    let last_good = VersionId(bad.0 - 1);
    let diff = shown!(page, store.at(last_good)?.row_diff(&store.at(bad)?, "ontime")?.compare()?);
    let counts = diff.counts();
    expect("rows that came or went", counts.inserted + counts.deleted, 0)?;
    page.result(&format!("{} updated; none came, none went", text::many(counts.updated, "row")))?;
    let first = diff.updated().next().ok_or("no row was updated")??;
    let named = ["month", "day", "carrier", "flight"];
    let headings = named.map(|name| if name == "carrier" { word(name) } else { right(name) });
    let headings = headings.into_iter().chain([right("dep_delay"), right("arr_delay")]);
    let rows = (0..first.before.rows.num_rows().min(5)).map(|row| {
        let cell = |rows: &RecordBatch, name: &str| {
            rows.column_by_name(name).map(|column| text::value(column, row)).unwrap_or_default()
        };
        let (before, after) = (&first.before.rows, &first.after.rows);
        let fixed = named.map(|name| cell(before, name)).into_iter();
        let changed = ["dep_delay", "arr_delay"];
        let changed = changed.map(|name| format!("{} → {}", cell(before, name), cell(after, name)));
        fixed.chain(changed).collect::<Vec<_>>()
    });
    page.table(&headings.collect::<Vec<_>>(), rows)?;
    page.say(&format!(
        "All {} that the commit wrote to are zero now; {} of them were before, and so do not differ.",
        text::count(nights.rows_written),
        text::count(nights.rows_written - counts.updated),
    ))?;
    let row = first.before.origins.first().ok_or("a row has no origin")?.row;
    Ok((counts.updated, row))
}

/// The other way round: from a row to the commits behind it.
fn blame(page: &mut Page, store: &Store, bad: VersionId) -> Result {
    page.say(
        "It works from the other end too. Whoever doubts some rows asks who gave them their values.",
    )?;
    let blame =
        shown!(page, store.blame("ontime", col("carrier").eq("EV").and(col("month").eq(1)))?);
    let commits = blame.commits();
    let [only] = commits.as_slice() else { return Err("more than one is to blame".into()) };
    let info = only.commit.as_ref().map(|commit| &commit.info);
    let user = info.and_then(|info| info.user.as_deref()).unwrap_or("?");
    page.result(&format!("all {} flights: {}, by {user}", text::count(only.rows), only.version))?;
    expect("the commit that is blamed", only.version, bad)
}

/// How late flights of an airline arrived in a month, in minutes; cancelled ones count as on time.
pub(crate) fn mean_delay(
    then: &Snapshot,
    carrier: &str,
    month: i64,
) -> Result<Option<f64>, ReadError> {
    let of_month = col("carrier").eq(carrier).and(col("month").eq(month));
    let (mut sum, mut count) = (0, 0);
    for batch in then.table("ontime")?.scan().columns(["arr_delay"]).filter(of_month).collect()? {
        let minutes = batch.column(0).as_primitive::<Int64Type>();
        sum += minutes.iter().flatten().sum::<i64>();
        count += minutes.iter().flatten().count();
    }
    Ok((count > 0).then(|| sum as f64 / count as f64))
}

/// The mean delays of airlines, in whole minutes, a column for each month.
pub(crate) fn by_month(page: &mut Page, then: &Snapshot, carriers: &[&str]) -> Result {
    let mut rows = Vec::new();
    for carrier in carriers {
        let mut row = vec![(*carrier).to_owned()];
        for month in 1..=12 {
            let mean = mean_delay(then, carrier, month)?;
            row.push(mean.map(|mean| (mean.round() as i64).to_string()).unwrap_or_default());
        }
        rows.push(row);
    }
    let headings = [word("")].into_iter().chain(MONTHS.map(right));
    Ok(page.table(&headings.collect::<Vec<_>>(), rows)?)
}
