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
    /// The key of KMS that all copies are encrypted with, where the present objects are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Seal>,
    /// Whether that is the same for all copies.
    #[serde(default, skip_serializing_if = "Sealed::is_alike")]
    pub each: Sealed,
}

/// How objects are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seal {
    /// `AES256`, which is S3's own way, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key's ARN; the bucket's or AWS's own where there is none.
    pub key: Option<String>,
}

impl Seal {
    /// S3's own way.
    pub fn plain() -> Self {
        Self { algorithm: "AES256".to_owned(), key: None }
    }

    /// Whether a key of KMS is used, so that an `ETag` says nothing of an object's bytes.
    pub fn is_of_kms(&self) -> bool {
        self.algorithm.starts_with("aws:kms")
    }
}

/// Whether all copies of a manifest are encrypted alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealed {
    /// They are: as the manifest says, else as the bucket does it.
    #[default]
    Alike,
    /// Each as its own source; as the bucket does it where the source was not looked at.
    AsItsSource,
}

impl Sealed {
    fn is_alike(&self) -> bool {
        *self == Self::Alike
    }
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
    /// How it is encrypted, where copies are not encrypted alike and its source was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Seal>,
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
    /// How copies are to be encrypted.
    pub sealing: Sealing,
}

/// How copies are to be encrypted, by what looks at single objects found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sealing {
    /// As the bucket does it: nothing that was looked at is encrypted with a key of KMS.
    #[default]
    Plain,
    /// All with one key of KMS.
    Alike(Seal),
    /// Each as its own source; by key, as far as sources were looked at.
    AsItsSource(BTreeMap<String, Seal>),
}

impl Sealing {
    /// How copies are encrypted whose sources, by key, and whose live objects were seen to be encrypted like this. What
    /// is live is what `CloudFront` may decrypt, so where each side is of one kind, a key of the live side goes first.
    pub fn of(sources: BTreeMap<String, Seal>, live: &BTreeSet<Seal>) -> Self {
        let kinds: BTreeSet<&Seal> = sources.values().collect();
        if kinds.len() > 1 || live.len() > 1 {
            return Self::AsItsSource(sources);
        }
        let of_kms = live.first().into_iter().chain(kinds.first().copied()).find(|seal| seal.is_of_kms());
        of_kms.cloned().map_or(Self::Plain, Self::Alike)
    }

    fn of_copy(&self, key: &str) -> Option<Seal> {
        match self {
            Self::Plain | Self::Alike(_) => None,
            Self::AsItsSource(seals) => seals.get(key).cloned(),
        }
    }
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
                    sealed: headers.sealing.of_copy(key),
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
        let (sealed, each) = match &headers.sealing {
            Sealing::Plain => (None, Sealed::Alike),
            Sealing::Alike(seal) => (Some(seal.clone()), Sealed::Alike),
            Sealing::AsItsSource(_) => (None, Sealed::AsItsSource),
        };
        Self { bucket, source, live, except, copies, same, deletes, extra: left, sealed, each }
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

    /// How a copy is encrypted; `None` where that is left to the bucket.
    pub fn seal_of<'a>(&'a self, copy: &'a Copy) -> Option<&'a Seal> {
        copy.sealed.as_ref().or(self.sealed.as_ref())
    }

    /// Whether a copy may bear another `ETag` than its source: that was uploaded in parts, or the copy is encrypted with a
    /// key of KMS, or nobody knows how.
    pub fn changes_etag_of(&self, copy: &Copy) -> bool {
        let is_sealed = match (self.seal_of(copy), &self.each) {
            (Some(seal), _) => seal.is_of_kms(),
            (None, Sealed::Alike) => false,
            (None, Sealed::AsItsSource) => true,
        };
        is_sealed || is_of_parts(&copy.etag)
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
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn kms(key: &str) -> Seal {
        Seal { algorithm: "aws:kms".to_owned(), key: Some(key.to_owned()) }
    }

    fn sources(seals: &[Seal]) -> BTreeMap<String, Seal> {
        seals.iter().enumerate().map(|(number, seal)| (format!("{number}.html"), seal.clone())).collect()
    }

    #[rstest]
    #[case::nothing_seen(&[], &[], Sealing::Plain)]
    #[case::all_plain(&[Seal::plain(), Seal::plain()], &[Seal::plain()], Sealing::Plain)]
    #[case::all_with_one_key(&[kms("a"), kms("a")], &[kms("a")], Sealing::Alike(kms("a")))]
    #[case::the_live_key_goes_first(&[kms("a")], &[kms("b")], Sealing::Alike(kms("b")))]
    #[case::what_is_live_is_plain(&[kms("a")], &[Seal::plain()], Sealing::Alike(kms("a")))]
    #[case::nothing_is_live(&[kms("a")], &[], Sealing::Alike(kms("a")))]
    fn one_kind_on_each_side_is_one_kind_for_all(
        #[case] of_sources: &[Seal],
        #[case] live: &[Seal],
        #[case] expected: Sealing,
    ) {
        assert_eq!(Sealing::of(sources(of_sources), &live.iter().cloned().collect()), expected);
    }

    #[rstest]
    #[case::of_sources(&[kms("a"), Seal::plain()], &[kms("a")])]
    #[case::of_what_is_live(&[kms("a")], &[kms("a"), kms("b")])]
    fn several_kinds_leave_each_copy_as_its_source(#[case] of_sources: &[Seal], #[case] live: &[Seal]) {
        let sources = sources(of_sources);
        let sealing = Sealing::of(sources.clone(), &live.iter().cloned().collect());
        assert_eq!(sealing, Sealing::AsItsSource(sources.clone()));
        let wanted = |etag: &str| Wanted { etag: etag.to_owned(), size: 1, class: None, version: None };
        let keys = sources.keys().cloned().chain(["unseen.js".to_owned()]);
        let wanted: BTreeMap<String, Wanted> = keys.map(|key| (key, wanted("e"))).collect();
        let places = Places { bucket: "web".to_owned(), source: "1/".to_owned(), live: String::new(), except: None };
        let headers = Headers { sealing, ..Headers::default() };
        let manifest = Manifest::between(places, &wanted, &Listing::new(), &headers, Extra::Left);
        for copy in &manifest.copies {
            let seal = sources.get(&copy.key);
            assert_eq!(manifest.seal_of(copy), seal);
            assert_eq!(manifest.changes_etag_of(copy), seal.is_none_or(Seal::is_of_kms), "{}", copy.key);
        }
    }

    #[test]
    fn a_manifest_from_before_reads_as_it_was() {
        let stored = r#"{"bucket":"web","source":"1/","live":"","copies":[{"key":"a","etag":"e","size":1}],"same":[],
            "deletes":[],"extra":0,"sealed":{"algorithm":"aws:kms","key":null}}"#;
        let manifest: Manifest = serde_json::from_str(stored).unwrap();
        assert!(manifest.each == Sealed::Alike && manifest.changes_etag_of(&manifest.copies[0]));
        let written: serde_json::Value = serde_json::to_value(&manifest).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(stored).unwrap(), "its digest is the same");
    }
}
