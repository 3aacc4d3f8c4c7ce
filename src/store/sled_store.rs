//! The store of one machine: a folder with a sled database and blobs.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{RwLock, watch};

use super::blobs::Blobs;
use super::commit::{Commit, GoodRelease, Rev, Stored};
use super::committer::{Committer, Kind, Shared};
#[cfg(feature = "sandbox")]
use super::crash_point::{Counter, Rehearsal};
use super::decode::{event, event_key, event_number, events_prefix, good, good_prefix, record, view};
use super::deploys;
use super::envelope::{Shape, seal};
use super::error::{CommitError, StoreError};
use super::history::{Cursor, HistoryFilter, HistoryPage, Page, place};
use super::inbox::{self, Fresh, InboxEntry};
use super::kept::{self, KeptVersion};
use super::plan_commit::{Order, plan_commit};
use super::quarantine::{self, Quarantined, Unreadable, kept_aside, plan_restore, plan_set_aside};
use super::table::{END, Table, Tables, Writes};
use super::used::{Use, used_by};
use crate::incident::deploy::Deploy;
use crate::incident::event::Event;
use crate::incident::ids::{Digest, IncidentId, Resource};

/// Nobody but the user that Rollbot runs as may read the store.
const FOLDER_MODE: u32 = 0o700;

/// A store in a folder. Cheap to clone; the folder is released with the last clone.
#[derive(Debug, Clone)]
pub struct SledStore {
    // Dropped first: its thread ends before the tables are closed.
    pub(super) committer: Arc<Committer>,
    shared: Arc<Shared>,
    blobs: Arc<Blobs>,
}

/// How well changes share syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Durable changes since the store was opened, blobs not counted.
    pub writes: u64,
    /// How many syncs they took.
    pub syncs: u64,
}

#[derive(Debug, Default)]
struct Opening {
    #[cfg(feature = "sandbox")]
    rehearsal: Rehearsal,
}

