//! Outcomes in the form that the cases have them in.

use annals_spark::{DataFrame, SparkError, Value, types};
use serde_json::{Map, Value as Json, json};

/// Replaces what differs from run to run by a word.
pub(crate) struct Mask {
    /// The folder of this run.
    pub(crate) scratch: String,
}

impl Mask {
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for prefix in ["file://", "file:", ""] {
            text = text.replace(&format!("{prefix}{}", self.scratch), "<SCRATCH>");
        }
        let text = text.replace("<SCRATCH>/warehouse", "<WAREHOUSE>");
        times(&files(&text))
    }

    pub(crate) fn value(&self, value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Boolean(value) => json!(value),
            Value::Byte(value) => json!(value),
            Value::Short(value) => json!(value),
            Value::Int(value) => json!(value),
            Value::Long(value) => json!(value),
            Value::Float(value) => float(f64::from(*value)),
            Value::Double(value) => float(*value),
            Value::Decimal(..) => json!(format!("dec:{value}")),
            Value::String(text) => json!(self.text(text)),
            Value::Date(_) => json!(format!("date:{value}")),
            Value::Timestamp(micros) | Value::TimestampNtz(micros) => json!(moment(value, *micros)),
            Value::Binary(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                json!(format!("hex:{hex}"))
            }
            Value::DayTime(micros) => json!(timedelta(*micros)),
            Value::Array(values) => values.iter().map(|value| self.value(value)).collect(),
            Value::Struct(row) => row.values().iter().map(|value| self.value(value)).collect(),
            Value::Map(entries) => {
                let mut pairs: Vec<Json> = entries
                    .iter()
                    .map(|(key, value)| json!([self.value(key), self.value(value)]))
                    .collect();
                pairs.sort_by_key(ToString::to_string);
                json!({"map": pairs})
            }
            other => json!(self.text(&other.to_string())),
        }
    }

    pub(crate) fn error(&self, error: &SparkError) -> Json {
        let parameters: Map<String, Json> = error
            .parameters()
            .iter()
            .map(|(key, value)| (key.clone(), json!(self.text(value))))
            .collect();
        json!({"error": {
            "condition": error.condition(),
            "sqlstate": error.sqlstate(),
            "params": parameters,
            "message": self.text(&error.to_string()),
        }})
    }
}

pub(crate) fn schema(frame: &DataFrame) -> Json {
    let schema = frame.schema();
    let columns = schema.fields().iter();
    columns
        .map(|field| json!([field.name(), types::field_type(field), field.is_nullable()]))
        .collect()
}

fn float(value: f64) -> Json {
    if value.is_nan() {
        json!("float:nan")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "float:inf" } else { "float:-inf" })
    } else {
        json!(value)
    }
}

/// As Python writes it: always six digits after the point, or none.
fn moment(value: &Value, micros: i64) -> String {
    let text = value.to_string().replace(' ', "T");
    let whole = text.split('.').next().unwrap_or(&text).to_owned();
    match micros.rem_euclid(1_000_000) {
        0 => format!("ts:{whole}"),
        fraction => format!("ts:{whole}.{fraction:06}"),
    }
}

fn timedelta(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let parts = [("days", days), ("seconds", seconds), ("microseconds", micros)];
    let parts = parts.iter().filter(|(_, count)| *count != 0);
    let parts: Vec<String> = parts.map(|(unit, count)| format!("{unit}={count}")).collect();
    format!(
        "datetime.timedelta({})",
        if parts.is_empty() { "0".to_owned() } else { parts.join(", ") }
    )
}

/// Other files than those of the run.
fn files(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("file:/") {
        let path = &rest[start..];
        let end = path.find(|c: char| c.is_whitespace() || ",;'\"`])".contains(c));
        masked.push_str(&rest[..start]);
        masked.push_str("<URI>");
        rest = &path[end.unwrap_or(path.len())..];
    }
    masked + rest
}

/// `Mon Nov 23 01:02:03 UTC 2026`.
fn times(text: &str) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let words: Vec<&str> = text.split(' ').collect();
    let mut masked: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_time =
            words.get(at + 3).is_some_and(|time| time.len() == 8 && time.matches(':').count() == 2);
        if DAYS.contains(&words[at]) && is_time && words.len() > at + 5 {
            masked.push(format!(
                "<TIME>{}",
                words[at + 5].trim_start_matches(|c: char| c.is_ascii_digit())
            ));
            at += 6;
        } else {
            masked.push(words[at].to_owned());
            at += 1;
        }
    }
    masked.join(" ")
}
