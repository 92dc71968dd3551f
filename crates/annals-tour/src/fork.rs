//! Step 8: what if? A fork is a whole store that began as this one.

use annals::{SaveMode, Store, col};

use crate::listing::shown;
use crate::nyc::{self, expect, no_rows};
use crate::page::Page;
use crate::{Result, text, undo};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Try something in a fork")?;
    page.say(
        "What if every flight of less than 250 miles had been a train? A fork copies nothing.",
    )?;
    let before = store.snapshot();
    let fork = shown!(page, store.fork());
    page.result(&format!("a store of its own, at {}", fork.version()))?;
    let flights = fork.table("flights")?;
    let trains = shown!(
        page,
        fork.write(no_rows(&flights))
            .mode(SaveMode::Overwrite)
            .replace_where(col("distance").lt(250))
            .message("take the train")
            .save_as_table("flights")?
    );
    expect("the outcome in the fork", trains.outcome(), annals::SaveOutcome::ReplacedWhere)?;
    page.result(&format!(
        "{} flights in the fork, {} in the store that it came from",
        text::count(fork.table("flights")?.row_count()),
        text::count(store.table("flights")?.row_count()),
    ))?;
    let diff = shown!(page, store.snapshot().diff(&fork.snapshot()));
    undo::show(page, &diff)?;
    expect("the version of the origin", store.version(), before.version())?;
    expect("the flights of the origin", store.table("flights")?.row_count(), nyc::FLIGHTS)?;
    Ok(())
}
