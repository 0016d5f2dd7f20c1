//! Between JSON and the values of CEL.
//!
//! To CEL: texts are borrowed, whole numbers are ints (uint only above the range of int), all
//! others doubles. From CEL: timestamps and durations become text, bytes base64; what JSON or
//! Postgres can't hold is an error.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use cel::common::{
    types::{
        CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull,
        CelOptional, CelString, CelTimestamp, CelType, CelUInt,
    },
    value::Val,
};
use chrono::SecondsFormat;
use mobius_types::JsonObject;
use serde_json::{Number, Value};

/// A JSON value for CEL.
pub(super) fn to_cel<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => number_to_cel(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(to_cel).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(fields) => object_to_cel(fields.iter()),
    }
}

/// Fields of a JSON object as a map for CEL.
pub(super) fn object_to_cel<'v>(
    fields: impl Iterator<Item = (&'v String, &'v Value)>,
) -> Box<dyn Val + 'v> {
    let fields: HashMap<_, _> = fields
        .map(|(name, value)| (CelMapKey::from(name.as_str()), to_cel(value)))
        .collect();
    Box::new(CelMap::from(fields))
}

fn number_to_cel<'v>(number: &Number) -> Box<dyn Val + 'v> {
    if let Some(int) = number.as_i64() {
        return Box::new(CelInt::from(int));
    }
    match (number.as_u64(), number.as_f64()) {
        (Some(uint), _) => Box::new(CelUInt::from(uint)),
        (None, Some(double)) => Box::new(CelDouble::from(double)),
        (None, None) => Box::new(CelNull),
    }
}

/// A value of CEL as JSON; the error says why there is none.
pub(super) fn to_json(value: &dyn Val) -> Result<Value, String> {
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let items = list.inner().iter().map(|item| to_json(item.as_ref()));
        return items.collect::<Result<Vec<_>, _>>().map(Value::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let fields = map
            .inner()
            .iter()
            .map(|(key, value)| Ok((key_text(key)?, to_json(value.as_ref())?)));
        return fields
            .collect::<Result<JsonObject, String>>()
            .map(Value::Object);
    }
    if let Some(optional) = value.downcast_ref::<CelOptional<'_>>() {
        return optional.inner().map_or(Ok(Value::Null), to_json);
    }
    scalar_to_json(value)
}

fn scalar_to_json(value: &dyn Val) -> Result<Value, String> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Ok(Value::from(text.inner()));
    }
    if let Some(int) = value.downcast_ref::<CelInt>() {
        return Ok(Value::from(*int.inner()));
    }
    if let Some(uint) = value.downcast_ref::<CelUInt>() {
        return Ok(Value::from(*uint.inner()));
    }
    if let Some(double) = value.downcast_ref::<CelDouble>() {
        let number = Number::from_f64(*double.inner());
        return number
            .map(Value::Number)
            .ok_or_else(|| "the result is infinite or not a number".to_owned());
    }
    if let Some(bool) = value.downcast_ref::<CelBool>() {
        return Ok(Value::from(*bool.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    rare_to_json(value)
}

fn rare_to_json(value: &dyn Val) -> Result<Value, String> {
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        return Ok(Value::from(STANDARD.encode(bytes.inner())));
    }
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        let text = time.inner().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        return Ok(Value::from(text));
    }
    if let Some(duration) = value.downcast_ref::<CelDuration>() {
        return Ok(Value::from(duration_text(duration.inner())));
    }
    if let Some(name) = value.downcast_ref::<CelType>() {
        return Ok(Value::from(name.name()));
    }
    let kind = value.get_type().name();
    Err(format!("a value of type {kind} has no form in JSON"))
}

/// Go's notation in seconds, such as `90s` or `1.5s`, which every duration of a spec understands.
fn duration_text(duration: &chrono::Duration) -> String {
    let (seconds, nanos) = (duration.num_seconds(), duration.subsec_nanos());
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (seconds.unsigned_abs(), nanos.unsigned_abs());
    if nanos == 0 {
        return format!("{sign}{seconds}s");
    }
    let fraction = format!("{nanos:09}");
    format!("{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
}

fn key_text(key: &CelMapKey<'_>) -> Result<String, String> {
    let key = to_json(key.inner())?;
    let text = key.as_str().map(str::to_owned);
    Ok(text.unwrap_or_else(|| key.to_string()))
}
