//! An answer of the Web API: `ok` and more, or an error code.

use serde_json::{Map, Value, json};

/// Why a call was refused: Slack's error code, and what else the reply says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) more: Map<String, Value>,
}

/// What a method returns: the reply's fields beside `ok`.
pub(super) type Answer = Result<Value, Refusal>;

impl From<&'static str> for Refusal {
    fn from(code: &'static str) -> Self {
        Self { code, more: Map::new() }
    }
}

impl Refusal {
    /// A refusal whose `response_metadata.messages` and `errors` point at what is wrong.
    pub(super) fn pointing(code: &'static str, findings: &[String]) -> Self {
        let mut more = Map::new();
        more.insert("errors".to_owned(), json!(findings));
        let messages: Vec<String> = findings.iter().map(|finding| format!("[ERROR] {finding}")).collect();
        more.insert("response_metadata".to_owned(), json!({"messages": messages}));
        Self { code, more }
    }

    /// `missing_scope`, with what would be needed.
    pub(super) fn missing_scope(needed: &str, provided: &[String]) -> Self {
        let mut more = Map::new();
        more.insert("needed".to_owned(), json!(needed));
        more.insert("provided".to_owned(), json!(provided.join(",")));
        Self { code: "missing_scope", more }
    }
}

/// The whole JSON reply.
pub(super) fn to_json(answer: Answer) -> Value {
    match answer {
        Ok(Value::Object(mut fields)) => {
            fields.insert("ok".to_owned(), Value::Bool(true));
            Value::Object(fields)
        }
        Ok(_) => json!({"ok": true}),
        Err(Refusal { code, mut more }) => {
            more.insert("ok".to_owned(), Value::Bool(false));
            more.insert("error".to_owned(), json!(code));
            Value::Object(more)
        }
    }
}
