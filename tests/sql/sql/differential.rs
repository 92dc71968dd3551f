//! Queries by chance, over a table of many chunks and over a plain table of the same rows.
//!
//! The table is appended to, grows and widens columns, loses and changes rows, is compacted, and is
//! asked as it is and as it was; each query must give what `DataFusion` gives for its own `MemTable`,
//! which has no chunks, no statistics and no order that it knows of. What is deleted or updated is
//! computed there by a query that no code of the store takes part in.

use std::sync::Arc;

use annals::{ChunkSize, Compaction, SaveMode, Store};
use annals_sql::SqlSession;
use annals_sql_tests::run;
use annals_tests::Chance;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A column beside `id`: its values are of `domain`, which is in ascending order.
struct Column {
    name: &'static str,
    kind: DataType,
    domain: &'static [&'static str],
}

/// `wide` begins as `Int32`, and `late` is not there in the beginning.
fn columns() -> Vec<Column> {
    const WHOLE: &[&str] = &[
        "-9223372036854775808",
        "-1000",
        "-7",
        "-1",
        "0",
        "1",
        "2",
        "3",
        "5",
        "8",
        "13",
        "100",
        "2147483647",
        "9223372036854775807",
    ];
    const SMALL: &[&str] =
        &["-2147483648", "-3", "-1", "0", "1", "2", "4", "9", "300", "2147483647"];
    const REAL: &[&str] =
        &["-inf", "-1e300", "-2.5", "-0.5", "-0.0", "0.0", "0.5", "1", "2.5", "1e10", "inf", "NaN"];
    const MONEY: &[&str] =
        &["-99999.99", "-1.01", "-1.00", "0.00", "0.01", "1.00", "1.01", "12.50"];
    const TIME: &[&str] = &[
        "1901-02-03T04:05:06",
        "1969-12-31T23:59:59.999999",
        "1970-01-01T00:00:00",
        "2024-02-29T00:00:00",
        "2024-02-29T00:00:00.000001",
        "2024-02-29T12:00:00",
        "2262-01-01T00:00:00",
    ];
    const DAY: &[&str] = &["1900-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "2024-03-01"];
    const TEXT: &[&str] = &[
        "",
        " ",
        "%",
        "50%",
        "50%x",
        "A",
        "Ab",
        "_b",
        "a",
        "a_b",
        "ab",
        "abc",
        "abd",
        "b",
        "zz",
        "é",
        "日本",
        "\u{10FFFF}",
        "\u{10FFFF}x",
    ];
    let column = |name, kind, domain| Column { name, kind, domain };
    let micros =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let text = Box::new(DataType::Utf8);
    vec![
        column("i", DataType::Int64, WHOLE),
        column("wide", DataType::Int64, SMALL),
        column("f", DataType::Float64, REAL),
        column("g", DataType::Float32, REAL),
        column("d", DataType::Decimal128(12, 2), MONEY),
        column("ts", micros(None), TIME),
        column("tz", micros(Some("UTC")), TIME),
        column("day", DataType::Date32, DAY),
        column("s", DataType::Utf8, TEXT),
        column("k", DataType::Dictionary(Box::new(DataType::Int32), text), TEXT),
        column("b", DataType::Binary, TEXT),
        column("flag", DataType::Boolean, &["false", "true"]),
        column("late", DataType::Int64, WHOLE),
    ]
}

impl Column {
    fn is_text(&self) -> bool {
        matches!(self.kind, DataType::Utf8 | DataType::Dictionary(..))
    }

    /// Values of a narrow part of the domain, or of all of it, some or all null.
    fn values(&self, rows: usize, chance: &mut Chance) -> ArrayRef {
        let (one, other) = (chance.below(self.domain.len()), chance.below(self.domain.len()));
        let part = match chance.below(3) {
            0 => 0..self.domain.len(),
            _ => one.min(other)..one.max(other) + 1,
        };
        let nulls = chance.of(&[0, 0, 1, 3, 10]);
        let mut picked: Vec<Option<usize>> = (0..rows)
            .map(|_| {
                let null = chance.below(10) < nulls;
                (!null).then(|| part.start + chance.below(part.len()))
            })
            .collect();
        match chance.below(4) {
            0 => picked.sort_unstable(),
            1 => picked.sort_unstable_by(|one, other| other.cmp(one)),
            _ => {}
        }
        let texts: StringArray = picked.iter().map(|at| at.map(|at| self.domain[at])).collect();
        cast(&texts, &self.kind).unwrap()
    }

    /// A literal of the domain, or near it, or of another type.
    fn literal(&self, chance: &mut Chance) -> String {
        if chance.below(25) == 0 {
            return "NULL".to_owned();
        }
        let text = chance.of(self.domain);
        match &self.kind {
            DataType::Int64 => match chance.below(6) {
                0 => chance.of(&["2.5", "-0.5", "1e3", "9223372036854775808", "'5'"]).to_owned(),
                _ if text == "-9223372036854775808" => "(-9223372036854775807 - 1)".to_owned(),
                _ => text.to_owned(),
            },
            DataType::Float64 | DataType::Float32 => match chance.below(4) {
                0 => chance.of(&["0", "1", "2.5", "-1", "0.1"]).to_owned(),
                _ => format!("CAST('{text}' AS DOUBLE)"),
            },
            DataType::Decimal128(..) => match chance.below(3) {
                0 => chance.of(&["0", "1.005", "-1", "1e2", "1000000000000"]).to_owned(),
                _ => format!("CAST('{text}' AS DECIMAL(12, 2))"),
            },
            DataType::Binary => {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                format!("X'{hex}'")
            }
            DataType::Boolean => text.to_owned(),
            DataType::Timestamp(..) | DataType::Date32 if chance.below(4) == 0 => {
                chance.of(&["DATE '2024-02-29'", "DATE '1970-01-01'"]).to_owned()
            }
            kind => format!("arrow_cast('{text}', '{kind}')"),
        }
    }
}

/// What is asked, by chance.
struct Queries<'a> {
    columns: &'a [Column],
    chance: Chance,
}

