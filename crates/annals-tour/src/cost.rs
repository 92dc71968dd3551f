//! Step 12: what the past costs, who holds it, and what would come back.

use annals::{Expiry, Pin, Retention, Store, VersionId, VersionMemory};

use crate::hunt::Found;
use crate::listing::shown;
use crate::nyc::expect;
use crate::page::{Page, left, right, word};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store, found: &Found) -> Result {
    page.step("See what the past costs")?;
    memory(page, store, found.bad)?;

    page.say("The wrong version is evidence. A pin keeps it, and notes who holds it, and why.")?;
    let bad = found.bad;
    let evidence = shown!(page, store.pin_at(bad, "evidence for the report of 2013")?);
    let pins = shown!(page, store.pins());
    page.table(
        &[word("version"), right("holders"), left("label"), word("line")],
        pins.iter().map(pin),
    )?;
    let held: Option<VersionId> = pins.first().map(|pin| pin.version);
    expect("the version that is pinned", held, Some(bad))?;

    page.say("What if only the newest version were kept? A dry run tells, and expires nothing.")?;
    let policy = shown!(page, Retention { versions_max: 1, ..store.retention() });
    let with_pin = shown!(page, store.expire_dry_run(&policy));
    page.result(&format!(
        "{} would expire",
        text::many(with_pin.versions.len() as u64, "version")
    ))?;
    expect("the versions that expire and are held", with_pin.held.as_slice(), &[bad][..])?;

    page.say("And once more after the pin is dropped:")?;
    shown!(page, drop(evidence));
    let without = shown!(page, store.expire_dry_run(&policy));
    let returned = with_pin.bytes_returned + with_pin.bytes_held_by_pins;
    expect("the bytes that return without the pin", without.bytes_returned, returned)?;
    page.table(
        &[
            word("after a dry run"),
            right("would return"),
            right("held by pins"),
            right("held by tags"),
        ],
        [("with the pin", &with_pin), ("without", &without)].map(outlook),
    )?;
    let retained = store.versions().len() as u64;

    page.say("All of it, and what the store went through on this tour, as numbers to watch:")?;
    let metrics = shown!(page, store.metrics());
    page.verbatim(&metrics.to_string())?;
    expect("the versions that are still there", metrics.versions_retained, retained)?;
    expect("the commits", metrics.commits, store.version().0)?;
    expect("whether nobody holds the past any more", metrics.oldest_pin.is_none(), true)
}

/// What versions hold alone, and together.
fn memory(page: &mut Page, store: &Store, bad: VersionId) -> Result {
    page.say(
        "Versions share the chunks that they have in common. What a version has alone returns if \
         it goes.",
    )?;
    let memory = shown!(page, store.memory());
    page.result(&format!(
        "{} in {}; {} of it only in the past",
        text::bytes(memory.bytes),
        text::many(memory.versions.len() as u64, "version"),
        text::bytes(memory.historical_bytes()),
    ))?;
    let all: u64 = memory.versions.iter().map(|version| version.bytes).sum();
    // The two that have most to themselves, and those that were spoken of.
    let mut dearest: Vec<_> = memory.versions.iter().collect();
    dearest.sort_by_key(|version| std::cmp::Reverse(version.exclusive));
    dearest.truncate(2);
    let spoken_of = |version: &VersionMemory| {
        !version.tags.is_empty() || [bad, store.version()].contains(&version.version)
    };
    let mut shown: Vec<_> = memory.versions.iter().filter(|version| spoken_of(version)).collect();
    shown.extend(dearest);
    shown.sort_by_key(|version| version.version);
    shown.dedup_by_key(|version| version.version);
    page.say(&format!(
        "Copied in full for each version, that would be {}. The two that have most to themselves, \
         the tagged one, the wrong one, and the newest:",
        text::bytes(all)
    ))?;
    page.table(
        &[word("version"), word("tags"), right("alone"), right("shared"), right("in all")],
        shown.into_iter().map(|version| {
            let bytes = [version.exclusive, version.shared(), version.bytes].map(text::bytes);
            let [alone, shared, all] = bytes;
            [version.version.to_string(), version.tags.join(", "), alone, shared, all]
        }),
    )?;
    Ok(())
}

fn pin(pin: &Pin) -> [String; 4] {
    let label = pin.labels.first();
    let line = label.map(|label| {
        let file = label.location.file.rsplit(['/', '\\']).next().unwrap_or_default();
        format!("{file}:{}", label.location.line)
    });
    [
        pin.version.to_string(),
        text::count(pin.holders as u64),
        label.map(|label| label.label.to_string()).unwrap_or_default(),
        line.unwrap_or_default(),
    ]
}

fn outlook((when, expiry): (&str, &Expiry)) -> [String; 4] {
    let bytes = [expiry.bytes_returned, expiry.bytes_held_by_pins, expiry.bytes_held_by_tags];
    let [returned, pins, tags] = bytes.map(text::bytes);
    [when.to_owned(), returned, pins, tags]
}
