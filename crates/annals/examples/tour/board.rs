//! Step 4: readers beside a writer. A board of departures shows one day and is turned over and
//! over; whoever looks at it must see one whole day, never half a one, none, or an older one than
//! before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use annals::{Reader, SaveMode, Store, VersionId};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};

use crate::listing::shown;
use crate::nyc;
use crate::page::Page;
use crate::{Result, text};

const READERS: usize = 3;

/// A month and a day.
type Day = (i64, i64);

pub(crate) fn run(page: &mut Page, store: &Store, days_max: usize) -> Result {
    page.step("Read while others write")?;
    let days = days(store, days_max)?;
    page.say(&format!(
        "A board shows the departures of one day. A writer overwrites it {} times, a day each \
         time, while {READERS} threads read it without a pause. Every row that they read is \
         checked: it must be of the same day, and the day complete.",
        text::count(days.len())
    ))?;

    let turn = shown!(page, |day: &RecordBatch| {
        store.write(day).mode(SaveMode::Overwrite).save_as_table("board")
    });
    let look = shown!(page, |reader: &mut Reader| reader.latest().table("board")?.read());

    let expected: BTreeMap<Day, usize> =
        days.iter().map(|(day, flights)| (*day, flights.num_rows())).collect();
    let first = days.first().ok_or("there are no flights")?;
    turn(&first.1)?;
    let pinned = store.snapshot();
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (written, seen) = thread::scope(|scope| {
        let watch = || {
            let (mut reader, mut seen) = (store.reader(), Seen::default());
            // ORDERING: only says when to stop; what is read is ordered by the store itself.
            while !over.load(Ordering::Relaxed) || seen.reads == 0 {
                let rows = look(&mut reader);
                seen.note(reader_version(&mut reader), rows.as_deref().ok(), &expected);
            }
            seen
        };
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(watch)).collect();
        let written = days.iter().try_for_each(|(_, flights)| turn(flights).map(drop));
        over.store(true, Ordering::Relaxed);
        let seen: Result<Vec<Seen>, _> = readers.into_iter().map(|reader| reader.join()).collect();
        (written, seen)
    });
    let took = begun.elapsed();
    written?;
    let seen = seen.map_err(|_| "a reading thread panicked")?;
    Ok(())
}