impl Queries<'_> {
    fn column(&mut self) -> &Column {
        let at = self.chance.below(self.columns.len());
        &self.columns[at]
    }

    /// A condition on the columns of `of`, which is empty or ends in a dot.
    fn condition(&mut self, of: &str, depth: usize) -> String {
        if depth > 0 && self.chance.below(2) == 0 {
            let (one, other) = (self.condition(of, depth - 1), self.condition(of, depth - 1));
            return match self.chance.below(5) {
                0 => format!("NOT ({one})"),
                1 | 2 => format!("({one} AND {other})"),
                _ => format!("({one} OR {other})"),
            };
        }
        if self.chance.below(8) == 0 {
            let (from, rows) = (self.chance.below(600), self.chance.below(300));
            return match self.chance.below(3) {
                0 => format!("{of}id BETWEEN {from} AND {}", from + rows),
                1 => format!("{of}id >= {from}"),
                _ => format!("{of}id % {} = 1", rows % 7 + 2),
            };
        }
        let at = self.chance.below(self.columns.len());
        let column = &self.columns[at];
        let chance = &mut self.chance;
        let name = format!("{of}{}", column.name);
        let compare = chance.of(&["=", "<>", "<", "<=", ">", ">="]);
        let not = chance.of(&["", "NOT "]);
        match chance.below(13) {
            0 => format!("{name} IS NULL"),
            1 => format!("{name} IS NOT NULL"),
            2 => format!(
                "{name} {not}BETWEEN {} AND {}",
                column.literal(chance),
                column.literal(chance)
            ),
            3 => {
                let count = chance.below(4) + 1;
                let list: Vec<String> = (0..count).map(|_| column.literal(chance)).collect();
                format!("{name} {not}IN ({})", list.join(", "))
            }
            4 => format!("{name} IS {not}DISTINCT FROM {}", column.literal(chance)),
            5 => format!("{} {compare} {name}", column.literal(chance)),
            6 if column.kind == DataType::Int64 => {
                format!("{name} % 100 + 1 {compare} {}", chance.below(5))
            }
            7 => format!(
                "coalesce({name}, {}) {compare} {}",
                column.literal(chance),
                column.literal(chance)
            ),
            8 if column.kind == DataType::Boolean => format!("{name} IS {not}TRUE"),
            6..=9 if column.is_text() => {
                let pattern = chance.of(&[
                    "a%",
                    "%",
                    "",
                    "_",
                    "a_%",
                    "%b",
                    "ab",
                    "50\\%%",
                    "\\_b",
                    "a\\_%",
                    "é%",
                    "日%",
                    "\u{10FFFF}%",
                    "A%",
                    "%b%",
                    "50%",
                ]);
                let like = chance.of(&["LIKE", "LIKE", "ILIKE"]);
                format!("{name} {not}{like} '{pattern}'")
            }
            _ => format!("{name} {compare} {}", column.literal(chance)),
        }
    }

    /// A query of `{t}`, and how many of its first columns have to agree row for row; none where
    /// the order is open.
    fn query(&mut self) -> (String, Option<usize>) {
        let filter = match self.chance.below(5) {
            0 => String::new(),
            _ => format!(" WHERE {}", self.condition("", 2)),
        };
        let (one, other) = (self.column().name, self.column());
        // In a group, what is found to be the least beside a NaN depends on the order of rows.
        let least = if other.kind.is_floating() { "id" } else { other.name };
        let other = other.name;
        let way = |chance: &mut Chance| {
            let way = chance.of(&["ASC", "DESC"]);
            let nulls = chance.of(&["", " NULLS FIRST", " NULLS LAST"]);
            format!("{way}{nulls}")
        };
        let (first, second) = (way(&mut self.chance), way(&mut self.chance));
        let limit = self.chance.of(&[0, 1, 3, 10, 100, 1000]);
        let offset = self.chance.of(&[0, 0, 1, 50]);
        match self.chance.below(11) {
            0 => (format!("SELECT * FROM {{t}}{filter}"), None),
            1 => (format!("SELECT id, {one}, {other} FROM {{t}}{filter}"), None),
            2 => {
                let order =
                    format!("{one} {first}, {other} {second}, id LIMIT {limit} OFFSET {offset}");
                (format!("SELECT id, {one} FROM {{t}}{filter} ORDER BY {order}"), Some(2))
            }
            3 => (
                format!("SELECT {one}, id FROM {{t}}{filter} ORDER BY {one} {first} LIMIT {limit}"),
                Some(1),
            ),
            4 => (format!("SELECT {one} FROM {{t}}{filter} ORDER BY {one} {first}"), Some(1)),
            5 => (
                format!(
                    "SELECT id FROM {{t}}{filter} ORDER BY id {first} LIMIT {limit} OFFSET {offset}"
                ),
                Some(1),
            ),
            6 => {
                let sums = format!(
                    "count(*), count({one}), min({one}), max({one}), min(id), max(id), sum(wide)"
                );
                (format!("SELECT {sums} FROM {{t}}{filter}"), Some(7))
            }
            7 => (
                format!(
                    "SELECT {one}, count(*), min({least}), max({least}) FROM {{t}}{filter} GROUP BY {one}"
                ),
                None,
            ),
            8 => {
                let condition = self.condition("a.", 1);
                let kind = self.chance.of(&["JOIN", "LEFT JOIN", "RIGHT JOIN"]);
                let from = format!("{{t}} AS a {kind} {{t}} AS b ON a.{one} = b.{one}");
                (
                    format!(
                        "SELECT count(*), sum(a.id) AS x, sum(b.id) AS y FROM {from} WHERE {condition} AND b.id < 90"
                    ),
                    Some(3),
                )
            }
            9 => {
                let not = self.chance.of(&["", "NOT "]);
                let condition = self.condition("", 1);
                let inner = format!("SELECT {one} FROM {{t}} WHERE {condition}");
                (format!("SELECT id FROM {{t}} WHERE {one} {not}IN ({inner})"), None)
            }
            _ => (
                format!("SELECT count(*) FROM (SELECT * FROM {{t}}{filter} LIMIT {limit}) AS x"),
                Some(1),
            ),
        }
    }
}

