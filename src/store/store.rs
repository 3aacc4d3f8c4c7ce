//! The store that the rest of the house sees, whichever it is.

use super::commit::{Commit, GoodRelease, Rev, Stored};
use super::error::{CommitError, StoreError};
use super::freezes::{FreezeCommit, StoredFreeze};
use super::history::{HistoryFilter, HistoryPage, Page};
use super::inbox::{Fresh, InboxEntry};
use super::kept::KeptVersion;
use super::quarantine::Quarantined;
use super::sled_store::{Grouping, SledStore};
use crate::incident::deploy::Deploy;
use crate::incident::event::Event;
use crate::incident::freeze_event::FreezeEvent;
use crate::incident::ids::{Digest, FreezeId, IncidentId, Resource};

/// A store. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Store {
    /// A folder of this machine.
    Sled(SledStore),
}

impl Store {
    /// Writes a record with its events, its unique key and its locks, all or nothing; durable when it returns.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was written.
    pub async fn commit(&self, commit: Commit<'_>) -> Result<Rev, CommitError> {
        match self {
            Self::Sled(store) => store.commit(commit).await,
        }
    }

    /// An incident, if there is one of this name.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if there is one that this version cannot read.
    pub async fn load(&self, id: &IncidentId) -> Result<Option<Stored>, StoreError> {
        match self {
            Self::Sled(store) => store.load(id).await,
        }
    }

    /// Every incident that is not closed, or that has something left to be removed; oldest first. Costs by what is open, not by history.
    pub async fn open(&self) -> Result<Vec<Stored>, StoreError> {
        match self {
            Self::Sled(store) => store.open_incidents().await,
        }
    }

    /// The incident whose commit used this unique key, if one has and it is still remembered.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn committed_by(&self, key: &str) -> Result<Option<IncidentId>, StoreError> {
        match self {
            Self::Sled(store) => store.committed_by(key).await,
        }
    }

    /// An incident's events from number `from` on. They are numbered from 0 without gaps; a number that is missing here
    /// is one that cannot be read and is kept aside.
    pub async fn events(&self, id: &IncidentId, from: u64) -> Result<Vec<(u64, Event)>, StoreError> {
        match self {
            Self::Sled(store) => store.events(id, from).await,
        }
    }

    /// A page of incidents by the time they were opened, newest first.
    pub async fn history(&self, filter: &HistoryFilter, page: Page) -> Result<HistoryPage, StoreError> {
        match self {
            Self::Sled(store) => store.history(filter, page).await,
        }
    }

    /// Writes a freeze with its events and its unique key, all or nothing; durable when it returns.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was written.
    pub async fn commit_freeze(&self, commit: FreezeCommit<'_>) -> Result<Rev, CommitError> {
        match self {
            Self::Sled(store) => store.commit_freeze(commit).await,
        }
    }

    /// A freeze, if there is one of this name.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if there is one that this version cannot read.
    pub async fn freeze(&self, id: &FreezeId) -> Result<Option<StoredFreeze>, StoreError> {
        match self {
            Self::Sled(store) => store.freeze(id).await,
        }
    }

    /// The newest freeze of `resource`, which may be over.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if there is one that this version cannot read.
    pub async fn freeze_of(&self, resource: &Resource) -> Result<Option<StoredFreeze>, StoreError> {
        match self {
            Self::Sled(store) => store.freeze_of(resource).await,
        }
    }

    /// The newest freeze of everything that was ever frozen, by the time that it was opened; those that are over too.
    /// Costs by how many things there are to freeze, not by history.
    pub async fn freezes(&self) -> Result<Vec<StoredFreeze>, StoreError> {
        match self {
            Self::Sled(store) => store.freezes().await,
        }
    }

    /// A freeze's events from number `from` on, numbered like those of an incident.
    pub async fn freeze_events(&self, id: &FreezeId, from: u64) -> Result<Vec<(u64, FreezeEvent)>, StoreError> {
        match self {
            Self::Sled(store) => store.freeze_events(id, from).await,
        }
    }

    /// The releases that Rollbot itself proved on `resource`, newest first; the last twenty.
    pub async fn last_good(&self, resource: &Resource) -> Result<Vec<GoodRelease>, StoreError> {
        match self {
            Self::Sled(store) => store.last_good(resource).await,
        }
    }

    /// Keeps a version of `resource`, unless the newest that is kept is the same; durable when it returns. Whether it was
    /// new is said. The last two hundred are kept.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep(&self, resource: &Resource, version: &KeptVersion) -> Result<Fresh, StoreError> {
        match self {
            Self::Sled(store) => store.keep(resource, version).await,
        }
    }

    /// The versions of `resource` that are kept, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn kept(&self, resource: &Resource) -> Result<Vec<KeptVersion>, StoreError> {
        match self {
            Self::Sled(store) => store.kept(resource).await,
        }
    }

    /// Keeps a deployment that was told of, unless its id was used before in its environment; durable when it returns. The
    /// last hundred of a service are kept.
    pub async fn put_deploy(&self, deploy: &Deploy) -> Result<Fresh, StoreError> {
        match self {
            Self::Sled(store) => store.put_deploy(deploy).await,
        }
    }

    /// The deployments of a service that were told of, newest first.
    pub async fn deploys(&self, environment: &str, service: &str) -> Result<Vec<Deploy>, StoreError> {
        match self {
            Self::Sled(store) => store.deploys(environment, service).await,
        }
    }

    /// Stores what came in, unless its key was used before; durable when it returns. The last hundred thousand keys are
    /// remembered.
    pub async fn put_inbox(&self, key: &str, entry: &[u8]) -> Result<Fresh, StoreError> {
        match self {
            Self::Sled(store) => store.put_inbox(key, entry).await,
        }
    }

    /// What came in and is not worked off, in the order of arrival.
    pub async fn inbox(&self) -> Result<Vec<InboxEntry>, StoreError> {
        match self {
            Self::Sled(store) => store.inbox().await,
        }
    }

    /// Removes an entry that came to no commit; its key stays used. One that is gone already is no error.
    pub async fn take_inbox(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Sled(store) => store.take_inbox(key).await,
        }
    }

    /// Stores what the mirror keeps of an incident. Separate from the record and its revision.
    pub async fn put_view(&self, id: &IncidentId, view: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Sled(store) => store.put_view(id, view).await,
        }
    }

    /// What the mirror keeps of an incident.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if there is a view that this version cannot read; a new one may be put.
    pub async fn view(&self, id: &IncidentId) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sled(store) => store.view(id).await,
        }
    }

    /// Stores large bytes under their digest; durable when it returns.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        match self {
            Self::Sled(store) => store.put_blob(bytes).await,
        }
    }

    /// The bytes of a digest, verified.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if they are damaged.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sled(store) => store.blob(digest).await,
        }
    }

    /// What could not be read and is kept aside.
    pub async fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        match self {
            Self::Sled(store) => store.quarantined().await,
        }
    }

    /// Waits for the error of the storage after which this handle refuses everything. Whoever runs the process ends it
    /// then, with this sentence.
    pub async fn failed(&self) -> StoreError {
        match self {
            Self::Sled(store) => store.failed().await,
        }
    }

    /// How well changes share syncs.
    pub fn grouping(&self) -> Grouping {
        match self {
            Self::Sled(store) => store.grouping(),
        }
    }
}
