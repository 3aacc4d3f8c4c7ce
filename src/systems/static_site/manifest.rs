//! What exactly a rollback writes and deletes, object by object. Pure.
//!
//! It is made when the plan is, and put into the store under the digest of its bytes; the plan binds that digest, so what
//! was approved is what is written, also when a site has ten thousand objects and the record only their numbers. While it
//! is carried out, each live object has to be as the plan found it or as the plan wants it. Anything else was written by
//! somebody else, and is never written over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::object::{Listing, is_of_parts};
use super::order::{Group, Was, group};
use crate::incident::ids::Digest;
use crate::incident::site::Counts;

/// What exactly is written and deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bucket.
    pub bucket: String,
    /// The prefix that is copied from.
    pub source: String,
    /// The prefix that is written to.
    pub live: String,
    /// The prefix within it that is not live: the builds, where visitors see the whole bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// What is copied, in its order.
    pub copies: Vec<Copy>,
    /// What is live already as it shall be.
    pub same: Vec<Same>,
    /// What is deleted, after everything else.
    pub deletes: Vec<Delete>,
    /// How many live objects stay although the release does not have them.
    pub extra: u64,
    /// The key of KMS that the copies are encrypted with, where the present objects are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Seal>,
}

/// How objects are encrypted, where that is not S3's own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key's ARN; the bucket's or AWS's own where there is none.
    pub key: Option<String>,
}

/// An object that is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Its key, counted from the prefixes.
    pub key: String,
    /// The `ETag` of what is copied: S3 copies it only if that has it still.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// The `ETag` of what is live under that key; `None` where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The version that is copied, where it is one of the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its storage class where that is not `STANDARD`: a copy does not keep it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Where a website sends whoever asks for it: a copy does not keep that by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
}

/// An object that is live already as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Same {
    /// Its key, counted from the prefix.
    pub key: String,
    /// The `ETag` of what is live.
    pub etag: String,
}

/// An object that is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Its key, counted from the prefix.
    pub key: String,
    /// The `ETag` of what is live.
    pub etag: String,
}

/// What shall be live under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its `ETag`.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its storage class where that is not `STANDARD`.
    pub class: Option<String>,
    /// The version of the same key that it is, where it is one.
    pub version: Option<String>,
}

/// Where a manifest leads from and to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The bucket.
    pub bucket: String,
    /// The prefix that is copied from.
    pub source: String,
    /// The prefix that is written to.
    pub live: String,
    /// The prefix within it that is not live.
    pub except: Option<String>,
}

/// What looks at single objects found, beside the listings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Keys whose content is the same and whose headers are not.
    pub differing: BTreeSet<String>,
    /// Where a website sends whoever asks, by key.
    pub redirects: BTreeMap<String, String>,
    /// How the present objects are encrypted, where that is not S3's own way.
    pub sealed: Option<Seal>,
}

/// What becomes of live objects that the release does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// They are deleted, after everything else.
    Deleted,
    /// They stay.
    Left,
}

impl Manifest {
    /// What has to be done so that `live` becomes `wanted`.
    pub fn between(
        places: Places,
        wanted: &BTreeMap<String, Wanted>,
        live: &Listing,
        headers: &Headers,
        extra: Extra,
    ) -> Self {
        let mut copies = Vec::new();
        let mut same = Vec::new();
        for (key, wanted) in wanted {
            let present = live.get(key);
            let is_same = present.is_some_and(|object| object.etag == wanted.etag && object.size == wanted.size);
            if is_same && !headers.differing.contains(key) {
                same.push(Same { key: key.clone(), etag: wanted.etag.clone() });
            } else {
                copies.push(Copy {
                    key: key.clone(),
                    etag: wanted.etag.clone(),
                    size: wanted.size,
                    was: present.map(|object| object.etag.clone()),
                    version: wanted.version.clone(),
                    class: wanted.class.clone(),
                    redirect: headers.redirects.get(key).cloned(),
                });
            }
        }
        copies.sort_by(|one, other| (one.group(), &one.key).cmp(&(other.group(), &other.key)));
        let beyond = live.iter().filter(|(key, _)| !wanted.contains_key(*key));
        let (deletes, left) = match extra {
            Extra::Deleted => {
                let delete = |(key, object): (&String, &super::object::Object)| Delete {
                    key: key.clone(),
                    etag: object.etag.clone(),
                };
                (beyond.map(delete).collect(), 0)
            }
            Extra::Left => (Vec::new(), beyond.count() as u64),
        };
        let Places { bucket, source, live, except } = places;
        Self { bucket, source, live, except, copies, same, deletes, extra: left, sealed: headers.sealed.clone() }
    }

    /// Its bytes, as the store keeps them.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What the plan binds.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// What it comes to.
    pub fn counts(&self) -> Counts {
        Counts {
            copied: self.copies.len() as u64,
            bytes: self.copies.iter().map(|copy| copy.size).sum(),
            deleted: self.deletes.len() as u64,
            left: (self.same.len() as u64).saturating_add(self.extra),
        }
    }

    /// Whether there is nothing to write or delete.
    pub fn is_empty(&self) -> bool {
        self.copies.is_empty() && self.deletes.is_empty()
    }

    /// Whether the release has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.same.iter().any(|same| same.key == key) || self.copies.iter().any(|copy| copy.key == key)
    }
}

impl Copy {
    /// What it is written together with.
    pub fn group(&self) -> Group {
        group(&self.key, if self.was.is_some() { Was::Live } else { Was::Absent })
    }

    /// Whether a copy of it may bear another `ETag`: it was uploaded in parts, or is encrypted with a key of KMS.
    pub fn changes_its_etag(&self, sealed: Option<&Seal>) -> bool {
        sealed.is_some() || is_of_parts(&self.etag)
    }
}
