//! S3: buckets with the versions of their objects.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::ids::Ids;
use crate::incident::time::Now;

/// A bucket with its objects.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedBucket {
    /// Whether old versions are kept.
    pub versioning: Versioning,
    /// What was put, oldest first; the same key again is a newer version.
    pub objects: Vec<SeedObject>,
}

/// An object that was put.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedObject {
    /// Its key.
    pub key: String,
    /// Its body.
    pub body: String,
    /// How long ago it was put.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub age: Duration,
    /// Its version id; by default one that S3 makes up.
    #[serde(default)]
    pub version: Option<String>,
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

/// One version of an object.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) at: Timestamp,
    pub(super) etag: String,
}

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) versioning: Versioning,
    /// Versions by key, oldest first.
    pub(super) objects: BTreeMap<String, Vec<Version>>,
}

/// All buckets of the account.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) all: BTreeMap<String, Bucket>,
}

impl Buckets {
    /// The buckets that the seed describes, at `now`.
    pub(super) fn seeded(seed: &BTreeMap<String, SeedBucket>, now: Now, ids: &mut Ids) -> Self {
        let mut all = BTreeMap::new();
        for (name, seed) in seed {
            let mut objects: BTreeMap<String, Vec<Version>> = BTreeMap::new();
            for object in &seed.objects {
                let age = SignedDuration::try_from(object.age).unwrap_or_default();
                let versions = objects.entry(object.key.clone()).or_default();
                if seed.versioning != Versioning::Enabled {
                    versions.clear();
                }
                let id = match seed.versioning {
                    Versioning::Enabled => object.version.clone().unwrap_or_else(|| ids.hex()),
                    Versioning::Never | Versioning::Suspended => "null".to_owned(),
                };
                // MD5 in S3; a client only compares it.
                let etag = hex::encode(Sha256::digest(&object.body)).chars().take(32).collect();
                let at = now.at.checked_sub(age).unwrap_or(Timestamp::MIN);
                versions.push(Version { id, body: object.body.clone(), at, etag });
            }
            all.insert(name.clone(), Bucket { versioning: seed.versioning, objects });
        }
        Self { all }
    }

    /// A version of an object, the newest unless one is named.
    pub(super) fn version(&self, bucket: &str, key: &str, id: Option<&str>) -> Option<&Version> {
        let versions = self.all.get(bucket)?.objects.get(key)?;
        match id {
            Some(id) => versions.iter().find(|version| version.id == id),
            None => versions.last(),
        }
    }

    /// The template at an address of S3, or CloudFormation's complaint.
    pub(super) fn template(&self, url: &str) -> Result<String, String> {
        const UNSUPPORTED: &str = "TemplateURL must be a supported URL.";
        let url: Url = url.parse().ok().ok_or(UNSUPPORTED)?;
        let host = url.host_str().unwrap_or_default();
        let path = url.path().trim_start_matches('/');
        let virtual_hosted = host.split_once(".s3").filter(|(_, rest)| rest.ends_with(".amazonaws.com"));
        let by_path = host.starts_with("s3") && host.ends_with(".amazonaws.com");
        let (bucket, key) = match virtual_hosted {
            Some((bucket, _)) => (bucket, path),
            None => path.split_once('/').filter(|_| by_path).ok_or(UNSUPPORTED)?,
        };
        let id = url.query_pairs().find(|(name, _)| name == "versionId").map(|(_, id)| id.into_owned());
        let more = "For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html";
        if !self.all.contains_key(bucket) {
            return Err(format!("S3 error: The specified bucket does not exist\n{more}"));
        }
        let found = self.version(bucket, key, id.as_deref());
        found
            .map(|found| found.body.clone())
            .ok_or_else(|| format!("S3 error: The specified key does not exist.\n{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::time::Now;

    #[test]
    fn a_template_is_found_by_each_form_of_its_address() {
        let object = |body: &str, version: &str| SeedObject {
            key: "stacks/api.json".to_owned(),
            body: body.to_owned(),
            age: Duration::from_hours(1),
            version: Some(version.to_owned()),
        };
        let seed =
            SeedBucket { versioning: Versioning::Enabled, objects: vec![object("old", "v1"), object("new", "v2")] };
        let seed = BTreeMap::from([("artifacts".to_owned(), seed)]);
        let now = Now::real("2026-11-01T12:00:00Z".parse().unwrap());
        let buckets = Buckets::seeded(&seed, now, &mut Ids::default());
        let at = |url: &str| buckets.template(url);
        assert_eq!(at("https://artifacts.s3.eu-north-1.amazonaws.com/stacks/api.json").unwrap(), "new");
        assert_eq!(at("https://s3.eu-north-1.amazonaws.com/artifacts/stacks/api.json?versionId=v1").unwrap(), "old");
        assert!(at("https://artifacts.s3.amazonaws.com/stacks/web.json").unwrap_err().contains("specified key"));
        assert_eq!(at("https://example.com/api.json").unwrap_err(), "TemplateURL must be a supported URL.");
    }
}
