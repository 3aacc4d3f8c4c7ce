//! What can go wrong with the store, in sentences for people.

use std::path::PathBuf;

use super::commit::Rev;
use crate::incident::ids::{IncidentId, Resource};

/// Why the store could not be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another handle of this one, has the folder open.
    #[error(
        "the store in {folder} is open in another process; stop that one, or give this one a folder of its own (store.sled.path)"
    )]
    InUse {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The folder cannot be made or used.
    #[error(
        "the store's folder {folder} cannot be used: {why}; check that it is writable and that its disk is not full"
    )]
    Folder {
        /// The store's folder.
        folder: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The storage failed. This handle answers nothing any more: what it would say cannot be trusted.
    #[error(
        "the store in {folder} failed: {why}; Rollbot has to be started again, and goes on from what was stored before"
    )]
    Failed {
        /// The store's folder.
        folder: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Something stored cannot be read by this version. It is kept aside, and nothing is guessed.
    #[error(
        "the stored {what} {key} cannot be read ({reason}); it is kept aside untouched until a version that can read it"
    )]
    Unreadable {
        /// What it is: `record`, `event`, `view`, `inbox entry`, `good release`, `blob`.
        what: &'static str,
        /// Its name.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether the handle is lost, so that the process has to end.
    pub fn is_final(&self) -> bool {
        match self {
            Self::InUse { .. } | Self::Folder { .. } | Self::Failed { .. } => true,
            Self::Unreadable { .. } => false,
        }
    }
}

/// Why a commit was refused. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else was faster: look again, decide again.
    #[error("the incident has changed meanwhile (revision {found:?} instead of {expected:?})")]
    Conflict {
        /// The revision that was decided on; `None`: none.
        expected: Option<Rev>,
        /// The revision that is stored; `None`: none.
        found: Option<Rev>,
    },
    /// The key that makes this commit unique has been used.
    #[error("this has been taken up already, by {by}")]
    Duplicate {
        /// The incident that it was used for.
        by: IncidentId,
    },
    /// Another incident holds something that this one wants.
    #[error("{resource} is held by {by}")]
    Held {
        /// What.
        resource: Resource,
        /// By which incident.
        by: IncidentId,
    },
    /// The inbox entry that this commit settles is not there: it has been settled.
    #[error("the inbox entry {key} has been settled already")]
    NotInInbox {
        /// The entry's key.
        key: String,
    },
    /// The store itself failed.
    #[error(transparent)]
    Storage(#[from] StoreError),
}
