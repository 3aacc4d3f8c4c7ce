//! A resource of a stack as it is now.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::status::ResourceStatus;
use super::template::Definition;

/// The type of nested stacks.
pub(super) const NESTED: &str = "AWS::CloudFormation::Stack";

/// The type that waits for signals; nobody signals here.
pub(super) const WAIT_CONDITION: &str = "AWS::CloudFormation::WaitCondition";

/// A resource that exists, or whose creation was tried.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) physical: String,
    pub(super) status: ResourceStatus,
    pub(super) reason: Option<String>,
    pub(super) at: Timestamp,
    /// What it is: its definition with parameters resolved. Changes when an update of it has succeeded.
    pub(super) is: Definition,
    /// Whether it is `UPDATE_FAILED` because a rollback failed; only such ones may be skipped.
    pub(super) failed_rollback: bool,
}

impl Resource {
    /// A property by its dotted path; a number is a place in a list.
    pub(super) fn property(&self, path: &str) -> Option<&Value> {
        let properties = self.is.body.get("Properties")?;
        path.split('.').try_fold(properties, |value, name| match name.parse::<usize>() {
            Ok(place) if value.is_array() => value.get(place),
            Ok(_) | Err(_) => value.get(name),
        })
    }

    /// Whether it is a nested stack.
    pub(super) fn is_nested(&self) -> bool {
        self.kind == NESTED
    }

    /// What the template says about deleting it.
    pub(super) fn is_retained(&self) -> bool {
        matches!(self.is.body.get("DeletionPolicy").and_then(Value::as_str), Some("Retain" | "RetainExceptOnCreate"))
    }
}

/// How long a wait condition waits for signals that do not come, and what it says then.
pub(super) fn waits(body: &Value) -> (Duration, Option<String>) {
    let number = |name: &str| match body.get("Properties").and_then(|all| all.get(name)) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
        None => None,
    };
    let reason =
        format!("WaitCondition timed out. Received 0 conditions when expecting {}", number("Count").unwrap_or(1));
    (Duration::from_secs(number("Timeout").unwrap_or_default()), Some(reason))
}

/// How many seconds something usually takes with a resource of a type.
pub(super) fn usual_seconds(kind: &str) -> u64 {
    match kind {
        "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => 300,
        "AWS::ECS::Service" => 150,
        "AWS::CloudFront::Distribution" => 180,
        "AWS::DynamoDB::Table" => 20,
        "AWS::IAM::Role" | "AWS::IAM::Policy" => 15,
        "AWS::Lambda::Function" => 12,
        _ => 4,
    }
}
