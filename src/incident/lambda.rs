//! What a step does that takes a Lambda function back, or changes its settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A function's part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "changes", rename_all = "snake_case")]
pub enum LambdaWork {
    /// Points an alias at a version, and at nothing else.
    Alias(AliasFlip),
    /// Gives `$LATEST` the code and the settings of a version.
    Code(VersionBack),
    /// Changes some settings of `$LATEST`, and leaves its code alone.
    Settings(SettingsChange),
}

/// An alias, and the version that shall answer all its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasFlip {
    /// The function's name.
    pub function: String,
    /// The alias's name.
    pub alias: String,
    /// The version that it pointed at when the plan was made.
    pub from: String,
    /// The version that it shall point at.
    pub to: String,
}

/// A function without an alias, and the version whose code and settings `$LATEST` shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionBack {
    /// The function's name.
    pub function: String,
    /// The version.
    pub version: String,
    /// `CodeSha256` of `$LATEST` when the plan was made.
    pub from: String,
    /// `CodeSha256` of the version.
    pub to: String,
}

/// Settings of `$LATEST` that are set; what is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// The function's name.
    pub function: String,
    /// `Timeout`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Change>,
    /// `MemorySize`, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Change>,
    /// Environment variables that are set, as the configuration has them; the others stay. People are shown the names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
}

/// A number, before and after: before is the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it was when the plan was made.
    pub from: u32,
    /// What it shall be.
    pub to: u32,
}

impl LambdaWork {
    /// The function's name.
    pub fn function(&self) -> &str {
        match self {
            Self::Alias(flip) => &flip.function,
            Self::Code(back) => &back.function,
            Self::Settings(change) => &change.function,
        }
    }

    /// What approval binds beside resource, releases, verbs and losses: what exactly is set. A version cannot change, so
    /// for the others the releases say it all.
    pub fn bound(&self) -> Option<serde_json::Value> {
        match self {
            Self::Alias(_) | Self::Code(_) => None,
            Self::Settings(change) => serde_json::to_value(change).ok(),
        }
    }

    /// Whether it could go to another version as well.
    pub fn chooses(&self) -> bool {
        match self {
            Self::Alias(_) | Self::Code(_) => true,
            Self::Settings(_) => false,
        }
    }

    /// What has changed between two looks where [`LambdaWork::bound`] differs.
    pub fn drifted(&self) -> &'static str {
        "the settings are others now, or others shall be set"
    }
}
