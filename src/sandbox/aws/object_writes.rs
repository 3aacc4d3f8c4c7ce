//! S3's operations that change objects: put, copy, delete.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::buckets::{Bucket, Buckets, NO_ID, Writing};
use super::json::{iso, present, text};
use super::object_version::{Is, Object};
use super::objects::{Conditions, Unchanged, no_key, precondition_failed};
use super::refusal::Refusal;
use super::seed_buckets::Versioning;

/// How many keys one `DeleteObjects` may name.
const AT_ONCE: usize = 1000;

/// Where a copy comes from.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl Source {
    /// Reads `x-amz-copy-source`: `bucket/key`, escaped as in an address, and behind it perhaps `?versionId=…`. A plus
    /// that is not escaped is a space.
    fn read(sent: &str) -> Option<Self> {
        let (path, query) = sent.split_once('?').unwrap_or((sent, ""));
        let path = form_urlencoded::parse(format!("={}", path.replace('&', "%26")).as_bytes()).next()?.1.into_owned();
        let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/')?;
        let version = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "versionId");
        let named = !bucket.is_empty() && !key.is_empty();
        named.then(|| Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: version.map(|(_, id)| id.into_owned()),
        })
    }
}

impl Buckets {
    /// `CopyObject`.
    pub(super) fn copy(&mut self, request: &Value, writing: &mut Writing<'_>) -> Result<Value, Refusal> {
        let bucket = text(request, "Bucket").unwrap_or_default();
        let key = text(request, "Key").unwrap_or_default();
        let source = text(request, "CopySource").and_then(Source::read).ok_or_else(|| {
            let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
            Refusal::new("InvalidArgument", message)
        })?;
        let from = self.bucket(&source.bucket)?;
        let (version, object) = from.asked_for(&source.key, source.version.as_deref()).map_err(not_a_marker)?;
        let names =
            ["CopySourceIfMatch", "CopySourceIfNoneMatch", "CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince"];
        Conditions::of(request, names).hold(version, object, Unchanged::PreconditionFailed)?;
        let onto_itself = source.bucket == bucket && source.key == key && source.version.is_none();
        let changes = text(request, "MetadataDirective") == Some("REPLACE")
            || ["StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption"]
                .iter()
                .any(|member| text(request, member).is_some());
        if onto_itself && !changes {
            let message = "This copy request is illegal because it is trying to copy an object to itself without \
                changing the object's metadata, storage class, website redirect location or encryption attributes.";
            return Err(Refusal::new("InvalidRequest", message));
        }
        let source_id = from.told_id(version).map(str::to_owned);
        let copy = object.copied(request);
        let etag = copy.quoted_etag();
        let bucket = self.bucket_mut(bucket)?;
        bucket.may_be_replaced(key, request)?;
        let version = bucket.write(key, Is::Put(copy), None, writing);
        Ok(present(json!({
            "CopyObjectResult": {"ETag": etag, "LastModified": iso(version.at)},
            "CopySourceVersionId": source_id,
            "VersionId": bucket.told_id(&version),
        })))
    }
}

/// A delete marker that is named by its version cannot be copied either, and S3 has its own words for that.
fn not_a_marker(refusal: Refusal) -> Refusal {
    if refusal.code != "MethodNotAllowed" {
        return refusal;
    }
    let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
    Refusal::new("InvalidRequest", message)
}

