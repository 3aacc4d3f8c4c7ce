//! Freezes: one record for each, its events, and which is the newest of a resource.
//!
//! Like a commit of an incident, one of a freeze is one atomic change under compare-and-set. A resource has one freeze
//! that is not over at the most; a second one is refused as long as the first cannot be seen to be over.

use super::commit::Rev;
use super::decode::{FreezeRecord, event_number, freeze, freeze_event, freeze_event_key};
use super::envelope::{Shape, seal_json};
use super::error::{CommitError, StoreError};
use super::quarantine::{Unreadable, kept_aside};
use super::sled_store::{SledStore, exactly};
use super::table::{Table, Tables, Writes};
use super::used::{Use, remember, used_by};
use crate::incident::freeze::Freeze;
use crate::incident::freeze_event::FreezeEvent;
use crate::incident::ids::{FreezeId, IncidentId, Resource};
use crate::store::committer::Kind;

/// A freeze and the revision that it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFreeze {
    /// The revision, for the next commit.
    pub rev: Rev,
    /// The record.
    pub freeze: Freeze,
}

/// What is to be written of a freeze, all of it or none.
#[derive(Debug, Clone, Copy)]
pub struct FreezeCommit<'a> {
    /// The record as it shall be.
    pub freeze: &'a Freeze,
    /// The revision that was decided on; `None`: the freeze must not exist yet.
    pub expected: Option<Rev>,
    /// What happened; appended to the freeze's events.
    pub events: &'a [FreezeEvent],
    /// A key that no commit may have used before: of a command or a click, and what it is about.
    pub dedup: Option<&'a str>,
}

struct Order {
    freeze: Freeze,
    expected: Option<Rev>,
    events: Vec<FreezeEvent>,
    dedup: Option<String>,
}

impl From<FreezeRecord> for StoredFreeze {
    fn from(record: FreezeRecord) -> Self {
        Self { rev: record.rev, freeze: record.freeze }
    }
}

impl SledStore {
    pub(super) async fn commit_freeze(&self, commit: FreezeCommit<'_>) -> Result<Rev, CommitError> {
        let order = Order {
            freeze: commit.freeze.clone(),
            expected: commit.expected,
            events: commit.events.to_vec(),
            dedup: commit.dedup.map(str::to_owned),
        };
        self.committer.write(Kind::CommitFreeze, move |tables| plan_commit(tables, &order)).await?
    }

    pub(super) async fn freeze(&self, id: &FreezeId) -> Result<Option<StoredFreeze>, StoreError> {
        let id = id.clone();
        self.look(move |tables, aside| one(tables, id.as_str().as_bytes(), aside)).await
    }

    pub(super) async fn freeze_of(&self, resource: &Resource) -> Result<Option<StoredFreeze>, StoreError> {
        let resource = resource.clone();
        self.look(move |tables, aside| match tables.get(Table::FreezesOf, resource.as_str().as_bytes())? {
            Some(id) => one(tables, &id, aside),
            None => Ok(None),
        })
        .await
    }

    pub(super) async fn freezes(&self) -> Result<Vec<StoredFreeze>, StoreError> {
        self.look(|tables, aside| {
            let mut freezes = Vec::new();
            for entry in tables.with_prefix(Table::FreezesOf, b"") {
                let (_, id) = entry?;
                match one(tables, &id, aside) {
                    Ok(freeze) => freezes.extend(freeze),
                    // One that cannot be read is no reason to withhold the others.
                    Err(error) if !error.is_final() => {}
                    Err(error) => return Err(error),
                }
            }
            freezes.sort_by_key(|stored| (stored.freeze.opened_at, stored.freeze.id.clone()));
            Ok(freezes)
        })
        .await
    }

    pub(super) async fn freeze_events(&self, id: &FreezeId, from: u64) -> Result<Vec<(u64, FreezeEvent)>, StoreError> {
        let id = id.clone();
        self.look(move |tables, aside| {
            let mut events = Vec::new();
            let prefix = format!("{id}\0").into_bytes();
            for entry in tables.from(Table::FreezeEvents, &prefix, &freeze_event_key(&id, from)) {
                let (key, bytes) = entry?;
                let number = event_number(&key).unwrap_or_default();
                match freeze_event(&bytes) {
                    Ok(event) => events.push((number, event)),
                    Err(reason) => aside.push(Unreadable::new(Table::FreezeEvents, key, reason)),
                }
            }
            Ok(events)
        })
        .await
    }
}

