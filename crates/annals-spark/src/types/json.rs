//! Types as Spark's JSON has them, both ways.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use serde_json::{Map, Value, json};

use super::{CHAR_VARCHAR, TypeError, key_and_value, parse_type, simple_string};

/// The columns as Spark's `StructType.json` has them.
///
/// # Examples
///
/// ```
/// use annals_spark::types::{from_json, parse_ddl, to_json};
///
/// let schema = parse_ddl("id INT NOT NULL, tags ARRAY<STRING>")?;
/// let json = to_json(&schema);
/// assert_eq!(json["fields"][0]["type"], "integer");
/// assert_eq!(from_json(&json)?, schema);
/// # Ok::<(), annals_spark::types::TypeError>(())
/// ```
pub fn to_json(schema: &Schema) -> Value {
    fields_to_json(schema.fields())
}

fn fields_to_json(fields: &Fields) -> Value {
    let fields: Vec<Value> = fields.iter().map(|field| field_to_json(field)).collect();
    json!({"type": "struct", "fields": fields})
}

fn field_to_json(field: &Field) -> Value {
    let metadata: Map<String, Value> =
        field.metadata().iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "name": field.name(),
        "type": type_to_json(field.data_type()),
        "nullable": field.is_nullable(),
        "metadata": metadata,
    })
}

fn type_to_json(data_type: &DataType) -> Value {
    match data_type {
        DataType::Struct(fields) => fields_to_json(fields),
        DataType::List(item) | DataType::LargeList(item) => json!({
            "type": "array",
            "elementType": type_to_json(item.data_type()),
            "containsNull": item.is_nullable(),
        }),
        DataType::Map(entries, _) => match key_and_value(entries) {
            Some((key, value)) => json!({
                "type": "map",
                "keyType": type_to_json(key.data_type()),
                "valueType": type_to_json(value.data_type()),
                "valueContainsNull": value.is_nullable(),
            }),
            None => json!("void"),
        },
        DataType::Int8 => json!("byte"),
        DataType::Int16 => json!("short"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        other => json!(simple_string(other)),
    }
}

/// Reads columns from the JSON of a `StructType`.
///
/// # Errors
///
/// [`TypeError`] if it is none.
pub fn from_json(json: &Value) -> Result<Schema, TypeError> {
    Ok(Schema::new(fields_from_json(json)?))
}

fn no_type(json: &Value) -> TypeError {
    TypeError::Json { what: json.to_string() }
}

fn fields_from_json(json: &Value) -> Result<Fields, TypeError> {
    let fields = json["fields"].as_array().ok_or_else(|| no_type(json))?;
    fields.iter().map(field_from_json).collect()
}

fn field_from_json(json: &Value) -> Result<Field, TypeError> {
    let name = json["name"].as_str().ok_or_else(|| no_type(json))?;
    let nullable = json["nullable"].as_bool().unwrap_or(true);
    let mut metadata: HashMap<String, String> = HashMap::new();
    for (key, value) in json["metadata"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        metadata.insert(key.clone(), value);
    }
    // Spark writes `varchar(3)` where a schema was not yet replaced by plain strings.
    let written = json["type"].as_str().unwrap_or_default();
    if written.starts_with("char(") || written.starts_with("varchar(") {
        metadata.insert(CHAR_VARCHAR.to_owned(), written.to_owned());
    }
    Ok(Field::new(name, type_from_json(&json["type"])?, nullable).with_metadata(metadata))
}

fn type_from_json(json: &Value) -> Result<DataType, TypeError> {
    if let Some(name) = json.as_str() {
        return parse_type(name);
    }
    match json["type"].as_str() {
        Some("struct") => Ok(DataType::Struct(fields_from_json(json)?)),
        Some("array") => {
            let nullable = json["containsNull"].as_bool().unwrap_or(true);
            let item = Field::new_list_field(type_from_json(&json["elementType"])?, nullable);
            Ok(DataType::List(Arc::new(item)))
        }
        Some("map") => {
            let nullable = json["valueContainsNull"].as_bool().unwrap_or(true);
            let entry = Fields::from(vec![
                Field::new("key", type_from_json(&json["keyType"])?, false),
                Field::new("value", type_from_json(&json["valueType"])?, nullable),
            ]);
            let entries = Field::new("entries", DataType::Struct(entry), false);
            Ok(DataType::Map(Arc::new(entries), false))
        }
        _ => Err(no_type(json)),
    }
}
