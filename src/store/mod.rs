//! Where incidents are kept: every decision is durable before its effect.
//!
//! A commit carries the record, its events, a key that makes it unique, and the locks that follow from the record, in
//! one atomic write. Compare-and-set on the revision protects the record. What has been answered survives a power cut.

mod blobs;
mod commit;
mod committer;
#[cfg(test)]
mod contract;
#[cfg(feature = "sandbox")]
pub mod crash_point;
mod decode;
mod deploys;
mod envelope;
mod error;
mod freezes;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_works;
mod history;
mod inbox;
mod kept;
mod plan_commit;
#[cfg(test)]
mod processes;
mod quarantine;
mod sled_store;
#[expect(clippy::module_inception, reason = "the room and its noun bear the same name")]
mod store;
mod table;
mod used;

pub use commit::{Commit, GoodRelease, Rev, Stored};
pub use error::{CommitError, StoreError};
pub use freezes::{FreezeCommit, StoredFreeze};
pub use history::{Cursor, HistoryFilter, HistoryPage, Page};
pub use inbox::{Fresh, InboxEntry};
pub use kept::KeptVersion;
pub use quarantine::Quarantined;
pub use sled_store::{Grouping, SledStore};
pub use store::Store;