/// Both tables.
struct Pair {
    store: Store,
    session: SqlSession,
    plain: SessionContext,
    columns: Vec<Column>,
    next: i64,
    states: usize,
    late: bool,
}

impl Pair {
    fn new(chance: &mut Chance) -> Self {
        let store = Store::in_memory();
        let threads = chance.of(&[1, 2, 3]);
        let session = SqlSession::builder(&store).target_partitions(threads).build().unwrap();
        // Literals and orders mean the same on both sides.
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().sql_parser = session.state().config_options().sql_parser.clone();
        config.options_mut().sql_parser.enable_ident_normalization = true;
        let plain = SessionContext::new_with_config(config);
        Self { store, session, plain, columns: columns(), next: 0, states: 0, late: false }
    }

    /// The rows that the plain table has from here on.
    fn keep(&mut self, batches: Vec<RecordBatch>, schema: &Arc<Schema>) {
        let table = MemTable::try_new(Arc::clone(schema), vec![batches]).unwrap();
        let table = Arc::new(table);
        self.plain.deregister_table("t").unwrap();
        self.plain.register_table("t", Arc::clone(&table) as _).unwrap();
        self.states += 1;
        self.plain.register_table(format!("s{}", self.states).as_str(), table).unwrap();
        self.store.tag(&format!("s{}", self.states), self.store.version()).unwrap();
    }

