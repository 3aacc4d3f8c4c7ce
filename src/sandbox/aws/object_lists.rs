//! S3's lists of objects and of their versions, a page at a time. A page costs what is on it, however large the bucket.

use std::ops::Bound;

use serde_json::{Value, json};
use url::form_urlencoded;

use super::buckets::Bucket;
use super::json::{iso, present, text};
use super::object_version::{Is, Object, Version};
use super::refusal::Refusal;

/// Keys and versions on a page without `MaxKeys`; also the most.
const PAGE: usize = 1000;
/// What no key that begins with a common prefix is behind.
const LAST: char = char::MAX;

/// What a list is asked for.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    most: usize,
    is_escaped: bool,
}

impl<'a> Asked<'a> {
    fn of(request: &'a Value) -> Self {
        let most = request.get("MaxKeys").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        Self {
            prefix: text(request, "Prefix").unwrap_or_default(),
            delimiter: text(request, "Delimiter").filter(|delimiter| !delimiter.is_empty()),
            most: most.unwrap_or(PAGE).min(PAGE),
            is_escaped: text(request, "EncodingType") == Some("url"),
        }
    }

    /// The common prefix that a key is listed under, up to the delimiter behind what was asked for.
    fn common<'k>(&self, key: &'k str) -> Option<&'k str> {
        let rest = key.strip_prefix(self.prefix)?;
        let delimiter = self.delimiter?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..end)
    }

    /// A key as the reply has it.
    fn written(&self, key: &str) -> String {
        if !self.is_escaped {
            return key.to_owned();
        }
        form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/")
    }

    fn written_prefixes(&self, prefixes: &[&str]) -> Option<Vec<Value>> {
        let all = prefixes.iter().map(|prefix| json!({"Prefix": self.written(prefix)})).collect();
        (!prefixes.is_empty()).then_some(all)
    }
}

/// Behind every key that has this common prefix.
fn behind(common: &str) -> String {
    format!("{common}{LAST}")
}

