//! Plays a case: makes of each step the calls that a program would make.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use annals::{Store, col};
use annals_spark::{CreateTable, DataFrame, Row, Session, SparkError, Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::Case;
use crate::normal::{self, Mask};

/// The outcome of each step.
pub(crate) fn play(case: &Case) -> Vec<Json> {
    let scratch = TempDir::new().expect("there is a temporary folder");
    let path = scratch.path().canonicalize().expect("it is there");
    let mask = Mask { scratch: path.to_string_lossy().into_owned() };
    let spark = Session::builder(&Store::in_memory())
        .config("spark.sql.warehouse.dir", &format!("{}/warehouse", mask.scratch))
        .target_partitions(2)
        .files_below(&path)
        .build()
        .expect("the session begins");
    let mut player = Player { spark, mask, held: HashMap::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the runtime begins");
    let mut outcomes = Vec::new();
    for step in &case.steps {
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(player.step(step))));
        outcomes.push(match done {
            Ok(Ok(value)) => json!({"ok": value}),
            Ok(Err(error)) => player.mask.error(&error),
            Err(_) => json!({"error": {"condition": "PANIC", "message": "it panicked"}}),
        });
    }
    outcomes
}

struct Player {
    spark: Session,
    mask: Mask,
    /// What held frames are made of; see the header of this program.
    held: HashMap<String, Held>,
}

/// What is held under a name.
enum Held {
    /// What a frame is made of, anew for each action.
    Spec(Json),
    /// The result of a command, which ran when the frame was made and never again.
    Result(DataFrame),
}

/// Whether a text is a query, which a client sends again for each action.
fn is_query(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default().to_uppercase();
    ["SELECT", "WITH", "FROM", "TABLE", "VALUES"].contains(&word.as_str())
}

type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, SparkError>> + 'a>>;

fn texts(json: &Json) -> Vec<String> {
    match json {
        Json::String(text) => vec![text.clone()],
        list => list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect(),
    }
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("the step has a text `{key}`: {json}"))
}

fn number(json: &Json) -> i64 {
    json.as_i64().expect("a whole number")
}

impl Player {
    /// `{TMP}` is a folder of this run.
    fn filled(&self, text: &str) -> String {
        text.replace("{TMP}", &format!("{}/ext", self.mask.scratch))
    }

    fn frame<'a>(&'a self, spec: &'a Json) -> Step<'a, DataFrame> {
        Box::pin(async move {
            let mut frame = self.plain_frame(spec).await?;
            if !spec["select_expr"].is_null() {
                frame = frame.select_expr(texts(&spec["select_expr"]))?;
            }
            if let Some(condition) = spec["where"].as_str() {
                frame = frame.filter(condition)?;
            }
            if !spec["union"].is_null() {
                let missing = spec["allow_missing"].as_bool().unwrap_or_default();
                frame = frame.union_by_name(&self.frame(&spec["union"]).await?, missing)?;
            }
            Ok(frame)
        })
    }

    async fn held(&self, name: &str) -> Result<DataFrame, SparkError> {
        match &self.held[name] {
            Held::Spec(spec) => self.frame(spec).await,
            Held::Result(frame) => Ok(frame.clone()),
        }
    }

    async fn plain_frame(&self, spec: &Json) -> Result<DataFrame, SparkError> {
        let spark = &self.spark;
        if let Some(name) = spec["held"].as_str() {
            return self.held(name).await;
        }
        if let Some(name) = spec["table"].as_str() {
            return spark.table(name);
        }
        if let Some(name) = spec["read_table"].as_str() {
            return spark.read().table(name);
        }
        if let Some(text) = spec["sql"].as_str() {
            return spark.sql(&self.filled(text)).await;
        }
        if let Some(range) = spec["range"].as_array() {
            return spark.range(number(&range[0]), number(&range[1]), 1);
        }
        if let Some(rows) = spec["empty_schema_rows"].as_u64() {
            let rows = (0..rows).map(|_| Row::new(Vec::<Value>::new()));
            return spark.create_data_frame(rows, "");
        }
        if !spec["load"].is_null() {
            let load = &spec["load"];
            return spark
                .read()
                .format(text(load, "format"))
                .load(&self.filled(text(load, "path")));
        }
        let rows = spec["rows"].as_array().into_iter().flatten().map(row);
        match spec["ddl"].as_str() {
            Some(ddl) => spark.create_data_frame(rows, ddl),
            None => {
                let names = texts(&spec["names"]);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                spark.create_data_frame_of(rows, &names)
            }
        }
    }

    async fn facts(&self, frame: DataFrame) -> Result<Json, SparkError> {
        let rows: Vec<Json> = frame
            .collect()
            .await?
            .iter()
            .map(|row| row.values().iter().map(|value| self.mask.value(value)).collect())
            .collect();
        Ok(json!({"schema": normal::schema(&frame), "rows": rows}))
    }

