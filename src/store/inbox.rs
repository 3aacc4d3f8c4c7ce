//! The inbox: what came in and is acknowledged, but not worked off.

use super::decode::{arrival, seal_arrival};
use super::error::StoreError;
use super::quarantine::Unreadable;
use super::table::{Table, Tables, Writes};
use super::used::{Use, remember, used_by};

/// Whether an entry is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// It is, and it is stored.
    New,
    /// Its key was used before; nothing was stored.
    Duplicate,
}

/// Something that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its key.
    pub key: String,
    /// What came in.
    pub entry: Vec<u8>,
}

pub(super) fn plan_put(tables: &Tables, key: &str, entry: &[u8]) -> Result<(Writes, Fresh), StoreError> {
    let mut writes = Writes::default();
    // Also what has been forgotten as used, or set aside, but not worked off.
    if used_by(tables, Use::Inbox, key)?.is_some() || tables.has(Table::Inbox, key.as_bytes())? {
        return Ok((writes, Fresh::Duplicate));
    }
    let place = remember(tables, &mut writes, Use::Inbox, key, "")?;
    let sealed = seal_arrival(place, entry).map_err(|reason| StoreError::Unreadable {
        what: "inbox entry",
        key: key.to_owned(),
        reason,
    })?;
    writes.put(Table::Inbox, key, sealed);
    Ok((writes, Fresh::New))
}

pub(super) fn plan_take(tables: &Tables, key: &str) -> Result<(Writes, ()), StoreError> {
    let mut writes = Writes::default();
    if tables.has(Table::Inbox, key.as_bytes())? {
        writes.remove(Table::Inbox, key);
    }
    Ok((writes, ()))
}

/// Everything in the inbox, in the order of arrival.
pub(super) fn list(tables: &Tables, aside: &mut Vec<Unreadable>) -> Result<Vec<InboxEntry>, StoreError> {
    let mut entries = Vec::new();
    for stored in tables.with_prefix(Table::Inbox, b"") {
        let (key, value) = stored?;
        match arrival(&value) {
            Ok((place, entry)) => {
                let key = String::from_utf8_lossy(&key).into_owned();
                entries.push((place, InboxEntry { key, entry }));
            }
            Err(reason) => aside.push(Unreadable::new(Table::Inbox, key, reason)),
        }
    }
    entries.sort_by_key(|(place, _)| *place);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}
