//! What an account's Amplify apps are when a scenario begins.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::super::seed::Answer;
use super::super::seed_pipelines::SeedCommit;

/// An Amplify app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedApp {
    /// The app's id: `d` and up to 19 lower-case letters and digits.
    pub id: String,
    /// The app's name.
    pub name: String,
    /// The repository that it is connected to, `https://github.com/owner/name`; `None` for an app that is deployed by
    /// hand.
    #[serde(default)]
    pub repository: Option<String>,
    /// Whether its branches build by themselves what is pushed, where they want to.
    #[serde(default = "yes")]
    pub auto_build: bool,
    /// The repository's commits, oldest first. Every branch points to the last.
    #[serde(default)]
    pub commits: Vec<SeedCommit>,
    /// How long the step BUILD takes, in seconds.
    #[serde(default = "build_seconds")]
    pub build_seconds: u64,
    /// Which commits cannot be built or deployed, and why.
    #[serde(default)]
    pub fails: BTreeMap<String, SeedJobFailure>,
    /// The branches, as a list or by name.
    #[serde(default, deserialize_with = "listed")]
    pub branches: Vec<SeedBranch>,
    /// The domains, as a list or by name.
    #[serde(default, deserialize_with = "listed")]
    pub domains: Vec<SeedDomain>,
    /// What the paths answer, by the commit or the address of the files that was published; other paths answer 200.
    #[serde(default)]
    pub site: BTreeMap<String, BTreeMap<String, Answer>>,
}

/// Reads things that have names as a list, or by name; by name a variant of a scenario can change one of them.
///
/// # Errors
/// When one cannot be read.
pub(in super::super) fn listed<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let listed = match Value::deserialize(from)? {
        Value::Object(by_name) => by_name
            .into_iter()
            .map(|(name, mut one)| {
                if let Some(members) = one.as_object_mut() {
                    members.insert("name".to_owned(), Value::from(name));
                }
                one
            })
            .collect(),
        listed @ (Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => listed,
    };
    serde_json::from_value(listed).map_err(serde::de::Error::custom)
}

fn yes() -> bool {
    true
}

fn build_seconds() -> u64 {
    90
}

/// Why a job fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedJobFailure {
    /// The step that fails: `BUILD`, `DEPLOY` or `VERIFY`.
    pub step: String,
    /// The step's `statusReason`.
    pub reason: String,
}

/// A branch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedBranch {
    /// The branch's name; it may have slashes.
    pub name: String,
    /// `stage`: `PRODUCTION`, `BETA`, `DEVELOPMENT`, `EXPERIMENTAL`.
    #[serde(default = "production")]
    pub stage: String,
    /// Whether it builds by itself what is pushed.
    #[serde(default = "yes")]
    pub auto_build: bool,
    /// ARN of the stack of its backend.
    #[serde(default)]
    pub backend_stack: Option<String>,
    /// Whether `enablePerformanceMode` is set.
    #[serde(default)]
    pub performance_mode: bool,
    /// The number of its first job: older ones are no longer kept.
    #[serde(default = "first")]
    pub first_job: u32,
    /// Past jobs, oldest first; they are numbered from `first_job`.
    #[serde(default)]
    pub jobs: Vec<SeedJob>,
    /// A job that is under way when the scenario begins.
    #[serde(default)]
    pub running: Option<SeedRunningJob>,
}

fn production() -> String {
    "PRODUCTION".to_owned()
}

fn first() -> u32 {
    1
}

/// `jobType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedJobKind {
    /// Started by a push, or by `StartJob`.
    #[default]
    Release,
    /// A repetition of an earlier one.
    Retry,
    /// Files that were handed over.
    Manual,
    /// Started by an incoming webhook. Its commit is lost: it names `HEAD`, and `RETRY` builds the newest commit.
    WebHook,
}

impl SeedJobKind {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Release => "RELEASE",
            Self::Retry => "RETRY",
            Self::Manual => "MANUAL",
            Self::WebHook => "WEB_HOOK",
        }
    }
}

/// A past job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedJob {
    /// The commit that it built, or for files that were handed over as a zip what `site` calls them.
    #[serde(default)]
    pub commit: Option<String>,
    /// How it came about.
    #[serde(default)]
    pub kind: SeedJobKind,
    /// Where its files came from, if by address.
    #[serde(default)]
    pub files: Option<SeedFiles>,
    /// Whether the service has lost its commit, so that `RETRY` builds the newest one instead. Jobs of webhooks have
    /// lost theirs anyway.
    #[serde(default)]
    pub loses_commit: bool,
    /// Whether it names its commit; jobs of webhooks name `HEAD` unless this says otherwise.
    #[serde(default)]
    pub names_commit: Option<bool>,
    /// How long ago it was started.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// How it ended.
    #[serde(default)]
    pub ended: SeedJobEnding,
}

/// How a past job ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedJobEnding {
    /// It was published.
    #[default]
    Succeeded,
    /// A step failed.
    Failed(SeedJobFailure),
    /// Somebody stopped it.
    Cancelled,
}

/// Files that were handed over by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFiles {
    /// `sourceUrl`: `s3://bucket/prefix/` or the address of a zip.
    pub url: String,
    /// `sourceUrlType`.
    #[serde(default)]
    pub kind: SeedSourceKind,
}

/// `sourceUrlType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedSourceKind {
    /// A zip.
    #[default]
    Zip,
    /// Every object under a prefix of a bucket.
    BucketPrefix,
}

impl SeedSourceKind {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Zip => "ZIP",
            Self::BucketPrefix => "BUCKET_PREFIX",
        }
    }
}

/// A job that is under way when the scenario begins: its step BUILD has just begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRunningJob {
    /// The commit that it builds.
    pub commit: String,
    /// How it came about.
    #[serde(default)]
    pub kind: SeedJobKind,
    /// How long ago it was started.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
}

/// A domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedDomain {
    /// The domain's name.
    pub name: String,
    /// Which branch each prefix shows; the empty prefix is the domain itself.
    pub sub_domains: Vec<SeedSubDomain>,
    /// `enableAutoSubDomain`.
    #[serde(default)]
    pub auto_sub_domain: bool,
    /// `autoSubDomainCreationPatterns`.
    #[serde(default)]
    pub auto_patterns: Vec<String>,
    /// `autoSubDomainIAMRole`.
    #[serde(default)]
    pub auto_role: Option<String>,
    /// ARN of a certificate of its own, where Amplify does not manage it.
    #[serde(default)]
    pub custom_certificate: Option<String>,
    /// How long an update takes, in seconds.
    #[serde(default = "update_seconds")]
    pub update_seconds: u64,
    /// Why updates fail, if they do.
    #[serde(default)]
    pub fails: Option<String>,
}

fn update_seconds() -> u64 {
    60
}

/// Which branch a prefix shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedSubDomain {
    /// The prefix.
    pub prefix: String,
    /// The branch.
    pub branch: String,
}