    async fn step(&mut self, step: &Json) -> Result<Json, SparkError> {
        match text(step, "op") {
            "sql" => {
                let frame = self.spark.sql(&self.filled(text(step, "text"))).await?;
                self.facts(frame).await
            }
            "save" | "insert_into" | "write_path" => self.write(step).await.map(|()| Json::Null),
            "write_to" => self.write_to(step).await.map(|()| Json::Null),
            "read" => self.facts(self.spark.table(text(step, "table"))?).await,
            "read_table" => self.facts(self.spark.read().table(text(step, "table"))?).await,
            // A client makes a frame without asking anyone.
            "resolve" => Ok(Json::Null),
            "frame" => self.facts(self.frame(&step["df"]).await?).await,
            "count" => Ok(json!(self.frame(&step["df"]).await?.count().await?)),
            "columns" => Ok(json!(self.frame(&step["df"]).await?.columns())),
            "hold" => self.hold(step).await.map(|()| Json::Null),
            "collect_held" => self.facts(self.held(text(step, "name")).await?).await,
            "count_held" => Ok(json!(self.held(text(step, "name")).await?.count().await?)),
            "schema_held" => Ok(normal::schema(&self.held(text(step, "name")).await?)),
            "unpersist_held" => Ok(Json::Null),
            "view" => {
                let (frame, name) = (self.frame(&step["df"]).await?, text(step, "name"));
                let made = match text(step, "kind") {
                    "temp" => frame.create_temp_view(name),
                    "temp_or_replace" => frame.create_or_replace_temp_view(name),
                    "global" => frame.create_global_temp_view(name),
                    _ => frame.create_or_replace_global_temp_view(name),
                };
                made.map(|()| Json::Null)
            }
            "conf" => {
                self.spark.conf().set(text(step, "key"), text(step, "value"));
                Ok(Json::Null)
            }
            "catalog" => self.catalog(step).await,
            other => panic!("the step `{other}` is not known"),
        }
    }

    async fn hold(&mut self, step: &Json) -> Result<(), SparkError> {
        let is = |key: &str| step[key].as_bool().unwrap_or_default();
        let spec = step["df"].clone();
        if let Some(text) = spec["sql"].as_str().filter(|text| !is_query(text)) {
            let result = Held::Result(self.spark.sql(&self.filled(text)).await?);
            self.held.insert(step["name"].as_str().unwrap_or_default().to_owned(), result);
            return Ok(());
        }
        if is("count") {
            self.frame(&spec).await?.count().await?;
        } else if is("cache") || is("touch_schema") || spec["sql"].is_string() {
            self.frame(&spec).await?.schema();
        }
        self.held.insert(text(step, "name").to_owned(), Held::Spec(spec));
        Ok(())
    }

    async fn write(&self, step: &Json) -> Result<(), SparkError> {
        let mut writer = self.frame(&step["df"]).await?.write();
        let kw = &step["kw"];
        if let Some(mode) = kw["mode"].as_str().or(step["mode"].as_str()) {
            writer = writer.mode(mode);
        }
        if let Some(format) = kw["format"].as_str().or(step["format"].as_str()) {
            writer = writer.format(format);
        }
        for (key, value) in step["options"].as_object().into_iter().flatten() {
            writer = writer.option(key, self.filled(value.as_str().unwrap_or_default()));
        }
        let partitions = texts(&step["partition_by"]).into_iter().chain(texts(&kw["partitionBy"]));
        let partitions: Vec<String> = partitions.collect();
        if !partitions.is_empty() {
            writer = writer.partition_by(partitions);
        }
        if let Some(buckets) = step["bucket_by"].as_array() {
            let count = u32::try_from(number(&buckets[0])).expect("a number of buckets");
            let columns = buckets[1..].iter().filter_map(Json::as_str).map(str::to_owned);
            writer = writer.bucket_by(count, columns);
        }
        if !step["sort_by"].is_null() {
            writer = writer.sort_by(texts(&step["sort_by"]));
        }
        match text(step, "op") {
            "save" => writer.save_as_table(text(step, "table")).await,
            "write_path" => writer.save(&self.filled(text(step, "path"))).await,
            _ => match step["overwrite"].as_bool() {
                Some(overwrite) => writer.insert_with(text(step, "table"), overwrite).await,
                None => writer.insert_into(text(step, "table")).await,
            },
        }
    }

