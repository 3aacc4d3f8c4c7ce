//! Objects in a bucket, as a listing tells them.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// An object. Its key is counted from the prefix that was listed, so that a build and the live site can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its `ETag` without quotes: the MD5 of its bytes, unless it was uploaded in parts or encrypted with a key of KMS.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
    /// Its storage class where that is not `STANDARD`.
    pub class: Option<String>,
}

/// Objects by their keys.
pub type Listing = BTreeMap<String, Object>;

/// An `ETag` as S3 sends it, without its quotes.
pub fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// Whether an `ETag` is that of an upload in parts. It says how it was uploaded, too, so a copy bears another one.
pub fn is_of_parts(etag: &str) -> bool {
    etag.contains('-')
}

/// How many objects, and how many bytes.
pub fn measure(listing: &Listing) -> (u64, u64) {
    (listing.len() as u64, listing.values().map(|object| object.size).sum())
}

/// The newest write.
pub fn newest(listing: &Listing) -> Option<Timestamp> {
    listing.values().map(|object| object.modified).max()
}
