//! Versions of things that their system does not keep itself: an index per resource, whose contents are blobs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decode::kept;
use super::envelope::{Shape, seal_json};
use super::error::StoreError;
use super::inbox::Fresh;
use super::quarantine::Unreadable;
use super::table::{Table, Tables, Writes};
use crate::incident::ids::{Digest, Resource};
use crate::incident::release::Release;

/// How many versions of a resource are kept: a year of a stack that is deployed every other day.
const KEPT: usize = 200;

/// A version that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVersion {
    /// The release.
    pub release: Release,
    /// The digest of the blob with its content.
    pub content: Digest,
    /// When it went live, or was first seen live.
    pub at: Timestamp,
}

fn prefix(resource: &Resource) -> Vec<u8> {
    format!("{resource}\0").into_bytes()
}

/// The writes that keep `version`; none where the newest is the same release.
pub(super) fn plan_keep(
    tables: &Tables,
    resource: &Resource,
    version: &KeptVersion,
) -> Result<(Writes, Fresh), StoreError> {
    let mut writes = Writes::default();
    let prefix = prefix(resource);
    let newest = tables.with_prefix(Table::Kept, &prefix).next_back().transpose()?;
    if let Some((_, bytes)) = newest
        && kept(&bytes).is_ok_and(|newest| newest.release.id == version.release.id)
    {
        return Ok((writes, Fresh::Duplicate));
    }
    let mut key = prefix.clone();
    key.extend(u64::try_from(version.at.as_microsecond()).unwrap_or(0).to_be_bytes());
    let sealed = seal_json(Shape::Kept, version).map_err(|reason| StoreError::Unreadable {
        what: Shape::Kept.word(),
        key: resource.to_string(),
        reason,
    })?;
    writes.put(Table::Kept, key, sealed);
    for old in tables.with_prefix(Table::Kept, &prefix).rev().skip(KEPT.saturating_sub(1)) {
        writes.remove(Table::Kept, old?.0);
    }
    Ok((writes, Fresh::New))
}

/// The versions of `resource`, newest first.
pub(super) fn list(
    tables: &Tables,
    resource: &Resource,
    aside: &mut Vec<Unreadable>,
) -> Result<Vec<KeptVersion>, StoreError> {
    let mut versions = Vec::new();
    for entry in tables.with_prefix(Table::Kept, &prefix(resource)).rev() {
        let (key, bytes) = entry?;
        match kept(&bytes) {
            Ok(version) => versions.push(version),
            Err(reason) => aside.push(Unreadable::new(Table::Kept, key, reason)),
        }
    }
    Ok(versions)
}
