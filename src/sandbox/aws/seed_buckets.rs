//! Buckets of S3 as a scenario has them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A bucket with its objects.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedBucket {
    /// Whether old versions are kept.
    pub versioning: Versioning,
    /// What was put, oldest first; the same key again is a newer version.
    pub objects: Vec<SeedObject>,
    /// Prefixes of keys that nobody may write or delete: a policy of the bucket denies it.
    pub locked: Vec<String>,
}

/// An object that was put, or deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedObject {
    /// Its key.
    pub key: String,
    /// Its body.
    #[serde(default)]
    pub body: String,
    /// How long ago it was put.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its version id; by default one that S3 makes up.
    #[serde(default)]
    pub version: Option<String>,
    /// It was deleted then and not put: with versions, a delete marker is left.
    #[serde(default)]
    pub deleted: bool,
    /// `Content-Type`; by default `binary/octet-stream`, as S3 has it.
    #[serde(default)]
    pub content_type: Option<String>,
    /// `Cache-Control`.
    #[serde(default)]
    pub cache_control: Option<String>,
    /// `Content-Encoding`.
    #[serde(default)]
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    #[serde(default)]
    pub content_disposition: Option<String>,
    /// `x-amz-website-redirect-location`, which no copy keeps.
    #[serde(default)]
    pub redirect: Option<String>,
    /// `x-amz-meta-*`, by name without the prefix.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The key of KMS that it is encrypted with; by default S3's own way is used. Its `ETag` is then no MD5 of the body.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The `ETag` without quotes where it is not the MD5 of the body, as after an upload in parts: `…-2`.
    #[serde(default)]
    pub etag: Option<String>,
}

/// `VersioningConfiguration.Status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Versioning {
    /// It never was enabled.
    #[default]
    Never,
    /// Every version is kept.
    Enabled,
    /// New versions take the place of the one without an id.
    Suspended,
}