    async fn write_to(&self, step: &Json) -> Result<(), SparkError> {
        let mut writer = self.frame(&step["df"]).await?.write_to(text(step, "table"))?;
        if let Some(provider) = step["using"].as_str() {
            writer = writer.using(provider);
        }
        if !step["partitioned_by"].is_null() {
            writer = writer.partitioned_by(texts(&step["partitioned_by"]));
        }
        for (key, value) in step["table_properties"].as_object().into_iter().flatten() {
            writer = writer.table_property(key, value.as_str().unwrap_or_default());
        }
        match text(step, "action") {
            "create" => writer.create().await,
            "replace" => writer.replace().await,
            "createOrReplace" => writer.create_or_replace().await,
            "append" => writer.append().await,
            "overwritePartitions" => writer.overwrite_partitions().await,
            // The conditions of the cases are of this form.
            _ => {
                let (name, value) = text(step, "condition").split_once(" = ").expect("an equation");
                let value: i64 = value.trim().parse().expect("a whole number");
                writer.overwrite(col(name.trim()).eq(value)).await
            }
        }
    }

    async fn catalog(&self, step: &Json) -> Result<Json, SparkError> {
        let catalog = self.spark.catalog();
        let args: Vec<Option<String>> = step["args"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|arg| arg.as_str().map(|text| self.filled(text)))
            .collect();
        let arg = |index: usize| args.get(index).and_then(|arg| arg.as_deref());
        let name = arg(0).unwrap_or_default();
        let told = match text(step, "method") {
            "currentDatabase" => json!(catalog.current_database()),
            "currentCatalog" => json!(catalog.current_catalog()),
            "setCurrentDatabase" => json!(catalog.set_current_database(name)?),
            "setCurrentCatalog" => json!(catalog.set_current_catalog(name)?),
            "listCatalogs" => {
                let found = catalog.list_catalogs(arg(0)).into_iter();
                found.map(|name| json!({"name": name, "description": null})).collect()
            }
            "listDatabases" => {
                catalog.list_databases(arg(0)).iter().map(|found| self.database(found)).collect()
            }
            "getDatabase" => self.database(&catalog.get_database(name)?),
            "databaseExists" => json!(catalog.database_exists(name)?),
            "listTables" => catalog.list_tables(arg(0), arg(1))?.iter().map(table).collect(),
            "getTable" => table(&catalog.get_table(name)?),
            "tableExists" => json!(catalog.table_exists(name, arg(1))?),
            "listColumns" => catalog.list_columns(name, arg(1))?.iter().map(column).collect(),
            "functionExists" => json!(catalog.function_exists(name, arg(1))),
            "createTable" | "createExternalTable" => {
                let mut new = CreateTable::new();
                if let Some(ddl) = step["schema_ddl"].as_str() {
                    new = new.schema(ddl);
                }
                if let Some(source) = step["kw"]["source"].as_str() {
                    new = new.source(source);
                }
                if let Some(description) = step["kw"]["description"].as_str() {
                    new = new.description(description);
                }
                if let Some(path) = step["kw_path"].as_str() {
                    new = new.path(&self.filled(path));
                }
                let frame = catalog.create_table(name, new).await?;
                json!({"schema": normal::schema(&frame)})
            }
            "isCached" => json!(catalog.is_cached(name)?),
            "cacheTable" => json!(catalog.cache_table(name)?),
            "uncacheTable" => json!(catalog.uncache_table(name)?),
            "clearCache" => json!(catalog.clear_cache()),
            "refreshTable" => json!(catalog.refresh_table(name)?),
            "recoverPartitions" => json!(catalog.recover_partitions(name)?),
            "dropTempView" => json!(catalog.drop_temp_view(name)),
            other => panic!("the method `{other}` is not known"),
        };
        Ok(picked(told, &texts(&step["pick"])))
    }

    fn database(&self, found: &annals_spark::catalog::Database) -> Json {
        json!({
            "name": found.name,
            "catalog": found.catalog,
            "description": found.description,
            "locationUri": self.mask.text(&found.location_uri),
        })
    }
}

fn table(found: &annals_spark::catalog::TableInfo) -> Json {
    json!({
        "name": found.name,
        "catalog": found.catalog,
        "namespace": found.namespace,
        "description": found.description,
        "tableType": found.table_type,
        "isTemporary": found.is_temporary,
    })
}

fn column(found: &annals_spark::catalog::ColumnInfo) -> Json {
    json!({
        "name": found.name,
        "description": found.description,
        "dataType": found.data_type,
        "nullable": found.nullable,
        "isPartition": found.is_partition,
        "isBucket": found.is_bucket,
        "isCluster": found.is_cluster,
    })
}

/// Only these keys of what was told.
fn picked(told: Json, keys: &[String]) -> Json {
    if keys.is_empty() {
        return told;
    }
    let pick = |one: &Json| -> Json {
        keys.iter()
            .map(|key| (key.clone(), one[key].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    match &told {
        Json::Array(list) => list.iter().map(pick).collect(),
        one => pick(one),
    }
}

fn row(json: &Json) -> Row {
    Row::new(json.as_array().into_iter().flatten().map(value).collect::<Vec<Value>>())
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::String(text) => Value::String(text.clone()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Long(whole),
            None => Value::Double(number.as_f64().expect("a number")),
        },
        other => panic!("a row has {other}"),
    }
}
