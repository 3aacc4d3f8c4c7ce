//! One version of an object in S3: what was put, or the mark that it was deleted.

use std::collections::BTreeMap;

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::blob;
use super::json::{iso, text};
use super::payload;
use super::seed_buckets::SeedObject;

/// What S3 says of a body whose kind nobody told it.
const UNKNOWN_KIND: &str = "binary/octet-stream";
/// The headers that S3 keeps with an object and that a copy keeps too, by the names of their members.
const KEPT: [&str; 6] =
    ["CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires"];
const REDIRECT: &str = "WebsiteRedirectLocation";
/// The checksums that come with an object, by the names of their members.
const CHECKSUMS: [&str; 5] = ["ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256"];

/// A version of an object.
#[derive(Debug, Clone)]
pub(super) struct Version {
    /// `null` where versions were not kept when it was written.
    pub(super) id: String,
    /// To the second, as S3 tells it.
    pub(super) at: Timestamp,
    pub(super) is: Is,
}

/// What a version is.
#[derive(Debug, Clone)]
pub(super) enum Is {
    /// Something that was put.
    Put(Object),
    /// The object was deleted.
    DeleteMarker,
}

/// What was put.
#[derive(Debug, Clone, Default)]
pub(super) struct Object {
    pub(super) body: Bytes,
    /// Without quotes.
    pub(super) etag: String,
    /// By the names of the members: `CacheControl`, `ContentType`.
    pub(super) headers: BTreeMap<&'static str, String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    /// By the name of the member.
    checksum: Option<(&'static str, String)>,
    /// The key of KMS that it is encrypted with.
    kms_key: Option<String>,
}

impl Version {
    /// What was put; `None` for a delete marker.
    pub(super) fn object(&self) -> Option<&Object> {
        match &self.is {
            Is::Put(object) => Some(object),
            Is::DeleteMarker => None,
        }
    }
}

impl Object {
    /// What a scenario has.
    pub(super) fn seeded(seed: &SeedObject) -> Self {
        let body = Bytes::from(seed.body.clone());
        let headers = [
            ("CacheControl", &seed.cache_control),
            ("ContentDisposition", &seed.content_disposition),
            ("ContentEncoding", &seed.content_encoding),
            ("ContentType", &seed.content_type),
            (REDIRECT, &seed.redirect),
        ];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let etag = seed.etag.clone().unwrap_or_else(|| payload::etag(&body));
        let object = Self {
            etag,
            body,
            headers: headers.collect(),
            metadata: seed.metadata.clone(),
            tags: seed.tags.clone(),
            ..Self::default()
        };
        object.sealed(seed.kms_key.as_deref(), &seed.key)
    }

    /// Encrypted with this key of KMS, if one is named, and kept under `place`: its `ETag` says nothing of the body then.
    fn sealed(self, kms_key: Option<&str>, place: &str) -> Self {
        let etag = match kms_key {
            Some(key) => payload::etag(format!("{key} {place} {}", self.etag).as_bytes()),
            None => self.etag,
        };
        Self { etag, kms_key: kms_key.map(str::to_owned), ..self }
    }

    /// What a request puts.
    pub(super) fn put(request: &Value) -> Self {
        let body = Bytes::from(blob::bytes_of(text(request, "Body").unwrap_or_default()));
        let checksum = CHECKSUMS.into_iter().find_map(|name| Some((name, text(request, name)?.to_owned())));
        Self { etag: payload::etag(&body), body, checksum, ..Self::default() }.described(request).tagged(request)
    }

    /// A copy as `request` wants it. It has the `ETag` of a body that came in one piece, whatever its source had.
    pub(super) fn copied(&self, request: &Value) -> Self {
        let copy = Self { etag: payload::etag(&self.body), ..self.clone() };
        let is_of_kms = text(request, "ServerSideEncryption").is_some_and(|how| how.starts_with("aws:kms"));
        let kms_key = is_of_kms.then(|| text(request, "SSEKMSKeyId").unwrap_or("alias/aws/s3"));
        let mut copy = copy.sealed(kms_key, text(request, "Key").unwrap_or_default());
        copy.headers.remove(REDIRECT);
        if text(request, "TaggingDirective") == Some("REPLACE") {
            copy = copy.tagged(request);
        }
        if text(request, "MetadataDirective") == Some("REPLACE") {
            return copy.described(request);
        }
        copy.headers.extend(text(request, REDIRECT).map(|location| (REDIRECT, location.to_owned())));
        copy
    }

    /// With the headers and the metadata of `request` and no others.
    fn described(self, request: &Value) -> Self {
        let said = |name: &'static str| Some((name, text(request, name)?.to_owned()));
        let metadata = request.get("Metadata").and_then(Value::as_object).into_iter().flatten();
        let metadata = metadata.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let headers = KEPT.into_iter().chain([REDIRECT]).filter_map(said).collect();
        Self { headers, metadata: metadata.collect(), ..self }
    }

    fn tagged(self, request: &Value) -> Self {
        let tags = text(request, "Tagging").unwrap_or_default();
        Self { tags: serde_urlencoded::from_str(tags).unwrap_or_default(), ..self }
    }

    /// The body, where it is text.
    pub(super) fn text(&self) -> Option<String> {
        String::from_utf8(self.body.to_vec()).ok()
    }

    /// The body as a member of a reply.
    pub(super) fn readable(&self) -> String {
        blob::text_of(&self.body)
    }

    /// The `ETag` as it travels.
    pub(super) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }

    /// What an `ETag` of a condition has to be: quoted or not, or `*`.
    pub(super) fn is_matched_by(&self, etag: &str) -> bool {
        let mut any = etag.split(',').map(str::trim);
        any.any(|one| one == "*" || one.trim_matches('"') == self.etag)
    }

    /// The members of a reply that say what the object is, put at `at`.
    pub(super) fn described_in(&self, at: Timestamp, request: &Value) -> Map<String, Value> {
        let mut reply = Map::new();
        let mut say = |name: &str, value: Value| reply.insert(name.to_owned(), value);
        say("AcceptRanges", json!("bytes"));
        say("LastModified", iso(at));
        say("ContentLength", json!(self.body.len()));
        say("ETag", json!(self.quoted_etag()));
        say("ContentType", json!(UNKNOWN_KIND));
        for (name, value) in &self.headers {
            say(name, json!(value));
        }
        if !self.metadata.is_empty() {
            say("Metadata", json!(self.metadata));
        }
        if !self.tags.is_empty() {
            say("TagCount", json!(self.tags.len()));
        }
        if let Some(key) = &self.kms_key {
            say("ServerSideEncryption", json!("aws:kms"));
            say("SSEKMSKeyId", json!(key));
        }
        if let (Some((name, value)), Some("ENABLED")) = (&self.checksum, text(request, "ChecksumMode")) {
            say(name, json!(value));
            say("ChecksumType", json!("FULL_OBJECT"));
        }
        reply
    }

    /// The checksum that came with the object, as a member of a reply.
    pub(super) fn checksum(&self) -> Map<String, Value> {
        let told = self.checksum.iter().flat_map(|(name, value)| {
            [((*name).to_owned(), json!(value)), ("ChecksumType".to_owned(), json!("FULL_OBJECT"))]
        });
        told.collect()
    }
}
