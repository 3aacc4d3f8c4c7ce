//! S3's operations, as far as templates and builds that lie there need them.

use serde_json::{Value, json};

use super::buckets::{Bucket, Buckets, Version, Versioning};
use super::json::{iso, present, text};
use super::refusal::Refusal;

/// Keys and versions on a page without `MaxKeys`; also the most.
const PAGE: usize = 1000;

impl Buckets {
    /// Performs an S3 operation whose request fits the model.
    pub(super) fn perform(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "Bucket").unwrap_or_default();
        let bucket = self
            .all
            .get(name)
            .ok_or_else(|| Refusal::new("NoSuchBucket", "The specified bucket does not exist").with_status(404))?;
        match operation {
            "GetObject" => {
                let (version, mut reply) = bucket.read(request)?;
                if let Some(reply) = reply.as_object_mut() {
                    reply.insert("Body".to_owned(), json!(version.body));
                }
                Ok(reply)
            }
            "HeadObject" => bucket.read(request).map(|(_, reply)| reply),
            "GetBucketVersioning" => Ok(match bucket.versioning {
                Versioning::Never => json!({}),
                Versioning::Enabled => json!({"Status": "Enabled"}),
                Versioning::Suspended => json!({"Status": "Suspended"}),
            }),
            "ListObjectVersions" => Ok(bucket.versions(name, request)),
            "ListObjectsV2" => Ok(bucket.list(name, request)),
            _ => Err(Refusal::new("MethodNotAllowed", "The specified method is not allowed against this resource.")
                .with_status(405)),
        }
    }
}

impl Bucket {
    fn read(&self, request: &Value) -> Result<(&Version, Value), Refusal> {
        let no_key = || Refusal::new("NoSuchKey", "The specified key does not exist.").with_status(404);
        let no_version = || Refusal::new("NoSuchVersion", "The specified version does not exist.").with_status(404);
        let versions = self.objects.get(text(request, "Key").unwrap_or_default()).ok_or_else(no_key)?;
        let version = match text(request, "VersionId") {
            None => versions.last().ok_or_else(no_key)?,
            Some(id) => versions.iter().find(|one| one.id == id).ok_or_else(no_version)?,
        };
        let reply = present(json!({
            "AcceptRanges": "bytes",
            "LastModified": iso(version.at),
            "ContentLength": version.body.len(),
            "ETag": format!("\"{}\"", version.etag),
            "VersionId": (self.versioning != Versioning::Never).then_some(&version.id),
            "ContentType": "binary/octet-stream",
        }));
        Ok((version, reply))
    }

    /// Newest first within each key, keys in their order; pages by `KeyMarker` and `VersionIdMarker`.
    fn versions(&self, name: &str, request: &Value) -> Value {
        let prefix = text(request, "Prefix").unwrap_or_default();
        let all = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let all: Vec<(&String, &Version, bool)> = all
            .flat_map(|(key, versions)| {
                versions.iter().rev().enumerate().map(move |(place, version)| (key, version, place == 0))
            })
            .collect();
        let from = match (text(request, "KeyMarker"), text(request, "VersionIdMarker")) {
            (None, _) => 0,
            (Some(marker), None) => all.iter().take_while(|(key, _, _)| key.as_str() <= marker).count(),
            (Some(marker), Some(id)) => {
                all.iter().position(|(key, version, _)| *key == marker && version.id == id).map_or(0, |at| at + 1)
            }
        };
        let length = most(request);
        let rest = all.get(from..).unwrap_or_default();
        let shown = rest.get(..length.min(rest.len())).unwrap_or_default();
        let listed: Vec<Value> = shown
            .iter()
            .map(|(key, version, latest)| {
                json!({
                    "ETag": format!("\"{}\"", version.etag),
                    "Size": version.body.len(),
                    "StorageClass": "STANDARD",
                    "Key": key,
                    "VersionId": version.id,
                    "IsLatest": latest,
                    "LastModified": iso(version.at),
                })
            })
            .collect();
        let next = shown.last().filter(|_| shown.len() < rest.len());
        present(json!({
            "IsTruncated": next.is_some(),
            "NextKeyMarker": next.map(|(key, _, _)| key),
            "NextVersionIdMarker": next.map(|(_, version, _)| &version.id),
            "Versions": listed,
            "Name": name,
            "Prefix": prefix,
            "MaxKeys": length,
        }))
    }

    fn list(&self, name: &str, request: &Value) -> Value {
        let prefix = text(request, "Prefix").unwrap_or_default();
        let after = text(request, "ContinuationToken").or_else(|| text(request, "StartAfter")).unwrap_or_default();
        let some = self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let rest: Vec<(&String, &Version)> = some.filter_map(|(key, versions)| Some((key, versions.last()?))).collect();
        let length = most(request);
        let shown = rest.get(..length.min(rest.len())).unwrap_or_default();
        let listed: Vec<Value> = shown
            .iter()
            .map(|(key, version)| {
                json!({
                    "Key": key,
                    "LastModified": iso(version.at),
                    "ETag": format!("\"{}\"", version.etag),
                    "Size": version.body.len(),
                    "StorageClass": "STANDARD",
                })
            })
            .collect();
        let next = shown.last().filter(|_| shown.len() < rest.len());
        present(json!({
            "IsTruncated": next.is_some(),
            "NextContinuationToken": next.map(|(key, _)| key),
            "Contents": listed,
            "Name": name,
            "Prefix": prefix,
            "MaxKeys": length,
            "KeyCount": shown.len(),
        }))
    }
}

fn most(request: &Value) -> usize {
    let asked = request.get("MaxKeys").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    asked.unwrap_or(PAGE).min(PAGE)
}
