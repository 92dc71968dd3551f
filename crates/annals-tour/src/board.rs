//! Step 4: readers beside a writer. A board of departures shows one day and is turned over and
//! over; whoever looks at it must see one whole day, never half a one or none, and never an older
//! version than before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use annals::{ReadError, Reader, SaveMode, Saved, Store, VersionId, WriteError};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::listing::shown;
use crate::nyc::{self, Day, expect, rows_in};
use crate::page::{Page, right};
use crate::{Result, text};

const READERS: usize = 3;

/// Long enough to see, on a machine where turning the board takes long.
const TIME_MAX: Duration = Duration::from_secs(1);

/// What a board shows of a flight.
const COLUMNS: [&str; 7] =
    ["month", "day", "sched_dep_time", "carrier", "flight", "origin", "dest"];

pub(crate) fn run(page: &mut Page, store: &Store, turns_max: usize) -> Result {
    page.step("Read while others write")?;
    let days = nyc::days(store, &COLUMNS)?;
    page.say(&format!(
        "A board shows the departures of one day. It is overwritten with the next day over and \
         over again, for a second at most, while {READERS} threads read it without a pause."
    ))?;
    let turn = shown!(page, |day: &RecordBatch| {
        store.write(day).mode(SaveMode::Overwrite).save_as_table("board")
    });
    let look = shown!(page, |reader: &mut Reader| {
        let now = reader.latest();
        Ok((now.version(), now.table("board")?.read()?))
    });

    let ((_, first), begun) = (days.first_key_value().ok_or("no flights")?, Instant::now());
    turn(first)?;
    let pinned = store.snapshot();
    let turns = days.values().cycle().take(turns_max);
    let turns = turns.take_while(|_| begun.elapsed() < TIME_MAX);
    let (turns, seen) = race(turns, turn, &store.reader(), look, &days)?;
    let took = begun.elapsed();

    page.say("What the readers saw, with every row checked:")?;
    let counted = ["reads", "rows", "versions seen", "missing", "empty", "torn", "back in time"];
    page.table(&counted.map(right), seen.iter().map(Seen::row))?;
    for seen in &seen {
        let wrong = seen.missing + seen.empty + seen.torn + seen.back_in_time;
        expect("reads that were not of one whole day", wrong, 0)?;
    }
    let still = rows_in(&pinned.table("board")?.read()?);
    expect("departures on the first board", still, first.num_rows() as u64)?;
    page.say(&format!(
        "{} overwrites and {} reads in {}; each read showed one whole day, and never an older \
         version. A snapshot from before still shows the first day.",
        text::count(turns),
        text::count(seen.iter().map(|seen| seen.reads).sum::<u64>()),
        text::duration(took)
    ))?;
    Ok(())
}

/// Turns the board for each of `turns` while others look at it: how often that was, and what each
/// of them saw.
fn race<'a>(
    turns: impl Iterator<Item = &'a RecordBatch>,
    turn: impl Fn(&RecordBatch) -> Result<Saved, WriteError>,
    reader: &Reader,
    look: impl Fn(&mut Reader) -> Result<Look, ReadError> + Sync,
    days: &BTreeMap<Day, RecordBatch>,
) -> Result<(u64, Vec<Seen>)> {
    let over = AtomicBool::new(false);
    let watch = || {
        let (mut reader, mut seen) = (reader.clone(), Seen::default());
        // ORDERING: this only says when to stop; what is read is ordered by the store.
        while !over.load(Ordering::Relaxed) || seen.reads == 0 {
            seen.note(look(&mut reader), days);
        }
        seen
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(watch)).collect();
        let turned = turns.map(turn).try_fold(0, |turned: u64, result| {
            result?;
            // Where there are fewer cores than threads, readers are to have their turn as well.
            if turned.is_multiple_of(10) {
                thread::yield_now();
            }
            Ok::<_, WriteError>(turned + 1)
        });
        // ORDERING: as above.
        over.store(true, Ordering::Relaxed);
        let seen = readers.into_iter().map(ScopedJoinHandle::join);
        let seen: Vec<Seen> = seen.collect::<Result<_, _>>().map_err(|_| "a reader panicked")?;
        Ok((turned?, seen))
    })
}

/// What a look at the board showed: the version, and the rows.
type Look = (VersionId, Vec<RecordBatch>);

/// What one reader saw.
#[derive(Default)]
struct Seen {
    reads: u64,
    rows: u64,
    versions: BTreeSet<VersionId>,
    missing: u64,
    empty: u64,
    torn: u64,
    back_in_time: u64,
}

impl Seen {
    fn note(&mut self, look: Result<Look, ReadError>, days: &BTreeMap<Day, RecordBatch>) {
        self.reads += 1;
        let Ok((version, batches)) = look else {
            self.missing += 1;
            return;
        };
        let rows = rows_in(&batches);
        let is_whole = |day| days.get(day).is_some_and(|all| all.num_rows() as u64 == rows);
        match days_of(&batches).as_slice() {
            [] => self.empty += 1,
            [day] if is_whole(day) => {}
            _ => self.torn += 1,
        }
        self.rows += rows;
        self.back_in_time += u64::from(self.versions.last().is_some_and(|last| *last > version));
        self.versions.insert(version);
    }

    fn row(&self) -> [String; 7] {
        let versions = self.versions.len() as u64;
        let wrong = [self.missing, self.empty, self.torn, self.back_in_time];
        let [missing, empty, torn, back] = wrong.map(text::count);
        let [reads, rows, versions] = [self.reads, self.rows, versions].map(text::count);
        [reads, rows, versions, missing, empty, torn, back]
    }
}

/// The different days that the rows are of; one if all is well.
fn days_of(batches: &[RecordBatch]) -> Vec<Day> {
    let mut days = Vec::new();
    for batch in batches {
        let months = batch.column(0).as_primitive::<Int64Type>().values();
        let numbers = batch.column(1).as_primitive::<Int64Type>().values();
        for day in months.iter().copied().zip(numbers.iter().copied()) {
            if !days.contains(&day) {
                days.push(day);
            }
        }
    }
    days
}
