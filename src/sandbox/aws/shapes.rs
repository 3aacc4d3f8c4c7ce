//! The published service models, and holding requests and replies against them.
//!
//! `model/*.json` lists, for the operations that the stand-in has, the members, types and enum values that AWS
//! publishes (the service models that botocore carries, reduced to names and types). A request that the model does not
//! know is refused, and a reply that it does not know does not leave: neither side can invent a member.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;

/// How a service's requests and replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `application/x-amz-json-1.1`; times are numbers.
    Json,
    /// Form in, XML out; times are ISO 8601.
    Query,
    /// Method, path, query and headers in; headers and a body or XML out; times are ISO 8601 until they leave.
    RestXml,
    /// Method, path, query, headers and a JSON body in; headers and JSON out; times are numbers.
    RestJson,
    /// A map of CBOR both ways; times are numbers with a tag.
    Cbor,
}

/// One service's operations and shapes.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    /// The API version, `2014-11-13`.
    pub(super) version: String,
    /// HTTP status by the code of an error, where the protocol has one of its own for each.
    #[serde(default)]
    errors: BTreeMap<String, u16>,
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

/// The names of an operation's shapes.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) input: String,
    pub(super) output: String,
    /// Where it lives, for the protocols that go by that.
    #[serde(default)]
    pub(super) http: Option<Http>,
}

/// The method and the path of an operation.
#[derive(Debug, Deserialize)]
pub(super) struct Http {
    pub(super) method: String,
    /// `/{Bucket}/{Key+}`, `/{Bucket}?versions`.
    pub(super) uri: String,
    /// The root element of the reply, if it has one.
    #[serde(default)]
    pub(super) root: Option<String>,
    /// The status of a successful reply.
    #[serde(default = "ok")]
    pub(super) status: u16,
}

fn ok() -> u16 {
    200
}

/// A shape that is not a scalar; scalars are named where they are used.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Shape {
    Structure {
        members: BTreeMap<String, String>,
        #[serde(default)]
        required: Vec<String>,
        /// Where members travel, for the protocols that spread them.
        #[serde(default)]
        at: BTreeMap<String, String>,
    },
    List {
        list: String,
    },
    Map {
        map: String,
    },
    Enum {
        #[serde(rename = "enum")]
        values: Vec<String>,
    },
}

/// What is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("Unknown member {0}.")]
    Unknown(String),
    #[error("Missing required member {0}.")]
    Missing(String),
    #[error("{path} must be a {wants}.")]
    WrongType { path: String, wants: String },
    #[error("{path} must be one of {allowed}, not '{value}'.")]
    NotAllowed { path: String, value: String, allowed: String },
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        let code = match violation {
            Violation::WrongType { .. } | Violation::Unknown(_) => "SerializationException",
            Violation::Missing(_) | Violation::NotAllowed { .. } => "InvalidParameterException",
        };
        Self::new(code, violation.to_string())
    }
}

impl Model {
    /// The operation of that name, if the stand-in has it.
    pub(super) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// The status that an error of this code has, if the model says so.
    pub(super) fn status_of(&self, code: &str) -> Option<u16> {
        self.errors.get(code).copied()
    }

    /// All operations with their names.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&String, &Operation)> {
        self.operations.iter()
    }

    /// The shape of that name; `None` for scalars.
    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// Holds `value` against the shape called `name`.
    pub(super) fn check(&self, name: &str, value: &Value, protocol: Protocol) -> Result<(), Violation> {
        self.check_at(name, value, protocol, "")
    }

    fn check_at(&self, name: &str, value: &Value, protocol: Protocol, path: &str) -> Result<(), Violation> {
        let wrong = |wants: &str| Violation::WrongType { path: named(path), wants: wants.to_owned() };
        match self.shape(name) {
            Some(Shape::Structure { members, required, .. }) => {
                let given = value.as_object().ok_or_else(|| wrong("structure"))?;
                for (member, value) in given {
                    let place = format!("{path}.{member}");
                    let shape = members.get(member).ok_or_else(|| Violation::Unknown(named(&place)))?;
                    if !value.is_null() {
                        self.check_at(shape, value, protocol, &place)?;
                    }
                }
                match required.iter().find(|member| given.get(*member).is_none_or(Value::is_null)) {
                    Some(member) => Err(Violation::Missing(named(&format!("{path}.{member}")))),
                    None => Ok(()),
                }
            }
            Some(Shape::List { list }) => {
                let items = value.as_array().ok_or_else(|| wrong("list"))?;
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| self.check_at(list, item, protocol, &format!("{path}[{at}]")))
            }
            Some(Shape::Map { map }) => {
                let entries = value.as_object().ok_or_else(|| wrong("map"))?;
                let mut entries = entries.iter();
                entries.try_for_each(|(key, value)| self.check_at(map, value, protocol, &format!("{path}.{key}")))
            }
            Some(Shape::Enum { values }) => {
                let given = value.as_str().ok_or_else(|| wrong("string"))?;
                if values.iter().any(|allowed| allowed == given) {
                    return Ok(());
                }
                let allowed = values.join(", ");
                Err(Violation::NotAllowed { path: named(path), value: given.to_owned(), allowed })
            }
            None if scalar_fits(name, value, protocol) => Ok(()),
            None => Err(wrong(name)),
        }
    }
}

fn named(path: &str) -> String {
    let path = path.trim_start_matches('.');
    if path.is_empty() { "The request body".to_owned() } else { path.to_owned() }
}

fn scalar_fits(kind: &str, value: &Value, protocol: Protocol) -> bool {
    match kind {
        "boolean" => value.is_boolean(),
        "integer" | "long" => value.is_i64(),
        "double" => value.is_number(),
        "timestamp" => match protocol {
            Protocol::Json | Protocol::RestJson | Protocol::Cbor => value.is_number(),
            Protocol::Query | Protocol::RestXml => {
                value.as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok())
            }
        },
        _ => value.is_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::fine(json!({"service": "api", "desiredCount": 2}), None)]
    #[case::null_is_absent(json!({"service": "api", "cluster": null}), None)]
    #[case::unknown(json!({"service": "api", "servize": "x"}), Some("Unknown member servize."))]
    #[case::missing(json!({}), Some("Missing required member service."))]
    #[case::wrong_type(json!({"service": "api", "desiredCount": "2"}), Some("desiredCount must be a integer."))]
    #[case::nested(
        json!({"service": "api", "deploymentController": {"type": "MINE"}}),
        Some("deploymentController.type must be one of ECS, CODE_DEPLOY, EXTERNAL, not 'MINE'.")
    )]
    fn requests_are_held_against_the_model(#[case] request: Value, #[case] complaint: Option<&str>) {
        let model: Model = serde_json::from_str(include_str!("model/ecs.json")).unwrap();
        let verdict = model.check("UpdateServiceRequest", &request, Protocol::Json);
        assert_eq!(verdict.err().map(|violation| violation.to_string()).as_deref(), complaint);
    }
}
