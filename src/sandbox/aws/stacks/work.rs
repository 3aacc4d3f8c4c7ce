//! What an operation on a stack consists of while it is under way.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::resource::Resource;
use super::template::Definition;

/// From an operation's beginning, or from one phase to the next, until the first resource is touched.
pub(super) const BREATH: Duration = Duration::from_secs(2);

/// `OperationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationType {
    CreateStack,
    UpdateStack,
    DeleteStack,
    ContinueRollback,
    Rollback,
}

impl OperationType {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::CreateStack => "CREATE_STACK",
            Self::UpdateStack => "UPDATE_STACK",
            Self::DeleteStack => "DELETE_STACK",
            Self::ContinueRollback => "CONTINUE_ROLLBACK",
            Self::Rollback => "ROLLBACK",
        }
    }
}

/// `BeaconStackOperationStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationStatus {
    InProgress,
    Succeeded,
    Failed,
}

impl OperationStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }
}

/// One operation of a stack.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) kind: OperationType,
    pub(super) status: OperationStatus,
    pub(super) token: Option<String>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
}

/// Where an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Resources are made for the first time.
    Creating,
    /// Resources are changed.
    Updating,
    /// Everything is deployed; rollback triggers are looked at until then.
    Monitoring(Timestamp),
    /// What was replaced or removed is deleted.
    CleaningUp,
    /// An update is taken back.
    RollingBack,
    /// What the update had made is deleted.
    CleaningUpRollback,
    /// What a creation had made is deleted.
    UndoingCreation,
    /// Everything is deleted.
    Deleting,
    /// The rollback that somebody wanted continued fails again, because what to skip was wrong.
    Refusing(String),
}

/// What is to be done with a resource.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Create(Definition),
    Update(Definition),
    /// A new one is made; the old one is deleted in the clean-up.
    Replace(Definition),
    /// It becomes again what it was.
    Revert(Resource),
    Remove(Resource),
}

/// Something that is still to be done.
#[derive(Debug, Clone)]
pub(super) struct Todo {
    pub(super) logical: String,
    pub(super) deed: Deed,
    /// The resources that have to be through with theirs first.
    pub(super) needs: BTreeSet<String>,
}

/// Something that is being done.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) todo: Todo,
    /// When it ends; never by itself where a nested stack is waited for.
    pub(super) until: Timestamp,
    /// Why it fails, if it does.
    pub(super) fails: Option<String>,
    /// The nested stack that is waited for.
    pub(super) child: Option<String>,
}

/// Whether a failure leaves everything as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    RollBack,
    DoNothing,
}

/// An operation under way.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) phase: Phase,
    pub(super) todo: Vec<Todo>,
    pub(super) running: Vec<Running>,
    /// Logical ids of what failed.
    pub(super) failed: Vec<String>,
    /// What to skip, as the request named it; handed on to nested stacks.
    pub(super) skip: Vec<String>,
    /// When to look at it again, beside the ends of what is being done.
    pub(super) next: Timestamp,
    pub(super) on_failure: OnFailure,
}

impl Work {
    /// Work that begins at `next`.
    pub(super) fn new(phase: Phase, todo: Vec<Todo>, next: Timestamp) -> Self {
        Self {
            phase,
            todo,
            running: Vec::new(),
            failed: Vec::new(),
            skip: Vec::new(),
            next,
            on_failure: OnFailure::RollBack,
        }
    }

    /// When something happens next.
    pub(super) fn due(&self) -> Timestamp {
        self.running.iter().map(|running| running.until).fold(self.next, Timestamp::min)
    }

    /// Takes out what may begin: nothing that it needs is still to be done.
    pub(super) fn ready(&mut self) -> Vec<Todo> {
        let open: BTreeSet<String> = self
            .todo
            .iter()
            .map(|todo| todo.logical.clone())
            .chain(self.running.iter().map(|running| running.todo.logical.clone()))
            .collect();
        let all = std::mem::take(&mut self.todo);
        let (ready, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(|todo| todo.needs.is_disjoint(&open));
        if ready.is_empty() && self.running.is_empty() {
            // Resources that need each other: better one after the other than never.
            let mut waiting = waiting.into_iter();
            let first = waiting.next();
            self.todo = waiting.collect();
            return first.into_iter().collect();
        }
        self.todo = waiting;
        ready
    }
}

/// What a stack wants of a nested one.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// Deploy what the parent's template says now.
    Deploy { child: String, definition: Definition },
    /// Take the update back, or go on with taking it back.
    TakeBack { child: String, skip: Vec<String> },
    /// Stop the update.
    Cancel { child: String },
    /// Delete it.
    Delete { child: String },
    /// The operation of the root is through: forget what was before it.
    Settle { child: String },
}