impl SledStore {
    /// Opens the store in `folder`, which is made, with mode 0700, where it is missing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it, [`StoreError::Folder`] if it cannot be used.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_as(folder, Opening::default()).await
    }

    /// Opens the store as [`Self::open`] does, and lets the process die where `rehearsal` says.
    ///
    /// # Errors
    /// As for [`Self::open`].
    #[cfg(feature = "sandbox")]
    pub async fn open_for_rehearsal(folder: &Path, rehearsal: Rehearsal) -> Result<Self, StoreError> {
        Self::open_as(folder, Opening { rehearsal }).await
    }

    async fn open_as(folder: &Path, opening: Opening) -> Result<Self, StoreError> {
        let path = folder.to_owned();
        let store = tokio::task::spawn_blocking(move || Self::open_blocking(&path, opening))
            .await
            // sled panics on some damage.
            .unwrap_or_else(|panic| Err(StoreError::Folder { folder: folder.to_owned(), why: panic.to_string() }))?;
        store.committer.write(Kind::SetAside, plan_restore).await?;
        Ok(store)
    }

    #[cfg_attr(
        not(feature = "sandbox"),
        expect(clippy::needless_pass_by_value, reason = "it carries the rehearsal in sandbox builds")
    )]
    fn open_blocking(folder: &Path, opening: Opening) -> Result<Self, StoreError> {
        let unusable = |error: io::Error| StoreError::Folder { folder: folder.to_owned(), why: error.to_string() };
        make(folder).map_err(unusable)?;
        let tables = Tables::open(folder)?;
        let blobs = Blobs::open(folder)?;
        let shared = Arc::new(Shared {
            tables,
            gate: RwLock::new(()),
            failure: watch::Sender::new(None),
            writes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            #[cfg(feature = "sandbox")]
            counter: Counter::new(opening.rehearsal),
        });
        #[cfg(not(feature = "sandbox"))]
        let Opening {} = opening;
        let committer = Committer::start(Arc::clone(&shared)).map_err(unusable)?;
        Ok(Self { committer: Arc::new(committer), shared, blobs: Arc::new(blobs) })
    }

    pub(super) async fn commit(&self, commit: Commit<'_>) -> Result<Rev, CommitError> {
        let order = Order {
            incident: commit.incident.clone(),
            expected: commit.expected,
            events: commit.events.to_vec(),
            dedup: commit.dedup.map(str::to_owned),
            takes_inbox: commit.takes_inbox.map(str::to_owned),
        };
        self.committer.write(Kind::Commit, move |tables| plan_commit(tables, &order)).await?
    }

    pub(super) async fn load(&self, id: &IncidentId) -> Result<Option<Stored>, StoreError> {
        let id = id.clone();
        self.look(move |tables, aside| {
            let key = id.as_str().as_bytes();
            exactly(tables, Table::Incidents, key, aside, |bytes| record(key, bytes).map(Stored::from))
        })
        .await
    }

    pub(super) async fn open_incidents(&self) -> Result<Vec<Stored>, StoreError> {
        self.look(|tables, aside| {
            let mut open = Vec::new();
            for entry in tables.with_prefix(Table::Open, b"") {
                let (key, _) = entry?;
                open.extend(listed(tables, &key, aside)?);
            }
            open.sort_by_key(|stored| place(&stored.incident));
            Ok(open)
        })
        .await
    }

    pub(super) async fn committed_by(&self, key: &str) -> Result<Option<IncidentId>, StoreError> {
        let key = key.to_owned();
        self.look(move |tables, _| used_by(tables, Use::Commit, &key)).await
    }

    pub(super) async fn events(&self, id: &IncidentId, from: u64) -> Result<Vec<(u64, Event)>, StoreError> {
        let id = id.clone();
        self.look(move |tables, aside| {
            let mut events = Vec::new();
            for entry in tables.from(Table::Events, &events_prefix(&id), &event_key(&id, from)) {
                let (key, bytes) = entry?;
                let number = event_number(&key).unwrap_or_default();
                match event(&bytes) {
                    Ok(event) => events.push((number, event)),
                    Err(reason) => aside.push(Unreadable::new(Table::Events, key, reason)),
                }
            }
            Ok(events)
        })
        .await
    }

    pub(super) async fn history(&self, filter: &HistoryFilter, page: Page) -> Result<HistoryPage, StoreError> {
        let prefix = filter.prefix();
        self.look(move |tables, aside| {
            let mut before = prefix.clone();
            match &page.before {
                None => before.extend(END),
                Some(cursor) => before.extend(cursor.place()),
            }
            let mut incidents = Vec::new();
            for entry in tables.before(Table::History, &prefix, &before).rev() {
                let (_, id) = entry?;
                incidents.extend(listed(tables, &id, aside)?);
                if incidents.len() > page.limit {
                    break;
                }
            }
            let more = incidents.len() > page.limit;
            incidents.truncate(page.limit);
            let last = incidents.last().map(|stored| Cursor::at(&place(&stored.incident)));
            let next = if more { last } else { None };
            Ok(HistoryPage { incidents, next })
        })
        .await
    }

    pub(super) async fn last_good(&self, resource: &Resource) -> Result<Vec<GoodRelease>, StoreError> {
        let prefix = good_prefix(resource);
        self.look(move |tables, aside| {
            let mut releases = Vec::new();
            for entry in tables.with_prefix(Table::Good, &prefix).rev() {
                let (key, bytes) = entry?;
                match good(&bytes) {
                    Ok(release) => releases.push(release),
                    Err(reason) => aside.push(Unreadable::new(Table::Good, key, reason)),
                }
            }
            Ok(releases)
        })
        .await
    }

    pub(super) async fn keep(&self, resource: &Resource, version: &KeptVersion) -> Result<Fresh, StoreError> {
        let (resource, version) = (resource.clone(), version.clone());
        self.committer.write(Kind::Keep, move |tables| kept::plan_keep(tables, &resource, &version)).await
    }

    pub(super) async fn kept(&self, resource: &Resource) -> Result<Vec<KeptVersion>, StoreError> {
        let resource = resource.clone();
        self.look(move |tables, aside| kept::list(tables, &resource, aside)).await
    }

    pub(super) async fn put_deploy(&self, deploy: &Deploy) -> Result<Fresh, StoreError> {
        let deploy = deploy.clone();
        self.committer.write(Kind::PutDeploy, move |tables| deploys::plan_put(tables, &deploy)).await
    }

    pub(super) async fn deploys(&self, environment: &str, service: &str) -> Result<Vec<Deploy>, StoreError> {
        let (environment, service) = (environment.to_owned(), service.to_owned());
        self.look(move |tables, aside| deploys::list(tables, &environment, &service, aside)).await
    }

    pub(super) async fn put_inbox(&self, key: &str, entry: &[u8]) -> Result<Fresh, StoreError> {
        let (key, entry) = (key.to_owned(), entry.to_vec());
        self.committer.write(Kind::PutInbox, move |tables| inbox::plan_put(tables, &key, &entry)).await
    }

    pub(super) async fn inbox(&self) -> Result<Vec<InboxEntry>, StoreError> {
        self.look(inbox::list).await
    }

    pub(super) async fn take_inbox(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.committer.write(Kind::TakeInbox, move |tables| inbox::plan_take(tables, &key)).await
    }

    pub(super) async fn put_view(&self, id: &IncidentId, bytes: &[u8]) -> Result<(), StoreError> {
        let (id, sealed) = (id.clone(), seal(Shape::View, bytes));
        let plan = move |_: &Tables| {
            let mut writes = Writes::default();
            writes.put(Table::Views, id.as_str(), sealed);
            Ok((writes, ()))
        };
        self.committer.write(Kind::PutView, plan).await
    }

    pub(super) async fn view(&self, id: &IncidentId) -> Result<Option<Vec<u8>>, StoreError> {
        let id = id.clone();
        self.look(move |tables, aside| exactly(tables, Table::Views, id.as_str().as_bytes(), aside, view)).await
    }

    pub(super) async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let (store, bytes) = (self.clone(), bytes.to_vec());
        self.off_thread(move || {
            let digest = Digest::of(&bytes);
            if !store.blobs.has(&digest) {
                #[cfg(feature = "sandbox")]
                let counted = store.shared.counter.before(Kind::PutBlob, &Writes::default());
                store.blobs.put(&digest, &bytes)?;
                #[cfg(feature = "sandbox")]
                store.shared.counter.after(&counted);
            }
            Ok(digest)
        })
        .await
    }

    pub(super) async fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, digest) = (self.clone(), digest.clone());
        self.off_thread(move || store.blobs.get(&digest)).await
    }

    pub(super) async fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        self.look(|tables, _| quarantine::list(tables)).await
    }

    pub(super) async fn failed(&self) -> StoreError {
        let mut failure = self.shared.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_else(|| self.shared.tables.lost("it was closed")),
            Err(_) => self.shared.tables.lost("it was closed"),
        }
    }

    pub(super) fn grouping(&self) -> Grouping {
        Grouping {
            writes: self.shared.writes.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
        }
    }

    /// Reads what is durable, and sets aside what turned out unreadable.
    pub(super) async fn look<T, F>(&self, look: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tables, &mut Vec<Unreadable>) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let (seen, aside) = self
            .off_thread(move || {
                // Here and not in the future: one that is given the gate and not polled would lock everybody out.
                let gate = shared.gate.blocking_read();
                let mut aside = Vec::new();
                let seen = look(&shared.tables, &mut aside);
                drop(gate);
                match seen {
                    Err(error) if error.is_final() => Err(error),
                    seen => Ok((seen, aside)),
                }
            })
            .await?;
        if !aside.is_empty() {
            aside.iter().for_each(Unreadable::alert);
            self.committer.write(Kind::SetAside, move |tables| plan_set_aside(tables, &aside)).await?;
        }
        seen
    }

    /// Runs `work`, which waits for the disk, off the async threads.
    async fn off_thread<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, StoreError> + Send + 'static,
    {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        let outcome = match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(self.shared.tables.lost(&panic.to_string())),
        };
        if let Err(error) = &outcome
            && error.is_final()
        {
            self.shared.fail(error);
        }
        outcome
    }
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode() & 0o777;
    if mode != FOLDER_MODE
        && let Err(error) = fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))
    {
        // A mounted volume may belong to somebody else; what is in it is still ours.
        tracing::warn!(folder = %folder.display(), %error, "others may look into the store's folder");
    }
    Ok(())
}