impl Bucket {
    /// `ListObjectsV2`.
    pub(super) fn list(&self, name: &str, request: &Value) -> Result<Value, Refusal> {
        let asked = Asked::of(request);
        let mut after = match text(request, "ContinuationToken") {
            Some(token) => position_of(token)?,
            None => text(request, "StartAfter").unwrap_or_default().to_owned(),
        };
        let (mut objects, mut prefixes): (Vec<(&str, &Version, &Object)>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut next = None;
        loop {
            let from = if after.is_empty() { Bound::Unbounded } else { Bound::Excluded(after.as_str()) };
            let live = self.keys_from(asked.prefix, from).filter_map(|(key, versions)| {
                let version = versions.last()?;
                Some((key.as_str(), version, version.object()?))
            });
            let Some((key, version, object)) = { live }.next() else { break };
            if objects.len() + prefixes.len() == asked.most {
                next = (asked.most > 0).then_some(after);
                break;
            }
            after = if let Some(common) = asked.common(key) {
                prefixes.push(common);
                behind(common)
            } else {
                objects.push((key, version, object));
                key.to_owned()
            };
        }
        let listed: Vec<Value> = objects
            .iter()
            .map(|(key, version, object)| {
                json!({
                    "Key": asked.written(key),
                    "LastModified": iso(version.at),
                    "ETag": object.quoted_etag(),
                    "Size": object.body.len(),
                    "StorageClass": "STANDARD",
                })
            })
            .collect();
        Ok(present(json!({
            "IsTruncated": next.is_some(),
            "NextContinuationToken": next.map(|after| hex::encode(after.as_bytes())),
            "ContinuationToken": text(request, "ContinuationToken"),
            "StartAfter": text(request, "StartAfter").map(|key| asked.written(key)),
            "KeyCount": objects.len() + prefixes.len(),
            "Contents": (!listed.is_empty()).then_some(listed),
            "CommonPrefixes": asked.written_prefixes(&prefixes),
            "Name": name,
            "Prefix": asked.written(asked.prefix),
            "Delimiter": asked.delimiter.map(|delimiter| asked.written(delimiter)),
            "EncodingType": text(request, "EncodingType"),
            "MaxKeys": asked.most,
        })))
    }

    /// `ListObjectVersions`: newest first within each key, keys in their order.
    pub(super) fn list_versions(&self, name: &str, request: &Value) -> Result<Value, Refusal> {
        let asked = Asked::of(request);
        let marker = text(request, "KeyMarker").filter(|marker| !marker.is_empty());
        let version_marker = text(request, "VersionIdMarker").filter(|marker| !marker.is_empty());
        let start = match (marker, version_marker) {
            (None, Some(_)) => {
                let message = "A version-id marker cannot be specified without a key marker.";
                return Err(Refusal::new("InvalidArgument", message));
            }
            (None, None) => Start::Beginning,
            (Some(key), Some(id)) => Start::WithinKey { key, id },
            (Some(key), None) => Start::BehindKey(match asked.common(key) {
                Some(common) if common == key => behind(common),
                Some(_) | None => key.to_owned(),
            }),
        };
        let (mut versions, mut prefixes): (Vec<(&str, &Version, bool)>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut next = None;
        let mut last: (&str, Option<&str>) = ("", None);
        'keys: for (key, of_key) in self.keys_from(asked.prefix, start.bound()) {
            if let Some(common) = asked.common(key) {
                if prefixes.last() != Some(&common) {
                    if versions.len() + prefixes.len() == asked.most {
                        next = Some(last);
                        break;
                    }
                    prefixes.push(common);
                    last = (common, None);
                }
                continue;
            }
            for (place, version) in of_key.iter().rev().enumerate().skip(start.skipped(key, of_key)?) {
                if versions.len() + prefixes.len() == asked.most {
                    next = Some(last);
                    break 'keys;
                }
                versions.push((key, version, place == 0));
                last = (key, Some(&version.id));
            }
        }
        let next = next.filter(|_| asked.most > 0);
        let (mut put, mut markers) = (Vec::new(), Vec::new());
        for (key, version, is_latest) in versions {
            let told = json!({
                "Key": asked.written(key),
                "VersionId": version.id,
                "IsLatest": is_latest,
                "LastModified": iso(version.at),
            });
            match &version.is {
                Is::DeleteMarker => markers.push(told),
                Is::Put(object) => put.push(with(
                    told,
                    json!({
                        "ETag": object.quoted_etag(), "Size": object.body.len(), "StorageClass": "STANDARD",
                    }),
                )),
            }
        }
        Ok(present(json!({
            "IsTruncated": next.is_some(),
            "KeyMarker": marker.map(|key| asked.written(key)),
            "VersionIdMarker": version_marker,
            "NextKeyMarker": next.map(|(key, _)| asked.written(key)),
            "NextVersionIdMarker": next.and_then(|(_, id)| id),
            "Versions": (!put.is_empty()).then_some(put),
            "DeleteMarkers": (!markers.is_empty()).then_some(markers),
            "CommonPrefixes": asked.written_prefixes(&prefixes),
            "Name": name,
            "Prefix": asked.written(asked.prefix),
            "Delimiter": asked.delimiter.map(|delimiter| asked.written(delimiter)),
            "EncodingType": text(request, "EncodingType"),
            "MaxKeys": asked.most,
        })))
    }
}

/// Where a page of versions begins.
enum Start<'a> {
    Beginning,
    /// Behind a version of a key.
    WithinKey {
        key: &'a str,
        id: &'a str,
    },
    BehindKey(String),
}

impl Start<'_> {
    fn bound(&self) -> Bound<&str> {
        match self {
            Self::Beginning => Bound::Unbounded,
            Self::WithinKey { key, .. } => Bound::Included(key),
            Self::BehindKey(key) => Bound::Excluded(key),
        }
    }

    /// How many versions of this key, newest first, were on pages before.
    fn skipped(&self, key: &str, versions: &[Version]) -> Result<usize, Refusal> {
        match self {
            Self::WithinKey { key: marker, id } if *marker == key => {
                let place = versions.iter().rev().position(|version| version.id == *id);
                let unknown = || Refusal::new("InvalidArgument", "Invalid version id specified");
                place.map(|place| place + 1).ok_or_else(unknown)
            }
            Self::Beginning | Self::WithinKey { .. } | Self::BehindKey(_) => Ok(0),
        }
    }
}

/// What a continuation token stands for.
fn position_of(token: &str) -> Result<String, Refusal> {
    let position = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    position.ok_or_else(|| Refusal::new("InvalidArgument", "The continuation token provided is incorrect"))
}

fn with(mut told: Value, more: Value) -> Value {
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    told
}
