//! Step 1: five tables from several threads at once, in all four modes, readable the moment that
//! each save returns.

use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use annals::{SaveMode, SaveOutcome, Saved, Source, Store};
use arrow_array::{Int64Array, RecordBatch};
use arrow_ord::cmp;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::listing::shown;
use crate::nyc::{self, expect};
use crate::page::{Page, left, right};
use crate::{Result, refusal, text};

pub(crate) fn run(page: &mut Page) -> Result<Store> {
    page.step("Save five tables, from eight threads")?;
    page.say(
        "A store is a value in memory. It has no server, no file, and no lock that a reader takes.",
    )?;
    let store = shown!(page, Store::in_memory());

    page.say(
        "Four threads stream one Parquet file each. Four more append the flights, each the months \
         of a quarter, to one table that none of them creates first. What a save wrote can be \
         read, by everyone, when the save returns; each thread does so at once and counts.",
    )?;
    let save = shown!(page, |rows: Source<'_>, mode: SaveMode, table: &str| {
        let saved = store.write(rows).mode(mode).save_as_table(table)?;
        let rows_now = store.table(table)?.row_count();
        Ok((saved, rows_now))
    });
    let begun = Instant::now();
    let saves = all_at_once(save)?;
    let took = begun.elapsed();

    for (table, rows) in nyc::TABLES {
        expect(&format!("rows of {table}"), store.table(table)?.row_count(), rows)?;
        let read = nyc::rows_in(&store.table(table)?.read()?);
        expect(&format!("rows read of {table}"), read, rows)?;
    }
    page.table(
        &[
            left("table"),
            left("mode"),
            right("rows saved"),
            right("counted at once"),
            left("version"),
            left("thread"),
        ],
        saves.iter().map(Save::row),
    )?;
    let rows: u64 = nyc::TABLES.iter().map(|(_, rows)| rows).sum();
    page.say(&format!(
        "{} rows read from Parquet, saved, and counted in {}.",
        text::count(rows),
        text::duration(took)
    ))?;

    modes(page, &store)?;
    Ok(store)
}

/// What each mode does with a table that is there.
fn modes(page: &mut Page, store: &Store) -> Result {
    let airlines = store.table("airlines")?.read()?;
    let airlines = airlines.as_slice();
    let before = store.version();

    page.say(
        "The default mode refuses to touch a table that exists. Mode ignore just leaves it alone.",
    )?;
    let refused = shown!(page, store.write(airlines).save_as_table("airlines"));
    page.refused(&refusal(refused)?.to_string())?;
    let ignored =
        shown!(page, store.write(airlines).mode(SaveMode::Ignore).save_as_table("airlines")?);
    expect("the outcome of mode ignore", ignored.outcome(), SaveOutcome::Skipped)?;
    expect("the version after a refusal", store.version(), before)?;
    page.result(&format!("skipped; the newest version is still {before}"))?;

    page.say("Mode overwrite replaces it, in one step for every reader.")?;
    let replaced =
        shown!(page, store.write(airlines).mode(SaveMode::Overwrite).save_as_table("airlines")?);
    expect("the outcome of mode overwrite", replaced.outcome(), SaveOutcome::Overwritten)?;
    page.result(&format!("{} rows in {}", replaced.rows(), store.version()))?;

    page.say("This state gets a name, which also keeps it for ever.")?;
    let loaded = shown!(page, store.tag("loaded", store.version())?);
    page.result(&format!("`loaded` is {loaded}"))?;
    Ok(())
}

/// One save, and what its thread saw right after it.
struct Save {
    table: &'static str,
    mode: SaveMode,
    saved: Saved,
    rows_now: u64,
    thread: String,
}

impl Save {
    fn row(&self) -> [String; 6] {
        [
            self.table.to_owned(),
            self.mode.to_string(),
            text::count(self.saved.rows()),
            text::count(self.rows_now),
            self.saved.version().map(|version| version.to_string()).unwrap_or_default(),
            self.thread.clone(),
        ]
    }
}

fn all_at_once(
    save: impl Fn(Source<'_>, SaveMode, &str) -> Result<(Saved, u64)> + Sync,
) -> Result<Vec<Save>> {
    let progress = progress();
    // One save in the thread that calls this, with its result checked.
    let save = |rows: Source<'_>, mode: SaveMode, table: &'static str| -> Result<Save> {
        let (saved, rows_now) = save(rows, mode, table)?;
        progress.inc(saved.rows());
        if rows_now < saved.rows() {
            return Err(
                format!("{table}: {} rows were saved, {rows_now} seen", saved.rows()).into()
            );
        }
        let thread = thread::current().name().unwrap_or_default().to_owned();
        Ok(Save { table, mode, saved, rows_now, thread })
    };
    let saves = thread::scope(|scope| {
        let save = &save;
        let mut threads: Vec<ScopedJoinHandle<'_, Result<Vec<Save>>>> = Vec::new();
        for (table, mode) in [
            ("airlines", SaveMode::ErrorIfExists),
            ("airports", SaveMode::Ignore),
            ("planes", SaveMode::Overwrite),
            ("weather", SaveMode::Append),
        ] {
            let work = move || Ok(vec![save(Source::reader(nyc::open(table)?), mode, table)?]);
            threads.push(thread::Builder::new().name(table.to_owned()).spawn_scoped(scope, work)?);
        }
        let flights = nyc::open("flights")?.collect::<Result<Vec<_>, _>>()?;
        for quarter in 1..=4 {
            let flights = flights.clone(); // references to the same rows
            let append = move |month| {
                let rows = of_month(&flights, month)?;
                save(rows.into(), SaveMode::Append, "flights")
            };
            let work = move || (quarter * 3 - 2..=quarter * 3).map(append).collect();
            let name = format!("quarter-{quarter}");
            threads.push(thread::Builder::new().name(name).spawn_scoped(scope, work)?);
        }
        let mut saves = Vec::new();
        for thread in threads {
            saves.extend(thread.join().map_err(|_| "a loading thread panicked")??);
        }
        Ok::<_, crate::Error>(saves)
    });
    progress.finish_and_clear();
    let mut saves = saves?;
    saves.sort_by_key(|save| save.saved.version());
    Ok(saves)
}

/// The flights of one month, as one batch.
fn of_month(flights: &[RecordBatch], month: i64) -> Result<RecordBatch> {
    let mut found = Vec::new();
    for batch in flights {
        let months = batch.column_by_name("month").ok_or("flights has no column `month`")?;
        let matches = cmp::eq(months, &Int64Array::new_scalar(month))?;
        found.push(filter_record_batch(batch, &matches)?);
    }
    let schema = flights.first().ok_or("flights has no rows")?.schema();
    Ok(concat_batches(&schema, &found)?)
}

/// One bar for all threads, counting rows; on a terminal only.
fn progress() -> ProgressBar {
    let rows = nyc::TABLES.iter().map(|(_, rows)| rows).sum();
    let to = match console::user_attended() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("  saving {bar:40} {human_pos} of {human_len} rows");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(rows), to).with_style(style.progress_chars("━╸─"))
}
