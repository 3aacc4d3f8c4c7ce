//! The stacks that an account holds when a scenario begins.
//!
//! Only causes are written down: what was deployed, what is being deployed, and how resources behave. A stack that is
//! stuck got there by itself, because a seeded deployment is begun at its age and time passes over it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::super::seed::Answer;
use super::status::StackStatus;

/// A stack with its past.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedStack {
    /// Its name.
    pub name: String,
    /// The stack that it is nested in.
    #[serde(default)]
    pub parent: Option<SeedParent>,
    /// What was deployed, oldest first; the first is the creation. Empty for a stack whose creation is under way.
    #[serde(default)]
    pub history: Vec<SeedUpdate>,
    /// What is being deployed when the scenario begins.
    #[serde(default)]
    pub deploying: Option<SeedDeploying>,
    /// How its resources behave, by logical id.
    #[serde(default)]
    pub resources: BTreeMap<String, SeedResource>,
    /// A status that no deployment leads to, such as `REVIEW_IN_PROGRESS`.
    #[serde(default)]
    pub status: Option<StackStatus>,
    /// The service role.
    #[serde(default)]
    pub role: Option<String>,
    /// Topics that hear of its events.
    #[serde(default)]
    pub notification_arns: Vec<String>,
    /// `EnableTerminationProtection`.
    #[serde(default)]
    pub termination_protection: bool,
    /// The stack policy, as JSON.
    #[serde(default)]
    pub policy: Option<Value>,
    /// Alarms that roll an update back.
    #[serde(default)]
    pub rollback_triggers: Vec<String>,
    /// `MonitoringTimeInMinutes`.
    #[serde(default)]
    pub monitoring_minutes: u32,
    /// What users of the stack reach.
    #[serde(default)]
    pub site: Option<SeedStackSite>,
}

/// Reads stacks as a list, or by name; by name a variant of a scenario can change one of them.
///
/// # Errors
/// When a stack cannot be read.
pub(in super::super) fn listed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SeedStack>, D::Error> {
    let stacks = match Value::deserialize(from)? {
        Value::Object(by_name) => by_name
            .into_iter()
            .map(|(name, mut stack)| {
                if let Some(members) = stack.as_object_mut() {
                    members.insert("name".to_owned(), Value::from(name));
                }
                stack
            })
            .collect(),
        stacks @ (Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => stacks,
    };
    serde_json::from_value(stacks).map_err(serde::de::Error::custom)
}

/// Where a nested stack hangs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedParent {
    /// The parent's name.
    pub stack: String,
    /// Logical id of the `AWS::CloudFormation::Stack` resource in it.
    pub resource: String,
}

/// A deployment that has ended well.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedUpdate {
    /// How long ago it ended.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// The template: `s3://bucket/key` is read there, another text taken as it is, anything else written as JSON. Without
    /// one it is the template before.
    #[serde(default)]
    pub template: Option<Value>,
    /// Parameters; those that are not named keep their values.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Tags; none keeps those before.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Capabilities that were acknowledged; none keeps those before.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// A deployment that is begun before the scenario, over which time passes until it begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedDeploying {
    /// How much simulated time ago it was begun.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// The template; without one the present one.
    #[serde(default)]
    pub template: Option<Value>,
    /// Parameters; those that are not named keep their values.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Capabilities; none keeps the present ones.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Whether a failure leaves everything as it is.
    #[serde(default)]
    pub disable_rollback: bool,
    /// `ClientRequestToken`.
    #[serde(default)]
    pub token: Option<String>,
}

/// How a resource behaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedResource {
    /// Its physical id; by default one of CloudFormation's making.
    pub physical_id: Option<String>,
    /// How long things take.
    pub takes: SeedTakes,
    /// What fails.
    pub fails: Vec<SeedFailure>,
}

/// How long things take, in seconds of simulated time; what is absent is usual for the type.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedTakes {
    /// To create it.
    pub create: Option<u64>,
    /// To update it.
    pub update: Option<u64>,
    /// To take an update back.
    pub rollback: Option<u64>,
    /// To delete it.
    pub delete: Option<u64>,
}

/// Something that fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFailure {
    /// At what.
    pub on: Undertaking,
    /// Only if this text is part of what the resource is to become.
    #[serde(default)]
    pub when: Option<String>,
    /// `ResourceStatusReason`.
    pub reason: String,
    /// How often; for ever by default.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What is undertaken with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undertaking {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// A change is taken back.
    Rollback,
    /// It is deleted.
    Delete,
}

/// What users of a stack reach: the version that one of its resources has now answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedStackSite {
    /// Logical id of the resource.
    pub resource: String,
    /// Where in its properties the version stands, such as `Code.S3Key`.
    pub property: String,
    /// What versions answer, by the property's value. Others answer 200 everywhere.
    #[serde(default)]
    pub versions: BTreeMap<String, SeedVersion>,
}

/// A version and its answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedVersion {
    /// What people call it.
    pub name: String,
    /// What its paths answer; other paths answer 200.
    #[serde(default)]
    pub paths: BTreeMap<String, Answer>,
}