    fn schema(&self) -> Arc<Schema> {
        let mut fields = vec![Field::new("id", DataType::Int64, true)];
        fields.extend(
            self.columns.iter().map(|column| Field::new(column.name, column.kind.clone(), true)),
        );
        Arc::new(Schema::new(fields))
    }

    async fn append(&mut self, chance: &mut Chance) {
        let rows = chance.of(&[0, 1, 2, 30, 60, 100]);
        let schema = self.schema();
        let until = self.next + i64::try_from(rows).unwrap();
        let mut arrays: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from_iter_values(self.next..until))];
        arrays.extend(self.columns.iter().map(|column| column.values(rows, chance)));
        self.next = until;
        self.late |= chance.below(4) == 0;
        let mut fields: Vec<Field> =
            schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut stored = arrays.clone();
        if !self.late {
            stored.pop();
            fields.pop();
            let gone = arrays.len() - 1;
            arrays[gone] = arrow::array::new_null_array(&DataType::Int64, rows);
            fields[2] = Field::new("wide", DataType::Int32, true);
            stored[2] = cast(&stored[2], &DataType::Int32).unwrap();
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), stored).unwrap();
        let write = self.store.write(batch).mode(SaveMode::Append).merge_schema(true);
        write.save_as_table("t").unwrap();
        let mut batches = self.rows_of_plain().await;
        batches.push(RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap());
        self.keep(batches, &schema);
    }

    async fn rows_of_plain(&self) -> Vec<RecordBatch> {
        match self.states {
            0 => Vec::new(),
            _ => self.plain.sql("SELECT * FROM t").await.unwrap().collect().await.unwrap(),
        }
    }

    async fn change(&mut self, chance: &mut Chance) {
        let mut queries = Queries { columns: &self.columns, chance: chance.fork(self.states) };
        let condition = queries.condition("", 1);
        if !self.late && condition.contains("late") {
            return;
        }
        let (command, query) = if chance.below(2) == 0 {
            let query = format!("SELECT * FROM t WHERE ({condition}) IS NOT TRUE");
            (format!("DELETE FROM t WHERE {condition}"), query)
        } else {
            let command =
                format!("UPDATE t SET i = coalesce(i, 3) % 50, s = NULL WHERE {condition}");
            let mut items = vec!["id".to_owned()];
            items.extend(self.columns.iter().map(|column| match column.name {
                "i" => format!("CASE WHEN {condition} THEN coalesce(i, 3) % 50 ELSE i END AS i"),
                "s" => format!("CASE WHEN {condition} THEN NULL ELSE s END AS s"),
                name => name.to_owned(),
            }));
            (command, format!("SELECT {} FROM t", items.join(", ")))
        };
        let frame = self.plain.sql(&query).await;
        let rows = match frame {
            Ok(frame) => frame.collect().await,
            Err(error) => Err(error),
        };
        // What cannot be computed there is no question here.
        let Ok(rows) = rows else { return };
        let done = self.session.collect(&command).await;
        done.unwrap_or_else(|error| panic!("{command}\n{error}"));
        let schema = self.schema();
        let rows = rows.into_iter().map(|batch| {
            RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap()
        });
        self.keep(rows.collect(), &schema);
    }

    fn compact(&self, chance: &mut Chance) {
        let column = chance.of(&["i", "f", "s", "d", "id"]);
        let size = ChunkSize {
            rows_min: 20,
            rows_max: chance.of(&[20, 100, 10_000]),
            ..ChunkSize::default()
        };
        let way = Compaction::new().chunk_size(size);
        let way = if chance.below(2) == 0 { way.sort_by([column]) } else { way };
        self.store.compact_with("t", &way).unwrap();
    }

    async fn ask(&self, queries: &mut Queries<'_>) {
        let (query, ordered) = queries.query();
        let (here, there) = match queries.chance.below(3) {
            0 => {
                let state = queries.chance.below(self.states) + 1;
                (format!("t VERSION AS OF 's{state}'"), format!("s{state}"))
            }
            _ => ("t".to_owned(), "t".to_owned()),
        };
        // Before it is there, it cannot be asked for.
        if here != "t" && (!self.late || query.contains("late") || query.contains('*')) {
            return;
        }
        if !self.late && (query.contains("late") || query.contains("SELECT *")) {
            return;
        }
        let (here, there) = (query.replace("{t}", &here), query.replace("{t}", &there));
        let expected = match self.plain.sql(&there).await {
            Ok(frame) => frame.collect().await,
            Err(error) => Err(error),
        };
        let given = self.session.collect(&here).await;
        match (expected, given) {
            (Ok(expected), Ok(given)) => {
                let (expected, given) = (rows(&expected, ordered), rows(&given, ordered));
                assert!(
                    expected == given,
                    "{here}\nexpected {}: {expected:?}\ngiven {}: {given:?}",
                    expected.len(),
                    given.len()
                );
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => panic!("{here}\n{error}"),
            (Err(error), Ok(_)) => println!("only here it succeeds: {here}\n{error}"),
        }
    }
}

/// The rows as text, sorted unless their order counts.
fn rows(batches: &[RecordBatch], ordered: Option<usize>) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns = &batch.columns()[..ordered.unwrap_or(batch.num_columns())];
        let columns: Vec<ArrayFormatter<'_>> = columns
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayFormatter<'_>| match column.value(row).to_string() {
                zero if zero == "-0.0" => "0.0".to_owned(),
                other => other,
            };
            rows.push(columns.iter().map(value).collect::<Vec<_>>());
        }
    }
    if ordered.is_none() {
        rows.sort_unstable();
    }
    rows
}

#[test]
fn queries_give_what_they_give_for_a_plain_table() {
    let chance = Chance::new();
    for round in 0..4 {
        let mut chance = chance.fork(round);
        let mut pair = Pair::new(&mut chance);
        run(async {
            for step in 0..10 {
                match chance.below(10) {
                    6..=7 if step > 0 => pair.change(&mut chance).await,
                    8..=9 if step > 0 => pair.compact(&mut chance),
                    _ => pair.append(&mut chance).await,
                }
                let mut queries = Queries { columns: &pair.columns, chance: chance.fork(step) };
                for _ in 0..12 {
                    pair.ask(&mut queries).await;
                }
            }
        });
    }
}
