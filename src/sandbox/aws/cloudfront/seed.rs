//! Distributions of CloudFront as a scenario has them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A distribution, deployed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedDistribution {
    /// `Comment`.
    pub comment: String,
    /// Hosts of its own, `www.example.com`.
    pub aliases: Vec<String>,
    /// Where its objects come from; the first is that of the default behaviour.
    pub origins: Vec<SeedOrigin>,
    /// Behaviours for paths before the default one, in their order.
    pub behaviors: Vec<SeedBehavior>,
    /// `DefaultRootObject`, without a slash.
    pub root: String,
    /// How long edges keep an object that does not say it (`DefaultTTL`).
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub ttl: Duration,
    /// How long they keep one at the least (`MinTTL`).
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub min_ttl: Duration,
    /// How long they keep one at the most (`MaxTTL`).
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub max_ttl: Duration,
    /// Query strings tell objects apart.
    pub forwards_query: bool,
    /// What is shown in place of an error.
    pub error_pages: Vec<SeedErrorPage>,
    /// What buckets answer for a key that they do not have.
    pub missing: SeedMissing,
    /// Paths that edges have in their caches at the beginning, as they are then.
    pub warm: Vec<String>,
    /// Invalidations that were made before.
    pub invalidations: Vec<SeedInvalidation>,
    /// How often somebody else changes its comment right before an `UpdateDistribution` arrives.
    pub contended: u32,
    /// How long a change of the configuration takes to be deployed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub deploys_for: Duration,
    /// How long an invalidation takes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub invalidates_for: Duration,
    /// How long ago its configuration was changed last.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
}

impl Default for SeedDistribution {
    /// The TTLs are CloudFront's own defaults. Changes take minutes and invalidations less: the console says that the one
    /// takes about five, and the other is usually done within one.
    fn default() -> Self {
        Self {
            comment: String::new(),
            aliases: Vec::new(),
            origins: Vec::new(),
            behaviors: Vec::new(),
            root: "index.html".to_owned(),
            ttl: Duration::from_hours(24),
            min_ttl: Duration::ZERO,
            max_ttl: Duration::from_hours(365 * 24),
            forwards_query: false,
            error_pages: Vec::new(),
            missing: SeedMissing::Forbidden,
            warm: Vec::new(),
            invalidations: Vec::new(),
            contended: 0,
            deploys_for: Duration::from_mins(4),
            invalidates_for: Duration::from_mins(1),
            age: Duration::from_hours(24 * 90),
        }
    }
}

/// An origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedOrigin {
    /// Its id, which behaviours name.
    pub id: String,
    /// The bucket.
    pub bucket: String,
    /// `OriginPath`: empty, or with a slash before and none behind, `/releases/v42`.
    #[serde(default)]
    pub path: String,
}

/// A behaviour for some paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedBehavior {
    /// `PathPattern`, `/assets/*`.
    pub pattern: String,
    /// The id of the origin.
    pub origin: String,
}

/// What is shown in place of an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedErrorPage {
    /// The origin's status.
    pub of: u16,
    /// The page, `/index.html`.
    pub page: String,
    /// The status that viewers see.
    pub status: u16,
}

/// What a bucket answers for a key that it does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedMissing {
    /// 403: the distribution may not list the bucket, as nearly all may not.
    #[default]
    Forbidden,
    /// 404: it may.
    NotFound,
}

/// An invalidation that was made before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedInvalidation {
    /// Its paths.
    pub paths: Vec<String>,
    /// How long ago; younger than `invalidates_for`, it is under way.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
}
