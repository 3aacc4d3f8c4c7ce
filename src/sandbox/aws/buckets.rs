//! S3: buckets with the versions of their objects.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::ids::Ids;
use super::object_version::{Is, Object, Version};
use super::refusal::Refusal;
use super::seed_buckets::{SeedBucket, Versioning};
use crate::incident::time::Now;

/// The id of a version that was written while versions were not kept.
pub(super) const NO_ID: &str = "null";

/// A bucket.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    pub(super) versioning: Versioning,
    /// Versions by key, oldest first; no key is without any.
    pub(super) objects: BTreeMap<String, Vec<Version>>,
    /// Prefixes of keys that nobody may write.
    locked: Vec<String>,
}

/// All buckets of the account.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) all: BTreeMap<String, Bucket>,
}

/// A write to a bucket: when, and where new ids come from.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    pub(super) at: Timestamp,
    pub(super) ids: &'a mut Ids,
}

impl Buckets {
    /// The buckets that the seed describes, at `now`.
    pub(super) fn seeded(seed: &BTreeMap<String, SeedBucket>, now: Now, ids: &mut Ids) -> Self {
        let mut all = BTreeMap::new();
        for (name, seed) in seed {
            let mut bucket = Bucket { versioning: seed.versioning, ..Bucket::default() };
            for object in &seed.objects {
                let age = SignedDuration::try_from(object.age).unwrap_or_default();
                let at = now.at.checked_sub(age).unwrap_or(Timestamp::MIN);
                let mut writing = Writing { at, ids };
                if object.deleted && object.version.is_none() {
                    bucket.delete(&object.key, &mut writing);
                    continue;
                }
                let is = if object.deleted { Is::DeleteMarker } else { Is::Put(Object::seeded(object)) };
                bucket.write(&object.key, is, object.version.clone(), &mut writing);
            }
            bucket.locked.clone_from(&seed.locked);
            all.insert(name.clone(), bucket);
        }
        Self { all }
    }

    /// A bucket by its name.
    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.all.get(name).ok_or_else(no_bucket)
    }

    /// A bucket by its name, to be changed.
    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        self.all.get_mut(name).ok_or_else(no_bucket)
    }

    /// What a version of an object is, the newest unless one is named; nothing where that is a delete marker.
    pub(super) fn object(&self, bucket: &str, key: &str, id: Option<&str>) -> Option<&Object> {
        self.all.get(bucket)?.version(key, id)?.object()
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
        let found = self.object(bucket, key, id.as_deref()).and_then(Object::text);
        found.ok_or_else(|| format!("S3 error: The specified key does not exist.\n{more}"))
    }
}

fn no_bucket() -> Refusal {
    Refusal::new("NoSuchBucket", "The specified bucket does not exist").with_status(404)
}

impl Bucket {
    /// A version of an object, the newest unless one is named.
    pub(super) fn version(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let versions = self.objects.get(key)?;
        match id {
            Some(id) => versions.iter().find(|version| version.id == id),
            None => versions.last(),
        }
    }

    /// What stands at a key now; nothing where it was deleted.
    pub(super) fn current(&self, key: &str) -> Option<&Object> {
        self.version(key, None)?.object()
    }

    /// The keys that begin with `prefix` and are at `from` or behind it, with their versions.
    pub(super) fn keys_from<'a>(
        &'a self,
        prefix: &'a str,
        from: Bound<&str>,
    ) -> impl Iterator<Item = (&'a String, &'a Vec<Version>)> + use<'a> {
        let from = match from {
            Bound::Included(key) | Bound::Excluded(key) if key < prefix => Bound::Included(prefix),
            Bound::Unbounded => Bound::Included(prefix),
            other @ (Bound::Included(_) | Bound::Excluded(_)) => other,
        };
        let range = self.objects.range::<str, _>((from, Bound::Unbounded));
        range.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Refuses what a policy of the bucket denies.
    pub(super) fn may_write(&self, key: &str) -> Result<(), Refusal> {
        if self.locked.iter().any(|prefix| key.starts_with(prefix.as_str())) {
            return Err(Refusal::new("AccessDenied", "Access Denied").with_status(403));
        }
        Ok(())
    }

    /// Writes a version, and returns it. Without versions it takes the place of the one that was there.
    pub(super) fn write(&mut self, key: &str, is: Is, id: Option<String>, writing: &mut Writing<'_>) -> Version {
        let at = Timestamp::from_second(writing.at.as_second()).unwrap_or(writing.at);
        let id = match self.versioning {
            Versioning::Enabled => id.unwrap_or_else(|| writing.ids.hex()),
            Versioning::Never | Versioning::Suspended => NO_ID.to_owned(),
        };
        let versions = self.objects.entry(key.to_owned()).or_default();
        if id == NO_ID {
            versions.retain(|version| version.id != NO_ID);
        }
        let version = Version { id, at, is };
        versions.push(version.clone());
        version
    }

    /// Deletes an object: where versions are kept a delete marker is left, and returned.
    pub(super) fn delete(&mut self, key: &str, writing: &mut Writing<'_>) -> Option<Version> {
        match self.versioning {
            Versioning::Never => {
                self.objects.remove(key);
                None
            }
            Versioning::Enabled | Versioning::Suspended => Some(self.write(key, Is::DeleteMarker, None, writing)),
        }
    }

    /// Removes one version for good, and returns it if it was there.
    pub(super) fn remove(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.objects.get_mut(key)?;
        let at = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(at);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::seed_buckets::SeedObject;
    use super::*;
    use crate::incident::time::Now;

    #[test]
    fn a_template_is_found_by_each_form_of_its_address() {
        let object = |body: &str, version: &str| SeedObject {
            key: "stacks/api.json".to_owned(),
            body: body.to_owned(),
            age: Duration::from_hours(1),
            version: Some(version.to_owned()),
            ..SeedObject::default()
        };
        let objects = vec![object("old", "v1"), object("new", "v2")];
        let seed = SeedBucket { versioning: Versioning::Enabled, objects, ..SeedBucket::default() };
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
