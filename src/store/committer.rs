//! The only writer: a thread that makes many changes durable with one sync.
//!
//! It takes everything that waits, applies each change as a transaction of its own, flushes and syncs once, and only
//! then answers all, refusals included: a refusal may rest on a change of the same batch. From the first change to the
//! end of the sync it holds the gate for writing, and every reader holds it for reading: nobody sees a revision that a
//! power cut could take back. After the first error of the storage it refuses everything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{RwLock, mpsc, oneshot, watch};

#[cfg(feature = "sandbox")]
use super::crash_point::{Counted, Counter};
use super::error::StoreError;
use super::table::{Tables, Writes};

/// A change that was applied; nobody counts them in production.
#[cfg(not(feature = "sandbox"))]
struct Counted;

/// How many changes share one sync at most, so that no batch takes long.
const BATCH: usize = 256;

/// How many changes may wait; whoever brings more waits with them.
const QUEUE: usize = 1024;

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A commit of an incident.
    Commit,
    /// A commit of a freeze.
    CommitFreeze,
    /// An inbox entry is stored.
    PutInbox,
    /// An inbox entry is removed.
    TakeInbox,
    /// A deployment that was told of is stored.
    PutDeploy,
    /// A view is stored.
    PutView,
    /// A version is kept.
    Keep,
    /// A blob is stored.
    #[cfg(feature = "sandbox")]
    PutBlob,
    /// Something is moved to or from the quarantine.
    SetAside,
}

impl Kind {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::CommitFreeze => "commit_freeze",
            Self::PutInbox => "put_inbox",
            Self::TakeInbox => "take_inbox",
            Self::PutDeploy => "put_deploy",
            Self::PutView => "put_view",
            Self::Keep => "keep",
            #[cfg(feature = "sandbox")]
            Self::PutBlob => "put_blob",
            Self::SetAside => "set_aside",
        }
    }
}

/// What the committer and the readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tables: Tables,
    pub(super) gate: RwLock<()>,
    pub(super) failure: watch::Sender<Option<StoreError>>,
    pub(super) writes: AtomicU64,
    pub(super) syncs: AtomicU64,
    #[cfg(feature = "sandbox")]
    pub(super) counter: Counter,
}

impl Shared {
    /// The error after which nothing is answered any more, if there was one.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failure.borrow().clone()
    }

    /// Records the error after which nothing is answered any more. The first one stays.
    pub(super) fn fail(&self, error: &StoreError) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                tracing::error!(%error, "the store failed");
                *failure = Some(error.clone());
            }
            first
        });
    }
}

/// Tells whoever asked, once the batch is durable or lost.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a change comes to, given the tables as they are when its turn comes.
type Plan = Box<dyn FnOnce(Result<&Tables, StoreError>) -> Planned + Send>;

/// A change that waits for its turn.
struct Change {
    kind: Kind,
    plan: Plan,
}

struct Planned {
    writes: Result<Writes, StoreError>,
    answer: Answer,
}

/// The way to the committer's thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Committer {
    changes: Option<mpsc::Sender<Change>>,
    thread: Option<std::thread::JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (changes, queue) = mpsc::channel(QUEUE);
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || run(&writer, queue))?;
        Ok(Self { changes: Some(changes), thread: Some(thread), shared })
    }

    /// Carries out what `plan` comes to, and returns its answer once that is durable.
    pub(super) async fn write<T, F>(&self, kind: Kind, plan: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tables) -> Result<(Writes, T), StoreError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let plan = move |tables: Result<&Tables, StoreError>| {
            let (writes, value) = match tables.and_then(plan) {
                Ok((writes, value)) => (Ok(writes), Ok(value)),
                Err(error) => (Err(error.clone()), Err(error)),
            };
            let answer = move |durable: Result<(), StoreError>| {
                // Whoever asked may have gone; what was decided stays.
                let _gone = tell.send(durable.and(value));
            };
            Planned { writes, answer: Box::new(answer) }
        };
        let change = Change { kind, plan: Box::new(plan) };
        if let Some(changes) = &self.changes
            && changes.send(change).await.is_ok()
            && let Ok(answer) = told.await
        {
            return answer;
        }
        Err(self.shared.failure().unwrap_or_else(|| self.shared.tables.lost("its writer has ended")))
    }
}

impl Drop for Committer {
    /// Ends the thread, after what it has begun.
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

fn run(shared: &Shared, mut queue: mpsc::Receiver<Change>) {
    let mut waiting = Vec::new();
    while queue.blocking_recv_many(&mut waiting, BATCH) > 0 {
        let batch = std::mem::take(&mut waiting);
        let gate = shared.gate.blocking_write();
        // sled panics on some damage; that is a storage error like any other.
        let outcome = catch_unwind(AssertUnwindSafe(|| carry_out(shared, batch)));
        if outcome.is_err() {
            shared.fail(&shared.tables.lost("it came upon damage that it cannot work around"));
        }
        drop(gate);
        for (answer, durable) in outcome.unwrap_or_default() {
            answer(durable);
        }
    }
}

fn carry_out(shared: &Shared, batch: Vec<Change>) -> Vec<(Answer, Result<(), StoreError>)> {
    let mut answers = Vec::with_capacity(batch.len());
    let mut applied = Vec::new();
    for Change { kind, plan } in batch {
        let tables = shared.failure().map_or(Ok(&shared.tables), Err);
        let Planned { writes, answer } = plan(tables);
        answers.push(answer);
        let outcome = match writes {
            Ok(writes) if writes.is_empty() => Ok(()),
            Ok(writes) => {
                #[cfg(feature = "sandbox")]
                let counted = shared.counter.before(kind, &writes);
                #[cfg(not(feature = "sandbox"))]
                let counted = Counted;
                applied.push((counted, kind));
                shared.tables.apply(writes)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome
            && error.is_final()
        {
            shared.fail(&error);
        }
    }
    if !applied.is_empty() && shared.failure().is_none() {
        if let Err(error) = shared.tables.sync() {
            shared.fail(&error);
        } else {
            count(shared, &applied);
        }
    }
    let durable = shared.failure().map_or(Ok(()), Err);
    answers.into_iter().map(|answer| (answer, durable.clone())).collect()
}

fn count(shared: &Shared, applied: &[(Counted, Kind)]) {
    let writes = u64::try_from(applied.len()).unwrap_or(u64::MAX);
    shared.writes.fetch_add(writes, Ordering::Relaxed);
    shared.syncs.fetch_add(1, Ordering::Relaxed);
    for (counted, kind) in applied {
        crate::telemetry::store_write(kind.word());
        #[cfg(feature = "sandbox")]
        shared.counter.after(counted);
        #[cfg(not(feature = "sandbox"))]
        let Counted = counted;
    }
    crate::telemetry::store_sync();
}
