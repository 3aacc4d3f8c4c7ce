//! JSON as the JSON protocols of AWS write it: absent members instead of nulls, times as seconds, pages with a token.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// A time as JSON 1.1 writes it: seconds since the epoch with a fraction, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch fit an f64 exactly")]
pub(super) fn seconds(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

/// A time as the query protocol writes it.
pub(super) fn iso(at: Timestamp) -> Value {
    json!(format!("{at:.3}"))
}

/// The value without members that are null, at any depth.
pub(super) fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(name, member)| (name, present(member))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(present).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Tags as a list of `{key, value}`.
pub(super) fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// A string member of a checked request.
pub(super) fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request.get(member).and_then(Value::as_str)
}

/// A list of strings of a checked request; empty when absent.
pub(super) fn texts<'a>(request: &'a Value, member: &str) -> Vec<&'a str> {
    let items = request.get(member).and_then(Value::as_array);
    items.map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Whether `include` of a request names `what`.
pub(super) fn includes(request: &Value, what: &str) -> bool {
    texts(request, "include").contains(&what)
}

/// How long the pages of an operation are.
#[derive(Clone, Copy)]
pub(super) struct PageLength {
    /// Without `maxResults`.
    pub(super) usual: usize,
    /// The largest `maxResults`.
    pub(super) most: usize,
}

const TOKEN: &str = "page-";

/// One page of `items` as `{member: […], nextToken}`, by `maxResults` and `nextToken` of the request.
pub(super) fn page(request: &Value, member: &str, items: &[Value], length: PageLength) -> Result<Value, Refusal> {
    let size = match request.get("maxResults").and_then(Value::as_i64) {
        None => length.usual,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=length.most).contains(size))
            .ok_or_else(|| Refusal::invalid(format!("maxResults must be between 1 and {}.", length.most)))?,
    };
    let from = match text(request, "nextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix(TOKEN)
            .and_then(|offset| offset.parse::<usize>().ok())
            .filter(|offset| *offset <= items.len())
            .ok_or_else(|| Refusal::invalid("Invalid token in request."))?,
    };
    let shown: Vec<&Value> = items.iter().skip(from).take(size).collect();
    let next = from + shown.len();
    let token = (next < items.len()).then(|| format!("{TOKEN}{next}"));
    Ok(present(json!({ member: shown, "nextToken": token })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let items: Vec<Value> = (0..5).map(Value::from).collect();
        let length = PageLength { usual: 2, most: 3 };
        let first = page(&json!({}), "items", &items, length).unwrap();
        assert_eq!(first["items"], json!([0, 1]));
        let last = page(&json!({"nextToken": "page-4"}), "items", &items, length).unwrap();
        assert_eq!(last, json!({"items": [4]}));
        assert!(page(&json!({"maxResults": 4}), "items", &items, length).is_err());
        assert!(page(&json!({"nextToken": "tomorrow"}), "items", &items, length).is_err());
    }

    #[test]
    fn times_are_written_as_each_protocol_wants_them() {
        let at: Timestamp = "2026-11-01T12:00:00.25Z".parse().unwrap();
        assert_eq!(seconds(at), json!(1_793_534_400.25));
        assert_eq!(iso(at), json!("2026-11-01T12:00:00.250Z"));
    }
}
