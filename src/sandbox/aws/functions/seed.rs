//! What an account's functions are when a scenario begins.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::seed::Answer;

/// A Lambda function.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFunction {
    /// How its code is packed.
    #[serde(default)]
    pub package: SeedPackage,
    /// The settings of all its versions, as `UpdateFunctionConfiguration` takes them.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// What its code does, by a name of ours. Code that is not listed answers 200.
    #[serde(default)]
    pub codes: BTreeMap<String, SeedCode>,
    /// Its published versions, oldest first; they count from 1.
    #[serde(default)]
    pub versions: Vec<SeedFunctionVersion>,
    /// `$LATEST`; left out, it is what the newest version is.
    #[serde(default)]
    pub latest: Option<SeedLatest>,
    /// Its aliases by name.
    #[serde(default)]
    pub aliases: BTreeMap<String, SeedAlias>,
    /// Services that may call it, by what they may call: an alias, or `$LATEST`.
    #[serde(default)]
    pub permissions: BTreeMap<String, Vec<String>>,
    /// Event source mappings.
    #[serde(default)]
    pub event_sources: Vec<SeedEventSource>,
    /// What has a function URL: aliases, or `$LATEST`.
    #[serde(default)]
    pub urls: Vec<String>,
    /// What its users call: an alias, or `$LATEST`. Left out, it has no users that a test could be.
    #[serde(default)]
    pub calls: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How long an update of `$LATEST` takes, in seconds.
    #[serde(default = "update_seconds")]
    pub update_seconds: u64,
}

fn update_seconds() -> u64 {
    4
}

/// How code is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedPackage {
    /// A zip.
    #[default]
    Zip,
    /// A container image.
    Image,
}

/// What code does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedCode {
    /// How long a call takes, in seconds.
    #[serde(default)]
    pub takes_seconds: u64,
    /// What its paths answer; others answer 200.
    #[serde(default)]
    pub paths: BTreeMap<String, Answer>,
    /// The size that AWS tells, in bytes, where it is not that of what is handed out.
    #[serde(default)]
    pub size: Option<i64>,
    /// Why an update to it fails.
    #[serde(default)]
    pub update_fails: Option<SeedUpdateFailure>,
}

/// Why an update fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedUpdateFailure {
    /// `LastUpdateStatusReasonCode`.
    pub code: String,
    /// `LastUpdateStatusReason`.
    pub reason: String,
}

/// A published version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFunctionVersion {
    /// How long ago it was published.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its code's name.
    pub code: String,
    /// What whoever published it wrote.
    #[serde(default)]
    pub description: String,
    /// Settings that differ from the function's.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Whether it can be called; left out, it can.
    #[serde(default)]
    pub state: Option<SeedState>,
    /// Whether it was deleted: then only its number is used up.
    #[serde(default)]
    pub deleted: bool,
}

/// `$LATEST`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedLatest {
    /// How long ago it was changed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its code's name.
    pub code: String,
    /// Settings that differ from the function's.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// Why a version cannot be called, or not yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedState {
    /// `State`.
    pub status: String,
    /// `StateReasonCode`.
    #[serde(default)]
    pub code: Option<String>,
    /// `StateReason`.
    #[serde(default)]
    pub reason: Option<String>,
    /// For how long after the beginning, in seconds; then it is `Active`. Left out: for ever.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedAlias {
    /// The version that it points at.
    pub version: String,
    /// Versions that get a part of its calls, with the part.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// The deployment of `CodeDeploy` that drives it, with weights or, before the first shift, without.
    #[serde(default)]
    pub shifted_by: Option<String>,
    /// Its provisioned concurrency.
    #[serde(default)]
    pub provisioned: Option<SeedProvisioned>,
}

/// Provisioned concurrency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProvisioned {
    /// How many instances.
    pub instances: i64,
    /// How long warming up takes, in seconds.
    #[serde(default = "warming_seconds")]
    pub seconds: u64,
    /// Why warming up fails.
    #[serde(default)]
    pub fails: Option<String>,
}

fn warming_seconds() -> u64 {
    60
}

/// An event source mapping.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedEventSource {
    /// The ARN of the source.
    pub arn: String,
    /// The alias that it calls; left out, the function itself.
    #[serde(default)]
    pub alias: Option<String>,
}