impl Bucket {
    /// Whether a request may write at this key: no policy denies it, and its conditions hold.
    fn may_be_replaced(&self, key: &str, request: &Value) -> Result<(), Refusal> {
        self.may_write(key)?;
        let present = self.current(key);
        match (text(request, "IfMatch"), text(request, "IfNoneMatch"), present) {
            (Some(_), _, None) => Err(no_key()),
            (Some(etag), _, Some(object)) if !object.is_matched_by(etag) => Err(precondition_failed()),
            (_, Some("*"), Some(_)) => Err(precondition_failed()),
            (_, Some(other), _) if other != "*" => {
                let message = "A header you provided implies functionality that is not implemented";
                Err(Refusal::new("NotImplemented", message).with_status(501))
            }
            (Some(_) | None, Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// `PutObject`.
    pub(super) fn put(&mut self, request: &Value, writing: &mut Writing<'_>) -> Result<Value, Refusal> {
        let key = text(request, "Key").unwrap_or_default();
        self.may_be_replaced(key, request)?;
        let object = Object::put(request);
        let mut reply = object.checksum();
        reply.insert("ETag".to_owned(), json!(object.quoted_etag()));
        let version = self.write(key, Is::Put(object), None, writing);
        reply.extend(self.told_id(&version).map(|id| ("VersionId".to_owned(), json!(id))));
        Ok(Value::Object(reply))
    }

    /// `DeleteObject`.
    pub(super) fn delete_one(&mut self, request: &Value, writing: &mut Writing<'_>) -> Result<Value, Refusal> {
        let key = text(request, "Key").unwrap_or_default();
        let deleted = self.deleted(key, text(request, "VersionId"), text(request, "IfMatch"), writing)?;
        let mut reply = Map::new();
        if let Some(marker) = deleted.marker {
            reply.insert("DeleteMarker".to_owned(), json!(true));
            reply.insert("VersionId".to_owned(), json!(marker));
        }
        reply.extend(deleted.version.map(|id| ("VersionId".to_owned(), json!(id))));
        Ok(Value::Object(reply))
    }

    /// `DeleteObjects`: what cannot be deleted is told beside what was, and the call succeeds.
    pub(super) fn delete_several(&mut self, request: &Value, writing: &mut Writing<'_>) -> Result<Value, Refusal> {
        let asked = request.pointer("/Delete/Objects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if asked.is_empty() || asked.len() > AT_ONCE {
            let message = "The XML you provided was not well-formed or did not validate against our published schema";
            return Err(Refusal::new("MalformedXML", message));
        }
        let quietly = request.pointer("/Delete/Quiet").and_then(Value::as_bool) == Some(true);
        let (mut done, mut errors) = (Vec::new(), Vec::new());
        for one in asked {
            let (key, id) = (text(one, "Key").unwrap_or_default(), text(one, "VersionId"));
            match self.deleted(key, id, text(one, "ETag"), writing) {
                Ok(_) if quietly => {}
                Ok(deleted) => done.push(present(json!({
                    "Key": key,
                    "VersionId": deleted.version,
                    "DeleteMarker": deleted.marker.is_some().then_some(true),
                    "DeleteMarkerVersionId": deleted.marker,
                }))),
                Err(refusal) => errors.push(present(json!({
                    "Key": key, "VersionId": id, "Code": refusal.code, "Message": refusal.message,
                }))),
            }
        }
        let mut reply = Map::new();
        for (name, told) in [("Deleted", done), ("Errors", errors)] {
            if !told.is_empty() {
                reply.insert(name.to_owned(), Value::Array(told));
            }
        }
        Ok(Value::Object(reply))
    }

    /// Deletes an object, or removes the version that is named. What is not there is deleted too.
    fn deleted(
        &mut self,
        key: &str,
        id: Option<&str>,
        only_if: Option<&str>,
        writing: &mut Writing<'_>,
    ) -> Result<Deleted, Refusal> {
        self.may_write(key)?;
        match (only_if, self.version(key, id).and_then(|version| version.object())) {
            (Some(etag), Some(object)) if !object.is_matched_by(etag) => return Err(precondition_failed()),
            (Some(_), None) => return Err(no_key()),
            (Some(_) | None, Some(_) | None) => {}
        }
        // In a bucket that never kept versions, the one that there is has the id `null`.
        match id.filter(|id| *id != NO_ID || self.versioning != Versioning::Never) {
            None => Ok(Deleted { version: None, marker: self.delete(key, writing).map(|marker| marker.id) }),
            Some(id) => {
                let removed = self.remove(key, id);
                let marker = removed.filter(|version| version.object().is_none()).map(|version| version.id);
                Ok(Deleted { version: Some(id.to_owned()), marker })
            }
        }
    }
}

/// What became of a deletion.
struct Deleted {
    /// The version that was removed for good.
    version: Option<String>,
    /// The delete marker that was left, or removed.
    marker: Option<String>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("site/releases/v1/index.html", Some(("site", "releases/v1/index.html", None)))]
    #[case::with_a_slash("/site/a", Some(("site", "a", None)))]
    #[case::escaped("site/a%20b%2Bc%26d%3Fe", Some(("site", "a b+c&d?e", None)))]
    #[case::a_bare_plus("site/a+b", Some(("site", "a b", None)))]
    #[case::version("site/a?versionId=3%2F4", Some(("site", "a", Some("3/4"))))]
    #[case::all_escaped("site%2Fa", Some(("site", "a", None)))]
    #[case::no_key("site/", None)]
    #[case::no_bucket("a", None)]
    fn the_source_of_a_copy_is_escaped(#[case] sent: &str, #[case] read: Option<(&str, &str, Option<&str>)>) {
        let read = read.map(|(bucket, key, version)| Source {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: version.map(str::to_owned),
        });
        assert_eq!(Source::read(sent), read);
    }
}
