//! The names of data sources that programs give, and what each stands for here.
//!
//! Rows always go into the store, whatever the format; its name is kept with the table, for
//! programs that ask for it or append in the same one.

use annals::TableName;

use crate::error::SparkError;
use crate::types::quote;

/// The format of a table that none was given for.
pub(crate) const DEFAULT: &str = "parquet";

/// Formats that a table can have.
const FILES: &[&str] = &["parquet", "json", "csv", "orc", "text", "xml", "delta", "annals"];

/// Formats that cannot keep a table.
const STREAMS: &[&str] = &["noop", "console", "rate", "memory", "socket"];

/// Codecs that Spark writes Parquet with.
const CODECS: &str = "brotli, uncompressed, lzo, snappy, lz4_raw, none, zstd, lz4, gzip";

/// The format in Spark's short form.
pub(crate) fn provider(name: &str, table: &TableName) -> Result<String, SparkError> {
    let folded = name.to_lowercase();
    let short = match folded.strip_prefix("org.apache.spark.sql.") {
        Some(rest) => rest.rsplit('.').next().unwrap_or(rest).to_owned(),
        None => folded,
    };
    if FILES.contains(&short.as_str()) && short != "delta" {
        return Ok(short);
    }
    if STREAMS.contains(&short.as_str()) {
        let table = format!("{}.{}", quote(table.database_str()), quote(table.table_str()));
        return Err(SparkError::new(
            "CANNOT_CREATE_DATA_SOURCE_TABLE.EXTERNAL_METADATA_UNSUPPORTED",
            [("tableName", table), ("provider", short)],
        ));
    }
    match short.as_str() {
        "avro" => Err(SparkError::new("AVRO_DATA_SOURCE_NOT_ENABLED", [("provider", short)])),
        "hive" => Err(SparkError::new(
            "NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT",
            [("cmd", "CREATE Hive TABLE (AS SELECT)")],
        )),
        _ => Err(SparkError::new("DATA_SOURCE_NOT_FOUND", [("provider", name)])),
    }
}

/// What Spark calls the class of a format in messages.
pub(crate) fn class(provider: &str) -> String {
    match provider {
        "csv" => "CSVDataSourceV2".to_owned(),
        other => {
            let mut signs = other.chars();
            let first = signs.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(signs).collect::<String>() + "DataSourceV2"
        }
    }
}

/// The name of a format as messages about types have it.
pub(crate) fn title(provider: &str) -> String {
    match provider {
        "parquet" => "Parquet".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Refuses a codec that Spark does not know.
pub(crate) fn check_codec(codec: &str) -> Result<(), SparkError> {
    if CODECS.split(", ").any(|known| known.eq_ignore_ascii_case(codec)) {
        return Ok(());
    }
    Err(SparkError::new(
        "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION",
        [("codecName", codec), ("availableCodecs", CODECS)],
    ))
}