/// The value under `key`; an error if it cannot be read, now or before.
pub(super) fn exactly<T>(
    tables: &Tables,
    table: Table,
    key: &[u8],
    aside: &mut Vec<Unreadable>,
    decode: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, StoreError> {
    let Some(bytes) = tables.get(table, key)? else {
        return match kept_aside(tables, table, key)? {
            Some(error) => Err(error),
            None => Ok(None),
        };
    };
    decode(&bytes).map(Some).map_err(|reason| {
        let unreadable = Unreadable::new(table, key, reason);
        let error = unreadable.error();
        aside.push(unreadable);
        error
    })
}

/// A record that an index names; none if it cannot be read, which is no reason to withhold the others.
fn listed(tables: &Tables, key: &[u8], aside: &mut Vec<Unreadable>) -> Result<Option<Stored>, StoreError> {
    let Some(bytes) = tables.get(Table::Incidents, key)? else {
        return Ok(None);
    };
    match record(key, &bytes) {
        Ok(record) => Ok(Some(record.into())),
        Err(reason) => {
            aside.push(Unreadable::new(Table::Incidents, key, reason));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_who_does_not_come_back_for_the_answer_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).await.unwrap();
        let id = IncidentId::new("rb-23456");
        let mut left = Vec::new();
        for _ in 0..30 {
            let (writer, written) = (store.clone(), id.clone());
            let first = tokio_util::task::TaskTracker::new()
                .spawn(async move { writer.put_view(&written, b"first").await.unwrap() });
            // Readers come at every moment of the write, and are not polled again.
            while !first.is_finished() {
                let mut reader = Box::pin(store.load(&id));
                let _ = futures::poll!(&mut reader);
                left.push(reader);
                tokio::task::yield_now().await;
            }
            let second = tokio::time::timeout(Duration::from_secs(10), store.put_view(&id, b"second")).await;
            assert!(second.is_ok(), "a write waits for a reader who has left");
        }
    }
}
