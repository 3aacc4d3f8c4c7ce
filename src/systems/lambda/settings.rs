//! The settings of a version or of `$LATEST`, so that two of them can be compared. Pure.
//!
//! Values of environment variables are secrets more often than not. They are kept as digests, so that no message, log or
//! record can show one.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{ApplicationLogLevel, FunctionConfiguration, LogFormat, SystemLogLevel};
use sha2::{Digest as _, Sha256};

/// A setting that `UpdateFunctionConfiguration` can set, in the order in which people read them. `Description` is left
/// out: a version's is that of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// `Timeout`.
    Timeout,
    /// `MemorySize`.
    Memory,
    /// `Runtime`.
    Runtime,
    /// `Handler`.
    Handler,
    /// `Role`.
    Role,
    /// `Layers`.
    Layers,
    /// `VpcConfig`.
    Vpc,
    /// `DeadLetterConfig`.
    DeadLetter,
    /// `KMSKeyArn`.
    Key,
    /// `TracingConfig`.
    Tracing,
    /// `FileSystemConfigs`.
    FileSystems,
    /// `EphemeralStorage`.
    Storage,
    /// `ImageConfig`.
    Image,
    /// `SnapStart`.
    SnapStart,
    /// `LoggingConfig`.
    Logging,
}

impl Setting {
    /// What people call it.
    fn words(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Runtime => "runtime",
            Self::Handler => "handler",
            Self::Role => "role",
            Self::Layers => "layers",
            Self::Vpc => "VPC",
            Self::DeadLetter => "dead-letter queue",
            Self::Key => "KMS key",
            Self::Tracing => "tracing",
            Self::FileSystems => "file systems",
            Self::Storage => "/tmp size",
            Self::Image => "image settings",
            Self::SnapStart => "SnapStart",
            Self::Logging => "logging",
        }
    }

    /// Whether both values are shown; others are long, and only said to differ.
    fn is_short(self) -> bool {
        match self {
            Self::Timeout | Self::Memory | Self::Runtime | Self::Handler | Self::Tracing | Self::Storage => true,
            Self::Role
            | Self::Layers
            | Self::Vpc
            | Self::DeadLetter
            | Self::Key
            | Self::FileSystems
            | Self::Image
            | Self::SnapStart
            | Self::Logging => false,
        }
    }
}

/// The digest of a value that nobody is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of `value`.
    pub fn of(value: &str) -> Self {
        Self(Sha256::digest(value.as_bytes()).into())
    }
}

/// All settings of a version or of `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// What is set; what has AWS's empty value is absent.
    pub values: BTreeMap<Setting, String>,
    /// Environment variables.
    pub environment: BTreeMap<String, Fingerprint>,
    /// Why the environment could not be read, in AWS's words; then `environment` says nothing.
    pub unreadable: Option<String>,
}

/// What becomes of an environment variable on the way from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Changed,
    Added,
    Removed,
}

