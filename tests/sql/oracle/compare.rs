//! Whether an outcome is the expected one.

use serde_json::Value as Json;

/// What differs, or none if nothing does.
pub(crate) fn difference(step: &Json, expected: &Json, got: &Json) -> Option<String> {
    // Spark itself gave more than one outcome.
    if expected.get("unstable").is_some() {
        return None;
    }
    if let Some(error) = expected.get("error") {
        return error_difference(error, got);
    }
    match got.get("error") {
        Some(error) => Some(format!(
            "expected success, got {}: {}",
            error["condition"],
            short(error["message"].as_str().unwrap_or_default())
        )),
        None if step["ordered"] == true && same(&expected["ok"], &got["ok"]) => None,
        None if step["ordered"] != true && same(&sorted(&expected["ok"]), &sorted(&got["ok"])) => {
            None
        }
        None => Some(format!(
            "expected {}, got {}",
            short(&expected["ok"].to_string()),
            short(&got["ok"].to_string())
        )),
    }
}

fn error_difference(expected: &Json, got: &Json) -> Option<String> {
    let Some(error) = got.get("error") else {
        return Some(format!(
            "expected {}, got success {}",
            expected["condition"],
            short(&got["ok"].to_string())
        ));
    };
    // Spark failed without a condition: any error will do.
    if expected["condition"].is_null() {
        return None;
    }
    let message = short(error["message"].as_str().unwrap_or_default());
    if expected["condition"] != error["condition"] {
        return Some(format!(
            "expected {}, got {}: {message}",
            expected["condition"], error["condition"]
        ));
    }
    if !expected["sqlstate"].is_null() && expected["sqlstate"] != error["sqlstate"] {
        return Some(format!("SQLSTATE {} for {}", error["sqlstate"], expected["sqlstate"]));
    }
    for (key, value) in expected["params"].as_object().into_iter().flatten() {
        let found = error["params"][key].as_str().unwrap_or("(none)");
        let value = value.as_str().unwrap_or_default();
        // The recorder has cut what is long.
        let agrees = match value.strip_suffix('…') {
            Some(start) => found.starts_with(start),
            None => found == value || (value.chars().count() >= 300 && found.starts_with(value)),
        };
        if !agrees {
            return Some(format!("parameter {key}: expected {value:?}, got {found:?}"));
        }
    }
    None
}

fn short(text: &str) -> String {
    text.chars().take(400).collect()
}

/// Rows in an order of their own: Spark promises none, and the recorder's is Python's.
fn sorted(outcome: &Json) -> Json {
    let in_order = |list: &[Json]| {
        let mut list = list.to_vec();
        list.sort_by_key(ToString::to_string);
        Json::Array(list)
    };
    match outcome {
        Json::Object(map) if map.contains_key("rows") => {
            let mut map = map.clone();
            let rows = map["rows"].as_array().cloned().unwrap_or_default();
            map.insert("rows".to_owned(), in_order(&rows));
            Json::Object(map)
        }
        Json::Array(list) if list.iter().any(Json::is_object) => in_order(list),
        other => other.clone(),
    }
}

fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let found =
                |key: &String, value: &Json| other.get(key).is_some_and(|found| same(value, found));
            one.len() == other.len() && one.iter().all(|(key, value)| found(key, value))
        }
        (one, other) => one == other,
    }
}
