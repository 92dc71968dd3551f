//! Step 4: readers beside a writer. A board of departures shows one day and is turned over and
//! over; whoever looks at it must see one whole day, never half a one or none, and never an older
//! version than before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use annals::{ReadError, Reader, SaveMode, Store, VersionId, WriteError, col};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_select::concat::concat_batches;

use crate::listing::shown;
use crate::nyc::{expect, rows_in};
use crate::page::{Page, right};
use crate::{Result, text};

const READERS: usize = 3;

/// A month and a day of it.
type Day = (i64, i64);

pub(crate) fn run(page: &mut Page, store: &Store, turns: usize) -> Result {
    page.step("Read while others write")?;
    let days = days(store)?;
    page.say(&format!(
        "A board shows the departures of one day. It is overwritten with the next day, {} times, \
         while {READERS} threads read it without a pause.",
        text::count(turns as u64)
    ))?;
    let turn = shown!(page, |day: &RecordBatch| {
        store.write(day).mode(SaveMode::Overwrite).save_as_table("board")
    });
    let look = shown!(page, |reader: &mut Reader| {
        let now = reader.latest();
        Ok((now.version(), now.table("board")?.read()?))
    });

    let rows_of: BTreeMap<Day, u64> =
        days.iter().map(|(day, flights)| (*day, flights.num_rows() as u64)).collect();
    let (first, _) = days.first_key_value().ok_or("there are no flights")?;
    turn(&days[first])?;
    let pinned = store.snapshot();

    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (written, seen) = thread::scope(|scope| {
        let watch = || {
            let (mut reader, mut seen) = (store.reader(), Seen::default());
            // ORDERING: this only says when to stop; what is read is ordered by the store.
            while !over.load(Ordering::Relaxed) || seen.reads == 0 {
                seen.note(look(&mut reader), &rows_of);
            }
            seen
        };
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(watch)).collect();
        let written = days.values().cycle().take(turns).try_for_each(|flights| {
            turn(flights)?;
            // There may be fewer cores than threads, and whoever looks is to have a turn as well.
            thread::yield_now();
            Ok::<_, WriteError>(())
        });
        // ORDERING: as above.
        over.store(true, Ordering::Relaxed);
        let seen: Result<Vec<Seen>, _> = readers.into_iter().map(|reader| reader.join()).collect();
        (written, seen)
    });
    let took = begun.elapsed();
    written?;
    let seen = seen.map_err(|_| "a reading thread panicked")?;

    page.say(
        "Every row was checked: all of one day, all of that day, and never an older version.",
    )?;
    page.table(
        &[
            right("reads"),
            right("rows"),
            right("versions seen"),
            right("missing"),
            right("empty"),
            right("torn"),
            right("back in time"),
        ],
        seen.iter().map(Seen::row),
    )?;
    let reads: u64 = seen.iter().map(|seen| seen.reads).sum();
    page.say(&format!(
        "{} overwrites and {} reads in {}. A snapshot taken before the first of them still shows \
         its day.",
        text::count(turns as u64),
        text::count(reads),
        text::duration(took)
    ))?;
    for seen in &seen {
        let wrong = seen.missing + seen.empty + seen.torn + seen.back_in_time;
        expect("reads that were not of one whole day", &wrong, &0)?;
    }
    let still = rows_in(&pinned.table("board")?.read()?);
    expect("departures on the pinned board", &still, &rows_of[first])?;
    Ok(())
}

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
    fn note(
        &mut self,
        look: Result<(VersionId, Vec<RecordBatch>), ReadError>,
        rows_of: &BTreeMap<Day, u64>,
    ) {
        self.reads += 1;
        let Ok((version, batches)) = look else {
            self.missing += 1;
            return;
        };
        let rows = rows_in(&batches);
        self.rows += rows;
        self.back_in_time += u64::from(self.versions.last().is_some_and(|last| *last > version));
        self.versions.insert(version);
        match days_of(&batches).as_slice() {
            [] => self.empty += 1,
            [day] if rows_of.get(day) == Some(&rows) => {}
            _ => self.torn += 1,
        }
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

/// The departures of each day of the year.
fn days(store: &Store) -> Result<BTreeMap<Day, RecordBatch>> {
    let flights = store.table("flights")?;
    let columns = ["month", "day", "sched_dep_time", "carrier", "flight", "origin", "dest"];
    let mut days = BTreeMap::new();
    for (month, day) in (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))) {
        let of_day = col("month").eq(month).and(col("day").eq(day));
        let batches = flights.scan().columns(columns).filter(of_day).collect()?;
        if let [first, ..] = batches.as_slice() {
            days.insert((month, day), concat_batches(&first.schema(), &batches)?);
        }
    }
    Ok(days)
}
