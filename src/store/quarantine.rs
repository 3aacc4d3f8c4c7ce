//! What cannot be read is moved aside, with the reason, and an alert is logged: never guessed at, never lost.
//!
//! Locks and indexes of a record that was moved aside stay: while nobody knows what it was doing, its resources are not
//! given to another. When the store is opened by a version that can read it, it goes back to its place.

use super::decode::{check, key_text, noun};
use super::error::StoreError;
use super::table::{Table, Tables, Writes};

/// Something that is kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// What it is: `record`, `event`, `view`, `inbox entry`, `good release`, `freeze`.
    pub what: &'static str,
    /// Its name.
    pub key: String,
    /// Why it cannot be read, as a sentence without a subject.
    pub reason: String,
    /// Its bytes, as they were stored.
    pub bytes: Vec<u8>,
}

/// Something that was found and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    table: Table,
    key: Vec<u8>,
    reason: String,
}

impl Unreadable {
    pub(super) fn new(table: Table, key: impl Into<Vec<u8>>, reason: String) -> Self {
        Self { table, key: key.into(), reason }
    }

    /// The error for whoever wanted exactly this.
    pub(super) fn error(&self) -> StoreError {
        StoreError::Unreadable {
            what: noun(self.table),
            key: key_text(self.table, &self.key),
            reason: self.reason.clone(),
        }
    }

    /// The alert.
    pub(super) fn alert(&self) {
        tracing::error!(
            what = noun(self.table),
            key = key_text(self.table, &self.key),
            reason = self.reason,
            "something stored cannot be read and is kept aside; a person has to look at it"
        );
        crate::telemetry::quarantined();
    }
}

fn place(table: Table, key: &[u8]) -> Vec<u8> {
    let mut place = vec![table as u8];
    place.extend_from_slice(key);
    place
}

/// The tables whose values may turn out unreadable.
const SEALED: [Table; 8] = [
    Table::Incidents,
    Table::Events,
    Table::Good,
    Table::Deploys,
    Table::Inbox,
    Table::Views,
    Table::Freezes,
    Table::FreezeEvents,
];

fn from_place(place: &[u8]) -> Option<(Table, &[u8])> {
    let (tag, key) = place.split_first()?;
    let table = SEALED.into_iter().find(|table| *table as u8 == *tag)?;
    Some((table, key))
}

fn entry(reason: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entry = reason.replace('\n', " ").into_bytes();
    entry.push(b'\n');
    entry.extend_from_slice(bytes);
    entry
}

fn from_entry(entry: &[u8]) -> (String, &[u8]) {
    let end = entry.iter().position(|byte| *byte == b'\n').unwrap_or(entry.len());
    let reason = String::from_utf8_lossy(entry.get(..end).unwrap_or_default()).into_owned();
    (reason, entry.get(end.saturating_add(1)..).unwrap_or_default())
}

/// Moves what is still unreadable aside.
pub(super) fn plan_set_aside(tables: &Tables, unreadable: &[Unreadable]) -> Result<(Writes, ()), StoreError> {
    let mut writes = Writes::default();
    for Unreadable { table, key, .. } in unreadable {
        if let Some(bytes) = tables.get(*table, key)?
            && let Err(reason) = check(*table, key, &bytes)
        {
            writes.put(Table::Quarantine, place(*table, key), entry(&reason, &bytes));
            writes.remove(*table, key.as_slice());
        }
    }
    Ok((writes, ()))
}

/// Puts back what this version can read.
pub(super) fn plan_restore(tables: &Tables) -> Result<(Writes, ()), StoreError> {
    let mut writes = Writes::default();
    for stored in tables.with_prefix(Table::Quarantine, b"") {
        let (kept, value) = stored?;
        let (_, bytes) = from_entry(&value);
        if let Some((table, key)) = from_place(&kept)
            && check(table, key, bytes).is_ok()
            && !tables.has(table, key)?
        {
            tracing::info!(
                what = noun(table),
                key = key_text(table, key),
                "something that was kept aside can be read again and is back in its place"
            );
            writes.put(table, key, bytes);
            writes.remove(Table::Quarantine, kept.as_slice());
        }
    }
    Ok((writes, ()))
}

/// The error for something that is kept aside, if it is.
pub(super) fn kept_aside(tables: &Tables, table: Table, key: &[u8]) -> Result<Option<StoreError>, StoreError> {
    let value = tables.get(Table::Quarantine, &place(table, key))?;
    Ok(value.map(|value| Unreadable::new(table, key, from_entry(&value).0).error()))
}

/// Everything that is kept aside.
pub(super) fn list(tables: &Tables) -> Result<Vec<Quarantined>, StoreError> {
    let mut all = Vec::new();
    for stored in tables.with_prefix(Table::Quarantine, b"") {
        let (kept, value) = stored?;
        let (reason, bytes) = from_entry(&value);
        let (what, key) = match from_place(&kept) {
            Some((table, key)) => (noun(table), key_text(table, key)),
            None => ("value", String::from_utf8_lossy(&kept).into_owned()),
        };
        all.push(Quarantined { what, key, reason, bytes: bytes.to_vec() });
    }
    Ok(all)
}
