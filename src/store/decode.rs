//! The shapes of stored values, and reading them back: wholly, or not at all.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::commit::{GoodRelease, Rev, Stored};
use super::envelope::{Shape, seal_json, unseal};
use super::kept::KeptVersion;
use super::table::Table;
use crate::incident::deploy::Deploy;
use crate::incident::event::Event;
use crate::incident::freeze::Freeze;
use crate::incident::freeze_event::FreezeEvent;
use crate::incident::ids::{FreezeId, IncidentId, Resource};
use crate::incident::incident::Incident;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its revision.
    pub(super) rev: Rev,
    /// How many events it has; the number of the next.
    pub(super) events: u64,
    /// The incident.
    pub(super) incident: Incident,
}

impl From<Record> for Stored {
    fn from(record: Record) -> Self {
        Self { rev: record.rev, incident: record.incident }
    }
}

/// A freeze as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FreezeRecord {
    /// Its revision.
    pub(super) rev: Rev,
    /// How many events it has; the number of the next.
    pub(super) events: u64,
    /// The freeze.
    pub(super) freeze: Freeze,
}

/// Something that came in, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arrival {
    /// Its place in the order of arrival.
    pub(super) place: u64,
    /// What came in, as text where it is text.
    pub(super) entry: Bytes,
}

/// Bytes as JSON: text where they are text, else hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Hex(String),
}

impl Bytes {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex(hex::encode(bytes)),
        }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Hex(text) => hex::decode(text).map_err(|error| format!("its bytes are damaged: {error}")),
        }
    }
}

/// The key of an incident's event number `number`.
pub(super) fn event_key(id: &IncidentId, number: u64) -> Vec<u8> {
    let mut key = events_prefix(id);
    key.extend(number.to_be_bytes());
    key
}

/// The key of a freeze's event number `number`.
pub(super) fn freeze_event_key(id: &FreezeId, number: u64) -> Vec<u8> {
    let mut key = format!("{id}\0").into_bytes();
    key.extend(number.to_be_bytes());
    key
}

/// What the keys of an incident's events begin with.
pub(super) fn events_prefix(id: &IncidentId) -> Vec<u8> {
    format!("{id}\0").into_bytes()
}

/// The number of the event under `key`.
pub(super) fn event_number(key: &[u8]) -> Option<u64> {
    let at = key.len().checked_sub(8)?;
    key.get(at..)?.try_into().ok().map(u64::from_be_bytes)
}

/// What the keys of a resource's releases begin with.
pub(super) fn good_prefix(resource: &Resource) -> Vec<u8> {
    format!("{resource}\0").into_bytes()
}

/// The key of a release that was proved on a resource.
pub(super) fn good_key(resource: &Resource, good: &GoodRelease) -> Vec<u8> {
    let mut key = good_prefix(resource);
    key.extend(u64::try_from(good.at.as_microsecond()).unwrap_or(0).to_be_bytes());
    key.extend_from_slice(good.incident.as_str().as_bytes());
    key
}

pub(super) fn record(key: &[u8], bytes: &[u8]) -> Result<Record, String> {
    let record: Record = json(Shape::Record, bytes)?;
    if record.incident.id.as_str().as_bytes() == key {
        Ok(record)
    } else {
        Err(format!("it is the record of {}", record.incident.id))
    }
}

pub(super) fn event(bytes: &[u8]) -> Result<Event, String> {
    json(Shape::Event, bytes)
}

pub(super) fn kept(bytes: &[u8]) -> Result<KeptVersion, String> {
    json(Shape::Kept, bytes)
}

pub(super) fn freeze(key: &[u8], bytes: &[u8]) -> Result<FreezeRecord, String> {
    let record: FreezeRecord = json(Shape::Freeze, bytes)?;
    if record.freeze.id.as_str().as_bytes() == key {
        Ok(record)
    } else {
        Err(format!("it is the record of {}", record.freeze.id))
    }
}

pub(super) fn freeze_event(bytes: &[u8]) -> Result<FreezeEvent, String> {
    json(Shape::FreezeEvent, bytes)
}

pub(super) fn good(bytes: &[u8]) -> Result<GoodRelease, String> {
    json(Shape::Good, bytes)
}

pub(super) fn deploy(bytes: &[u8]) -> Result<Deploy, String> {
    json(Shape::Deploy, bytes)
}

pub(super) fn arrival(bytes: &[u8]) -> Result<(u64, Vec<u8>), String> {
    let arrival: Arrival = json(Shape::Inbox, bytes)?;
    Ok((arrival.place, arrival.entry.bytes()?))
}

pub(super) fn view(bytes: &[u8]) -> Result<Vec<u8>, String> {
    unseal(Shape::View, bytes)
}

/// Packs an arrival.
pub(super) fn seal_arrival(place: u64, entry: &[u8]) -> Result<Vec<u8>, String> {
    let entry = Bytes::of(entry);
    seal_json(Shape::Inbox, &Arrival { place, entry })
}

fn json<T: DeserializeOwned>(shape: Shape, bytes: &[u8]) -> Result<T, String> {
    let body = unseal(shape, bytes)?;
    serde_json::from_slice(&body).map_err(|error| format!("it does not have the shape of its format: {error}"))
}

/// Whether this version can read what stands in `table` under `key`.
pub(super) fn check(table: Table, key: &[u8], bytes: &[u8]) -> Result<(), String> {
    match table {
        Table::Incidents => record(key, bytes).map(drop),
        Table::Events => event(bytes).map(drop),
        Table::Good => good(bytes).map(drop),
        Table::Kept => kept(bytes).map(drop),
        Table::Freezes => freeze(key, bytes).map(drop),
        Table::FreezeEvents => freeze_event(bytes).map(drop),
        Table::Deploys => deploy(bytes).map(drop),
        Table::Inbox => arrival(bytes).map(drop),
        Table::Views => view(bytes).map(drop),
        Table::Open
        | Table::History
        | Table::Locks
        | Table::FreezesOf
        | Table::Used
        | Table::UsedOrder
        | Table::Quarantine
        | Table::Parts => Ok(()),
    }
}

/// What the values of `table` are called, for people.
pub(super) fn noun(table: Table) -> &'static str {
    match table {
        Table::Incidents => "record",
        Table::Events => "event",
        Table::Good => "good release",
        Table::Kept => "kept version",
        Table::Freezes => "freeze",
        Table::FreezeEvents => "event of a freeze",
        Table::Deploys => "deployment",
        Table::Inbox => "inbox entry",
        Table::Views => "view",
        Table::Open
        | Table::History
        | Table::Locks
        | Table::FreezesOf
        | Table::Used
        | Table::UsedOrder
        | Table::Quarantine
        | Table::Parts => "index entry",
    }
}

/// A key of `table` as people read it.
pub(super) fn key_text(table: Table, key: &[u8]) -> String {
    let (text, number) = match (table, event_number(key)) {
        (Table::Events | Table::FreezeEvents, Some(number)) => (key.get(..key.len().saturating_sub(9)), Some(number)),
        _ => (Some(key), None),
    };
    let text = String::from_utf8_lossy(text.unwrap_or_default()).replace('\0', " ");
    match number {
        Some(number) => format!("{text} #{number}"),
        None => text,
    }
}
