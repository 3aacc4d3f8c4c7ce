//! S3's operations: which there are, and those that only look at one object or bucket.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::buckets::{Bucket, Buckets, Writing};
use super::json::{present, text};
use super::object_version::{Is, Object, Version};
use super::refusal::Refusal;
use super::seed_buckets::Versioning;

impl Buckets {
    /// Performs an S3 operation whose request fits the model.
    pub(super) fn perform(
        &mut self,
        operation: &str,
        request: &Value,
        writing: &mut Writing<'_>,
    ) -> Result<Value, Refusal> {
        let name = text(request, "Bucket").unwrap_or_default();
        match operation {
            "GetObject" => self.bucket(name)?.get(request),
            "HeadObject" => self.bucket(name)?.head(request),
            "GetObjectTagging" => self.bucket(name)?.tagging(request),
            "HeadBucket" => self.bucket(name).map(|_| json!({})),
            "GetBucketVersioning" => Ok(match self.bucket(name)?.versioning {
                Versioning::Never => json!({}),
                Versioning::Enabled => json!({"Status": "Enabled"}),
                Versioning::Suspended => json!({"Status": "Suspended"}),
            }),
            "PutBucketVersioning" => self.bucket_mut(name)?.set_versioning(request),
            "ListObjectVersions" => self.bucket(name)?.list_versions(name, request),
            "ListObjectsV2" => self.bucket(name)?.list(name, request),
            "PutObject" => self.bucket_mut(name)?.put(request, writing),
            "CopyObject" => self.copy(request, writing),
            "DeleteObject" => self.bucket_mut(name)?.delete_one(request, writing),
            "DeleteObjects" => self.bucket_mut(name)?.delete_several(request, writing),
            _ => Err(Refusal::new("MethodNotAllowed", "The specified method is not allowed against this resource.")
                .with_status(405)),
        }
    }
}

/// The refusal where an object is asked for that is not there.
pub(super) fn no_key() -> Refusal {
    Refusal::new("NoSuchKey", "The specified key does not exist.").with_status(404)
}

/// The refusal where a condition of a request does not hold.
pub(super) fn precondition_failed() -> Refusal {
    let message = "At least one of the pre-conditions you specified did not hold";
    Refusal::new("PreconditionFailed", message).with_status(412)
}

impl Bucket {
    /// The version that a request names by `Key` and `VersionId`, and what it is. A delete marker is nothing to read.
    pub(super) fn asked_for(&self, key: &str, id: Option<&str>) -> Result<(&Version, &Object), Refusal> {
        let version = self.version(key, id).ok_or_else(|| match id {
            Some(_) => Refusal::new("NoSuchVersion", "The specified version does not exist.").with_status(404),
            None => no_key(),
        })?;
        match (&version.is, id) {
            (Is::Put(object), _) => Ok((version, object)),
            (Is::DeleteMarker, None) => Err(no_key()),
            (Is::DeleteMarker, Some(_)) => {
                let message = "The specified method is not allowed against this resource.";
                Err(Refusal::new("MethodNotAllowed", message).with_status(405))
            }
        }
    }

    /// The version's id as replies have it: buckets that never kept versions do not speak of them.
    pub(super) fn told_id<'a>(&self, version: &'a Version) -> Option<&'a str> {
        (self.versioning != Versioning::Never).then_some(version.id.as_str())
    }

    fn head(&self, request: &Value) -> Result<Value, Refusal> {
        if text(request, "Range").is_some() {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(Refusal::new("NotImplemented", message).with_status(501));
        }
        let key = text(request, "Key").unwrap_or_default();
        let (version, object) = self.asked_for(key, text(request, "VersionId"))?;
        let names = ["IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"];
        Conditions::of(request, names).hold(version, object, Unchanged::NotModified)?;
        let mut reply = object.described_in(version.at, request);
        reply.extend(self.told_id(version).map(|id| ("VersionId".to_owned(), json!(id))));
        Ok(Value::Object(reply))
    }

    fn get(&self, request: &Value) -> Result<Value, Refusal> {
        let mut reply = self.head(request)?;
        let key = text(request, "Key").unwrap_or_default();
        let (_, object) = self.asked_for(key, text(request, "VersionId"))?;
        if let Some(reply) = reply.as_object_mut() {
            reply.insert("Body".to_owned(), json!(object.readable()));
        }
        Ok(reply)
    }

    fn tagging(&self, request: &Value) -> Result<Value, Refusal> {
        let key = text(request, "Key").unwrap_or_default();
        let (version, object) = self.asked_for(key, text(request, "VersionId"))?;
        let tags: Vec<Value> = object.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(present(json!({"VersionId": self.told_id(version), "TagSet": tags})))
    }

    fn set_versioning(&mut self, request: &Value) -> Result<Value, Refusal> {
        self.versioning = match request.pointer("/VersioningConfiguration/Status").and_then(Value::as_str) {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(_) | None => {
                let message = "The Versioning element must be specified";
                return Err(Refusal::new("IllegalVersioningConfigurationException", message));
            }
        };
        Ok(json!({}))
    }
}

/// What becomes of a request whose `If-None-Match` or `If-Modified-Since` does not hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unchanged {
    /// 304: who reads has it already.
    NotModified,
    /// 412: who copies did not want it.
    PreconditionFailed,
}

/// The conditions of a request about an object that it reads.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    matches: Option<&'a str>,
    none_match: Option<&'a str>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
}

impl<'a> Conditions<'a> {
    /// The conditions in these four members of a request.
    pub(super) fn of(request: &'a Value, [matches, none_match, modified, unmodified]: [&str; 4]) -> Self {
        let time = |name: &str| text(request, name).and_then(|at| at.parse().ok());
        Self {
            matches: text(request, matches),
            none_match: text(request, none_match),
            modified_since: time(modified),
            unmodified_since: time(unmodified),
        }
    }

    /// Whether they hold. An `ETag` that is named decides, and the time beside it does not count (RFC 9110, 13.2.2).
    pub(super) fn hold(&self, version: &Version, object: &Object, unchanged: Unchanged) -> Result<(), Refusal> {
        let is_as_wanted = match (self.matches, self.unmodified_since) {
            (Some(etag), _) => object.is_matched_by(etag),
            (None, Some(since)) => version.at <= since,
            (None, None) => true,
        };
        if !is_as_wanted {
            return Err(precondition_failed());
        }
        let is_news = match (self.none_match, self.modified_since) {
            (Some(etag), _) => !object.is_matched_by(etag),
            (None, Some(since)) => version.at > since,
            (None, None) => true,
        };
        if is_news {
            return Ok(());
        }
        match unchanged {
            Unchanged::NotModified => Err(Refusal::new("NotModified", "Not Modified").with_status(304)),
            Unchanged::PreconditionFailed => Err(precondition_failed()),
        }
    }
}
