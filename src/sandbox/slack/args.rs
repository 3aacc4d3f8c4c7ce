//! A call's arguments, whichever way they came: query, form or JSON.

use serde_json::{Map, Value};

/// Arguments by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Args(Map<String, Value>);

/// How a POST body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonBodies {
    /// As arguments.
    Taken,
    /// Not at all: Slack overlooks them in most reading methods.
    Overlooked,
}

impl Args {
    /// Reads the query and the body. Errors are Slack's codes.
    pub(super) fn read(
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
        json: JsonBodies,
    ) -> Result<Self, &'static str> {
        let mut fields = Map::new();
        let mut take = |pairs: Vec<(String, String)>| {
            for (key, value) in pairs {
                fields.insert(key, Value::String(value));
            }
        };
        if let Some(query) = query {
            take(serde_urlencoded::from_str(query).map_err(|_error| "invalid_form_data")?);
        }
        if body.is_empty() {
            return Ok(Self(fields));
        }
        let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match kind {
            "application/x-www-form-urlencoded" => {
                take(serde_urlencoded::from_bytes(body).map_err(|_error| "invalid_form_data")?);
            }
            "application/json" => match (json, serde_json::from_slice(body)) {
                (JsonBodies::Overlooked, _) => {}
                (JsonBodies::Taken, Ok(Value::Object(object))) => fields.extend(object),
                (JsonBodies::Taken, Ok(_)) => return Err("json_not_object"),
                (JsonBodies::Taken, Err(_)) => return Err("invalid_json"),
            },
            "" => return Err("missing_post_type"),
            _ => return Err("invalid_post_type"),
        }
        Ok(Self(fields))
    }

    /// The token that a form may carry instead of a header; taken out, so that it reaches no journal.
    pub(super) fn take_token(&mut self) -> Option<String> {
        match self.0.remove("token") {
            Some(Value::String(token)) => Some(token),
            Some(_) | None => None,
        }
    }

    /// All of them, for the journal: JSON that came as a string in a form is shown as JSON.
    pub(super) fn to_json(&self) -> Value {
        let shown = self.0.iter().map(|(key, value)| {
            let structured = matches!(key.as_str(), "blocks" | "metadata" | "view" | "attachments");
            (key.clone(), if structured { parsed(value) } else { value.clone() })
        });
        Value::Object(shown.collect())
    }

    /// A string; numbers count as one. Empty is absent.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        }
    }

    /// A flag: `true`, `"true"`, `1`, `"1"`.
    pub(super) fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1"),
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
        }
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str) -> Option<usize> {
        self.text(key)?.parse().ok()
    }

    /// Structured data, which a form carries as a string of JSON; `Null` where the string is no JSON.
    pub(super) fn structured(&self, key: &str) -> Option<Value> {
        match self.0.get(key)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(value.clone()),
        }
    }

    /// The arguments of an object that was posted to a response URL.
    pub(super) fn of_object(object: Map<String, Value>) -> Self {
        Self(object)
    }
}

fn parsed(value: &Value) -> Value {
    value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}
