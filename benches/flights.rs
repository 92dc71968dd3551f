//! What do queries over a year of real flights cost, against `DataFusion` over tables in memory with
//! the same batches?

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use annals::{ChunkSize, Retention, SaveMode, Store};
use annals_benches::sql::Sides;
use annals_benches::{Bench, Bound};
use arrow_array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The rows of a table, as they come from its file.
fn read(table: &str) -> Vec<RecordBatch> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/nycflights13");
    let file = File::open(data.join(format!("{table}.parquet"))).expect("the flights are there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
    let reader = reader.with_batch_size(8_192).build().expect("its columns can be read");
    reader.collect::<Result<_, _>>().expect("it is whole")
}

fn main() -> ExitCode {
    let mut bench = Bench::asks("what do queries over a year of flights cost?");
    // A few days a chunk: rows come in the order of time.
    let size = ChunkSize { rows_min: 4_096, rows_max: 8_192, ..ChunkSize::default() };
    let store = Store::builder().chunk_size(size).retention(Retention::UNBOUNDED).build();
    let sides = Sides::over(store, 2);
    for table in ["airlines", "airports", "flights", "planes", "weather"] {
        sides.table(table, &read(table));
    }
    // To plan these takes longer than to read all of the flights; `sql_scans` asks the same of more.
    let planned = Bound::AtMost(1.1);
    let equal = Bound::AtMost(1.15);
    for (sql, bound) in [
        ("SELECT count(*) FROM flights", planned),
        (
            "SELECT min(time_hour), max(time_hour), max(distance), count(tailnum) FROM flights",
            planned,
        ),
        ("SELECT count(*), sum(arr_delay) FROM flights WHERE month = 7 AND day = 4", planned),
        (
            "SELECT carrier, max(dep_delay) FROM flights WHERE time_hour >= TIMESTAMP \
             '2013-12-24 12:00:00Z' AND time_hour < TIMESTAMP '2013-12-24 18:00:00Z' \
             GROUP BY carrier ORDER BY carrier",
            planned,
        ),
        (
            "SELECT name, count(*), sum(arr_delay) FROM flights \
             JOIN airlines ON flights.carrier = airlines.carrier GROUP BY name ORDER BY name",
            equal,
        ),
        (
            "SELECT manufacturer, count(*) AS flights, sum(distance) AS miles FROM flights \
             JOIN planes ON flights.tailnum = planes.tailnum JOIN airports ON dest = faa \
             WHERE air_time > 60 GROUP BY manufacturer ORDER BY flights DESC, manufacturer LIMIT 5",
            equal,
        ),
        (
            "SELECT count(*), max(wind_speed) FROM flights JOIN weather \
             ON flights.origin = weather.origin AND flights.time_hour = weather.time_hour \
             WHERE dep_delay > 60",
            equal,
        ),
    ] {
        assert_eq!(shown(&sides.ours(sql)), shown(&sides.theirs(sql)), "{sql}");
        bench.compare(
            &format!("{sql}, against MemTable"),
            bound,
            101,
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(sql)))),
            |times| (0..times).for_each(|_| drop(black_box(sides.theirs(sql)))),
        );
    }
    travel(&mut bench, &sides);
    bench.finish()
}

fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let text = pretty_format_batches(batches).expect("these types can be shown").to_string();
    // What columns are called differs, and how wide that makes them.
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().skip(3).filter(|line| !line.starts_with('+')).map(cells).collect()
}

/// The flights as they were before many commits that put the same rows in their place, against the
/// newest.
fn travel(bench: &mut Bench, sides: &Sides) {
    let commits = bench.size(100, 3);
    let flights = read("flights");
    for _ in 0..commits {
        let writer = sides.store.write(flights.clone()).mode(SaveMode::Overwrite);
        writer.save_as_table("flights").expect("it fits");
    }
    let newest = "SELECT carrier, count(*), sum(distance) FROM flights WHERE origin = 'JFK' \
                  GROUP BY carrier ORDER BY carrier";
    for old in [0, commits / 2] {
        let older = newest.replace("FROM flights", &format!("FROM flights VERSION AS OF {old}"));
        assert_eq!(shown(&sides.ours(&older)), shown(&sides.ours(newest)), "{older}");
        bench.compare(
            &format!("state {old} of {commits} against the newest"),
            Bound::AtMost(1.05),
            501,
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(&older)))),
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(newest)))),
        );
    }
}