impl Settings {
    /// The settings that AWS tells of.
    pub fn of(told: &FunctionConfiguration) -> Self {
        let mut values = BTreeMap::new();
        let mut put = |setting: Setting, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                values.insert(setting, value);
            }
        };
        put(Setting::Timeout, told.timeout.map(|seconds| format!("{seconds} s")));
        put(Setting::Memory, told.memory_size.map(|size| format!("{size} MB")));
        put(Setting::Runtime, told.runtime.as_ref().map(|runtime| runtime.as_str().to_owned()));
        put(Setting::Handler, told.handler.clone());
        put(Setting::Role, told.role.clone());
        put(Setting::Layers, Some(list(told.layers().iter().filter_map(|layer| layer.arn.as_deref()))));
        put(
            Setting::Vpc,
            told.vpc_config.as_ref().map(|vpc| {
                let mut parts: Vec<&str> =
                    vpc.subnet_ids().iter().chain(vpc.security_group_ids()).map(String::as_str).collect();
                parts.sort_unstable();
                list(parts.into_iter())
            }),
        );
        put(Setting::DeadLetter, told.dead_letter_config.as_ref().and_then(|queue| queue.target_arn.clone()));
        put(Setting::Key, told.kms_key_arn.clone());
        let tracing = told.tracing_config.as_ref().and_then(|tracing| tracing.mode.as_ref());
        put(Setting::Tracing, tracing.map(|mode| mode.as_str().to_owned()).filter(|mode| mode != "PassThrough"));
        let systems = told.file_system_configs().iter().map(|one| format!("{} {}", one.arn, one.local_mount_path));
        put(Setting::FileSystems, Some(systems.collect::<Vec<_>>().join(", ")));
        let storage = told.ephemeral_storage.as_ref().map(|storage| storage.size);
        put(Setting::Storage, storage.filter(|size| *size != DEFAULT_STORAGE).map(|size| format!("{size} MB")));
        let image = told.image_config_response.as_ref().and_then(|image| image.image_config.as_ref());
        put(
            Setting::Image,
            image.map(|image| {
                let parts = image.entry_point().iter().chain(image.command()).map(String::as_str);
                list(parts.chain(image.working_directory()))
            }),
        );
        let snap = told.snap_start.as_ref().and_then(|snap| snap.apply_on.as_ref());
        put(Setting::SnapStart, snap.map(|on| on.as_str().to_owned()).filter(|on| on != "None"));
        put(
            Setting::Logging,
            told.logging_config.as_ref().map(|logging| {
                let format = logging.log_format.as_ref().map(LogFormat::as_str);
                let level = logging.application_log_level.as_ref().map(ApplicationLogLevel::as_str);
                let system = logging.system_log_level.as_ref().map(SystemLogLevel::as_str);
                list([format, level, system, logging.log_group.as_deref()].into_iter().flatten())
            }),
        );
        let environment = told.environment.as_ref();
        let variables = environment.and_then(|environment| environment.variables.as_ref()).into_iter().flatten();
        let error = environment.and_then(|environment| environment.error.as_ref());
        Self {
            values,
            environment: variables.map(|(name, value)| (name.clone(), Fingerprint::of(value))).collect(),
            unreadable: error.map(|error| {
                error
                    .message
                    .clone()
                    .or_else(|| error.error_code.clone())
                    .unwrap_or_else(|| "no reason given".to_owned())
            }),
        }
    }

    /// Which settings differ from `other`'s, the environment aside.
    pub fn differing(&self, other: &Self) -> Vec<Setting> {
        let mut all: Vec<Setting> = self.values.keys().chain(other.values.keys()).copied().collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|setting| self.values.get(setting) != other.values.get(setting));
        all
    }

    /// What changes on the way from these settings to `other`, a few words each: values of numbers and names, and of
    /// environment variables the names alone.
    pub fn changes_to(&self, other: &Self) -> Vec<String> {
        let mut words: Vec<String> =
            self.differing(other).into_iter().map(|setting| self.change(setting, other)).collect();
        let fates: Vec<(&str, Fate)> = self.fates(other);
        for (fate, what) in
            [(Fate::Changed, "get another value"), (Fate::Added, "are added"), (Fate::Removed, "are removed")]
        {
            let names: Vec<&str> = fates.iter().filter(|(_, one)| *one == fate).map(|(name, _)| *name).collect();
            match names.as_slice() {
                [] => {}
                [one] => words.push(format!("the environment variable {one} {}", singular(what))),
                several => words.push(format!("the environment variables {} {what}", several.join(", "))),
            }
        }
        words
    }

    fn change(&self, setting: Setting, other: &Self) -> String {
        let name = setting.words();
        match (self.values.get(&setting), other.values.get(&setting)) {
            (Some(from), Some(to)) if setting.is_short() => format!("{name} {from} → {to}"),
            (Some(_), Some(_)) => format!("another {name}"),
            (None, Some(to)) if setting.is_short() => format!("{name} {to}"),
            (None, Some(_)) => format!("{name} set"),
            (Some(_) | None, None) => format!("{name} back to none"),
        }
    }

    fn fates<'s>(&'s self, other: &'s Self) -> Vec<(&'s str, Fate)> {
        let before = self.environment.iter().filter_map(|(name, value)| match other.environment.get(name) {
            Some(after) if after == value => None,
            Some(_) => Some((name.as_str(), Fate::Changed)),
            None => Some((name.as_str(), Fate::Removed)),
        });
        let added = other.environment.keys().filter(|name| !self.environment.contains_key(*name));
        before.chain(added.map(|name| (name.as_str(), Fate::Added))).collect()
    }
}

/// Lambda: /tmp has 512 MB unless something else is asked for.
pub(super) const DEFAULT_STORAGE: i32 = 512;

fn list<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn singular(what: &str) -> &str {
    match what {
        "get another value" => "gets another value",
        "are added" => "is added",
        _ => "is removed",
    }
}
