//! What a look at a function finds: plain data.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::settings::Settings;

/// What `$LATEST` is called.
pub const LATEST: &str = "$LATEST";

/// A function as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The function's name.
    pub function: String,
    /// The alias that callers use; none where they call the function itself.
    pub alias: Option<String>,
}

/// Settings as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The function's name.
    pub function: String,
    /// `Timeout`, in seconds.
    pub timeout: Option<u32>,
    /// `MemorySize`, in MiB.
    pub memory: Option<u32>,
    /// Environment variables that are set; the others stay.
    pub environment: BTreeMap<String, String>,
}

/// What was found of a function for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaInventory {
    /// What was looked for.
    pub spec: LambdaSpec,
    /// `$LATEST`.
    pub latest: Code,
    /// Its published versions, newest first.
    pub versions: Vec<Code>,
    /// The state of versions that were looked at, by version: lists do not tell it.
    pub states: BTreeMap<String, Standing>,
    /// All aliases with the version that each points at.
    pub aliases: Vec<(String, String)>,
    /// The alias that is configured.
    pub alias: Option<AliasInventory>,
    /// The stack that owns the function, by its tags.
    pub stack: Option<String>,
}

/// What was found of the settings of `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsInventory {
    /// What was looked for.
    pub spec: SettingsSpec,
    /// `$LATEST`.
    pub latest: Code,
    /// All aliases with the version that each points at: those keep their settings.
    pub aliases: Vec<(String, String)>,
    /// The stack that owns the function, by its tags.
    pub stack: Option<String>,
}

/// An alias and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasInventory {
    /// The alias.
    pub alias: Alias,
    /// Who calls it, as far as AWS shows that.
    pub callers: super::callers::Callers,
    /// Its provisioned concurrency, if it has any.
    pub provisioned: Option<Provisioned>,
    /// The deployment of `CodeDeploy` that shifts its traffic right now.
    pub shifting: super::shifting::Shifting,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The version that it points at.
    pub version: String,
    /// The other version that gets a part of its calls.
    pub weights: BTreeMap<String, Weight>,
    /// Changes with every change of the alias.
    pub revision: String,
}

/// A share of calls, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(pub u32);

impl Weight {
    /// The share that AWS writes as a number from 0 to 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 10,000")]
    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 10_000.0).round() as u32)
    }

    /// What the others leave.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(10_000_u32.saturating_sub(self.0))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, part) => write!(f, "{whole}.{part:02} %"),
        }
    }
}

/// Whether functions of it are kept warm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// How many are asked for.
    pub requested: i32,
    /// How many there are.
    pub available: i32,
    /// `IN_PROGRESS`, `READY` or `FAILED`.
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A version, or `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Code {
    /// Its number, or `$LATEST`.
    pub version: String,
    /// Its ARN with the version; that of `$LATEST` without.
    pub arn: String,
    /// What whoever published it wrote.
    pub description: String,
    /// `CodeSha256`: of an image, its digest.
    pub sha256: String,
    /// The size of the zip, in bytes; 0 for images.
    pub size: i64,
    /// How the code is packed.
    pub package: Package,
    /// The processor architectures that it is for.
    pub architectures: Vec<String>,
    /// When it was published or last changed.
    pub modified: Option<Timestamp>,
    /// Changes with every change of `$LATEST`.
    pub revision: String,
    /// Its settings.
    pub settings: Settings,
    /// `Timeout`, in seconds.
    pub timeout: u32,
    /// `MemorySize`, in MiB.
    pub memory: u32,
    /// Whether it can be called.
    pub standing: Standing,
    /// What has become of the last update.
    pub update: Standing,
}

/// How code is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Package {
    /// A zip.
    #[default]
    Zip,
    /// A container image.
    Image,
}

/// A state and why it is so: `State` or `LastUpdateStatus` with their reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// `Active`, `Pending`, `Inactive`, `Failed`; or `Successful`, `InProgress`, `Failed`. Empty where AWS does not tell.
    pub status: String,
    /// The reason's code.
    pub code: Option<String>,
    /// The reason in AWS's words.
    pub reason: Option<String>,
}

impl Standing {
    /// The reason, for people.
    pub fn why(&self) -> String {
        match (&self.code, &self.reason) {
            (Some(code), Some(reason)) => format!("{} ({code})", reason.trim_end_matches('.')),
            (Some(code), None) => code.clone(),
            (None, Some(reason)) => reason.trim_end_matches('.').to_owned(),
            (None, None) => "AWS does not say why".to_owned(),
        }
    }
}

impl Code {
    /// Its place in the order of publication; `$LATEST` comes after all.
    pub fn number(&self) -> u64 {
        number(&self.version)
    }

    /// Whether it has the same code as `other`.
    pub fn is_same_code(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

/// The place of a version in the order of publication; `$LATEST` comes after all.
pub fn number(version: &str) -> u64 {
    version.parse().unwrap_or(u64::MAX)
}

/// The beginning of a `CodeSha256`: enough to tell two apart.
pub fn short(sha256: &str) -> &str {
    sha256.get(..8).unwrap_or(sha256)
}

impl LambdaSpec {
    /// What it is, for people: `Lambda function jobs, alias live`.
    pub fn title(&self) -> String {
        match &self.alias {
            Some(alias) => format!("Lambda function {}, alias {alias}", self.function),
            None => format!("Lambda function {}", self.function),
        }
    }
}

impl LambdaInventory {
    /// The ARN of what is taken back: of the alias, or of the function.
    pub fn arn(&self) -> String {
        self.alias.as_ref().map_or_else(|| self.latest.arn.clone(), |found| found.alias.arn.clone())
    }

    /// The version called `version`, or `$LATEST`.
    pub fn code(&self, version: &str) -> Option<&Code> {
        if version == LATEST {
            return Some(&self.latest);
        }
        self.versions.iter().find(|one| one.version == version)
    }

    /// The newest version that answers calls: that of the alias or of its weights, or `$LATEST`.
    pub fn present(&self) -> Option<&Code> {
        let Some(AliasInventory { alias, .. }) = &self.alias else { return Some(&self.latest) };
        let newest = alias.weights.keys().chain([&alias.version]).max_by_key(|version| number(version))?;
        self.code(newest)
    }
}
