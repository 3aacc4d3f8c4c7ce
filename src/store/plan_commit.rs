//! What a commit comes to: the writes, or why it is refused.
//!
//! Runs on the committer's thread, which is the only writer: what it reads stays true until its writes are applied.

use super::commit::{GoodRelease, Rev};
use super::decode::{Record, event_key, good_key, good_prefix, record};
use super::envelope::{Shape, seal_json};
use super::error::{CommitError, StoreError};
use super::history::index_keys;
use super::quarantine::{Unreadable, kept_aside};
use super::table::{Table, Tables, Writes};
use super::used::{Use, remember, used_by};
use crate::incident::event::{Event, What};
use crate::incident::ids::{IncidentId, Resource};
use crate::incident::incident::{Incident, Verdict};
use crate::incident::plan::Purpose;
use crate::incident::preparation::leftover;
use crate::incident::step::StepState;

/// How many proved releases are kept for a resource: as many as anybody would scroll through.
pub(super) const GOOD_RELEASES: usize = 20;

/// A [`super::Commit`] that owns what it carries.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) incident: Incident,
    pub(super) expected: Option<Rev>,
    pub(super) events: Vec<Event>,
    pub(super) dedup: Option<String>,
    pub(super) takes_inbox: Option<String>,
}

/// The writes that `order` comes to, and the answer once they are durable.
pub(super) fn plan_commit(tables: &Tables, order: &Order) -> Result<(Writes, Result<Rev, CommitError>), StoreError> {
    match writes(tables, order) {
        Ok((writes, rev)) => Ok((writes, Ok(rev))),
        Err(CommitError::Storage(error)) if error.is_final() => Err(error),
        Err(refused) => Ok((Writes::default(), Err(refused))),
    }
}

fn writes(tables: &Tables, order: &Order) -> Result<(Writes, Rev), CommitError> {
    let Order { incident, events, .. } = order;
    let id = &incident.id;
    let key = id.as_str().as_bytes();
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
    let rev = found.map_or(Rev::FIRST, Rev::next);

    if let Some(entry) = &order.takes_inbox {
        if !tables.has(Table::Inbox, entry.as_bytes())? {
            return Err(CommitError::NotInInbox { key: entry.clone() });
        }
        writes.remove(Table::Inbox, entry.as_bytes());
    }

    let mut number = present.map_or(0, |record| record.events);
    for event in events {
        writes.put(Table::Events, event_key(id, number), sealed(Shape::Event, id, event)?);
        number = number.saturating_add(1);
    }
    let record = Record { rev, events: number, incident: incident.clone() };
    writes.put(Table::Incidents, key, sealed(Shape::Record, id, &record)?);
    if found.is_none() {
        for key in index_keys(incident) {
            writes.put(Table::History, key, id.as_str());
        }
    }
    if incident.is_closed() && leftover(incident).is_empty() {
        writes.remove(Table::Open, key);
    } else {
        writes.put(Table::Open, key, b"".as_slice());
    }
    move_locks(tables, &mut writes, incident)?;
    keep_good_releases(tables, &mut writes, order)?;
    Ok((writes, rev))
}

fn present(tables: &Tables, id: &IncidentId) -> Result<Option<Record>, StoreError> {
    let key = id.as_str().as_bytes();
    match tables.get(Table::Incidents, key)? {
        Some(bytes) => {
            record(key, &bytes).map(Some).map_err(|reason| Unreadable::new(Table::Incidents, key, reason).error())
        }
        None => match kept_aside(tables, Table::Incidents, key)? {
            Some(error) => Err(error),
            None => Ok(None),
        },
    }
}

fn sealed(shape: Shape, id: &IncidentId, value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    seal_json(shape, value).map_err(|reason| StoreError::Unreadable { what: shape.word(), key: id.to_string(), reason })
}

/// After the commit the incident holds exactly what its record says. What it holds now is asked of the locks and not
/// of the old record: a newer version may derive other resources from the same record.
fn move_locks(tables: &Tables, writes: &mut Writes, incident: &Incident) -> Result<(), CommitError> {
    let holds = incident.holds();
    for resource in &holds {
        if let Some(by) = tables.get(Table::Locks, resource.as_str().as_bytes())? {
            let by = IncidentId::new(String::from_utf8_lossy(&by).into_owned());
            if by != incident.id {
                let resource = resource.clone();
                return Err(CommitError::Held { resource, by });
            }
        }
    }
    for lock in tables.with_prefix(Table::Locks, b"") {
        let (resource, by) = lock?;
        let kept = holds.iter().any(|held: &Resource| held.as_str().as_bytes() == resource);
        if by == incident.id.as_str().as_bytes() && !kept {
            writes.remove(Table::Locks, resource);
        }
    }
    for resource in holds {
        writes.put(Table::Locks, resource.as_str(), incident.id.as_str());
    }
    Ok(())
}

/// A verdict `rolled_back` proves the release of every target.
fn keep_good_releases(tables: &Tables, writes: &mut Writes, order: &Order) -> Result<(), StoreError> {
    let verdict = What::VerdictReached { verdict: Verdict::RolledBack };
    let proved = order.events.iter().find(|event| event.what == verdict);
    let (Some(proved), Some(run)) = (proved, order.incident.run()) else {
        return Ok(());
    };
    for (step, record) in run.of(Purpose::RollBack) {
        let (StepState::Done, Some(release)) = (&record.state, &step.to) else {
            continue;
        };
        let good = GoodRelease { release: release.clone(), incident: order.incident.id.clone(), at: proved.at };
        let key = good_key(&step.resource, &good);
        writes.put(Table::Good, key, sealed(Shape::Good, &order.incident.id, &good)?);
        let older = tables.with_prefix(Table::Good, &good_prefix(&step.resource)).rev();
        for old in older.skip(GOOD_RELEASES.saturating_sub(1)) {
            writes.remove(Table::Good, old?.0);
        }
    }
    Ok(())
}