fn one(tables: &Tables, key: &[u8], aside: &mut Vec<Unreadable>) -> Result<Option<StoredFreeze>, StoreError> {
    exactly(tables, Table::Freezes, key, aside, |bytes| freeze(key, bytes).map(StoredFreeze::from))
}

fn plan_commit(tables: &Tables, order: &Order) -> Result<(Writes, Result<Rev, CommitError>), StoreError> {
    match writes(tables, order) {
        Ok((writes, rev)) => Ok((writes, Ok(rev))),
        Err(CommitError::Storage(error)) if error.is_final() => Err(error),
        Err(refused) => Ok((Writes::default(), Err(refused))),
    }
}

fn writes(tables: &Tables, order: &Order) -> Result<(Writes, Rev), CommitError> {
    let Order { freeze, events, .. } = order;
    let id = &freeze.id;
    let mut writes = Writes::default();
    if let Some(dedup) = &order.dedup {
        if let Some(by) = used_by(tables, Use::Commit, dedup)? {
            return Err(CommitError::Duplicate { by });
        }
        remember(tables, &mut writes, Use::Commit, dedup, id.as_str())?;
    }
    let present = present(tables, id)?;
    let found = present.as_ref().map(|record| record.rev);
    if found != order.expected {
        return Err(CommitError::Conflict { expected: order.expected, found });
    }
    if found.is_none() {
        is_free(tables, &freeze.resource)?;
        writes.put(Table::FreezesOf, freeze.resource.as_str(), id.as_str());
    }
    let rev = found.map_or(Rev::FIRST, Rev::next);
    let mut number = present.map_or(0, |record| record.events);
    for event in events {
        writes.put(Table::FreezeEvents, freeze_event_key(id, number), sealed(Shape::FreezeEvent, id, event)?);
        number = number.saturating_add(1);
    }
    let record = FreezeRecord { rev, events: number, freeze: freeze.clone() };
    writes.put(Table::Freezes, id.as_str(), sealed(Shape::Freeze, id, &record)?);
    Ok((writes, rev))
}

/// A new freeze of a resource whose newest is not over, or cannot be read, is refused.
fn is_free(tables: &Tables, resource: &Resource) -> Result<(), CommitError> {
    let Some(key) = tables.get(Table::FreezesOf, resource.as_str().as_bytes())? else { return Ok(()) };
    let newest = FreezeId::new(String::from_utf8_lossy(&key).into_owned());
    match present(tables, &newest)? {
        Some(record) if !record.freeze.is_over() => {
            Err(CommitError::Held { resource: resource.clone(), by: IncidentId::new(newest.as_str()) })
        }
        Some(_) | None => Ok(()),
    }
}

fn present(tables: &Tables, id: &FreezeId) -> Result<Option<FreezeRecord>, StoreError> {
    let key = id.as_str().as_bytes();
    match tables.get(Table::Freezes, key)? {
        Some(bytes) => {
            freeze(key, &bytes).map(Some).map_err(|reason| Unreadable::new(Table::Freezes, key, reason).error())
        }
        None => match kept_aside(tables, Table::Freezes, key)? {
            Some(error) => Err(error),
            None => Ok(None),
        },
    }
}

fn sealed(shape: Shape, id: &FreezeId, value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    seal_json(shape, value).map_err(|reason| StoreError::Unreadable { what: shape.word(), key: id.to_string(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::freeze::{Cause, Then};
    use crate::incident::freeze_event::{FreezeWhat, evolve, open};
    use crate::incident::policy::Actor;
    use crate::incident::sample::{at, freeze_opened, holder};
    use crate::store::Store;

    async fn store(folder: &std::path::Path) -> Store {
        Store::Sled(SledStore::open(folder).await.unwrap())
    }

    fn opened(id: &str) -> (Freeze, FreezeEvent) {
        let mut event = freeze_opened(holder("api", Cause::Command, 0));
        if let FreezeWhat::Opened { id: named, .. } = &mut event.what {
            *named = FreezeId::new(id);
        }
        (open(&event).unwrap(), event)
    }

    fn first<'a>(freeze: &'a Freeze, event: &'a FreezeEvent, dedup: Option<&'a str>) -> FreezeCommit<'a> {
        FreezeCommit { freeze, expected: None, events: std::slice::from_ref(event), dedup }
    }

    /// The freeze after all that it takes to be over.
    fn over(mut freeze: Freeze) -> Freeze {
        let let_go = FreezeWhat::LetGo {
            environment: "prod".to_owned(),
            service: "api".to_owned(),
            causes: vec![Cause::Command],
            then: Then::Nothing,
        };
        let finished = FreezeWhat::Finished { evidence: Vec::new(), output: serde_json::Value::Null };
        for what in [let_go, FreezeWhat::Began, finished] {
            freeze = evolve(freeze, &FreezeEvent { at: at(9), by: Actor::Rollbot, what });
        }
        freeze
    }

    #[tokio::test]
    async fn a_freeze_outlives_the_process_and_is_found_by_its_resource() {
        let folder = tempfile::tempdir().unwrap();
        let (freeze, event) = opened("fz-23456");
        let before = store(folder.path()).await;
        assert_eq!(before.commit_freeze(first(&freeze, &event, Some("key"))).await, Ok(Rev::FIRST));
        drop(before);
        let after = store(folder.path()).await;
        let stored = StoredFreeze { rev: Rev::FIRST, freeze: freeze.clone() };
        assert_eq!(after.freeze(&freeze.id).await, Ok(Some(stored.clone())));
        assert_eq!(after.freeze_of(&freeze.resource).await, Ok(Some(stored.clone())));
        assert_eq!(after.freezes().await, Ok(vec![stored]));
        assert_eq!(after.freeze_events(&freeze.id, 0).await, Ok(vec![(0, event.clone())]));
        let again = after.commit_freeze(first(&freeze, &event, Some("key"))).await;
        assert!(matches!(again, Err(CommitError::Duplicate { .. })), "{again:?}");
        let stale = FreezeCommit { expected: Some(Rev::FIRST.next()), ..first(&freeze, &event, None) };
        assert!(matches!(after.commit_freeze(stale).await, Err(CommitError::Conflict { .. })));
    }

    #[tokio::test]
    async fn a_resource_has_one_freeze_that_is_not_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (freeze, event) = opened("fz-23456");
        store.commit_freeze(first(&freeze, &event, None)).await.unwrap();
        let (second, opening) = opened("fz-34567");
        let refused = store.commit_freeze(first(&second, &opening, None)).await;
        assert!(matches!(&refused, Err(CommitError::Held { by, .. }) if by.as_str() == "fz-23456"), "{refused:?}");
        let lifted = over(freeze.clone());
        let commit = FreezeCommit { freeze: &lifted, expected: Some(Rev::FIRST), events: &[], dedup: None };
        store.commit_freeze(commit).await.unwrap();
        store.commit_freeze(first(&second, &opening, None)).await.unwrap();
        assert_eq!(store.freeze_of(&freeze.resource).await.unwrap().unwrap().freeze.id, second.id);
        assert_eq!(store.freeze(&freeze.id).await.unwrap().unwrap().freeze, lifted, "the first stays on record");
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_kept_aside_and_nobody_freezes_over_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (freeze, event) = opened("fz-23456");
        store.commit_freeze(first(&freeze, &event, None)).await.unwrap();
        let Store::Sled(sled) = &store;
        let damage = |_: &Tables| {
            let mut writes = Writes::default();
            writes.put(Table::Freezes, "fz-23456", b"freeze 9 plain\n{}".as_slice());
            Ok((writes, ()))
        };
        sled.committer.write(Kind::SetAside, damage).await.unwrap();
        assert!(matches!(store.freeze(&freeze.id).await, Err(StoreError::Unreadable { .. })));
        assert_eq!(store.freezes().await, Ok(Vec::new()));
        let (second, opening) = opened("fz-34567");
        assert!(matches!(store.commit_freeze(first(&second, &opening, None)).await, Err(CommitError::Storage(_))));
        let aside: Vec<_> = store.quarantined().await.unwrap().into_iter().map(|kept| (kept.what, kept.key)).collect();
        assert_eq!(aside, [("freeze", "fz-23456".to_owned())]);
    }
}
