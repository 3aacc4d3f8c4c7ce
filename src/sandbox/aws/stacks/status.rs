//! The statuses of stacks and resources, in CloudFormation's words.

use serde::{Deserialize, Serialize};

/// `StackStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each is CloudFormation's own word")]
pub enum StackStatus {
    CreateInProgress,
    CreateFailed,
    CreateComplete,
    RollbackInProgress,
    RollbackFailed,
    RollbackComplete,
    DeleteInProgress,
    DeleteFailed,
    DeleteComplete,
    UpdateInProgress,
    UpdateCompleteCleanupInProgress,
    UpdateComplete,
    UpdateFailed,
    UpdateRollbackInProgress,
    UpdateRollbackFailed,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackComplete,
    ReviewInProgress,
    ImportInProgress,
    ImportComplete,
    ImportRollbackInProgress,
    ImportRollbackFailed,
    ImportRollbackComplete,
}

impl StackStatus {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateFailed => "CREATE_FAILED",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
            Self::UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
            Self::UpdateRollbackCompleteCleanupInProgress => "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            Self::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
            Self::ReviewInProgress => "REVIEW_IN_PROGRESS",
            Self::ImportInProgress => "IMPORT_IN_PROGRESS",
            Self::ImportComplete => "IMPORT_COMPLETE",
            Self::ImportRollbackInProgress => "IMPORT_ROLLBACK_IN_PROGRESS",
            Self::ImportRollbackFailed => "IMPORT_ROLLBACK_FAILED",
            Self::ImportRollbackComplete => "IMPORT_ROLLBACK_COMPLETE",
        }
    }

    /// Whether a template may be deployed over it: the last known stable states.
    pub(super) fn is_stable(self) -> bool {
        matches!(
            self,
            Self::CreateComplete
                | Self::UpdateComplete
                | Self::UpdateRollbackComplete
                | Self::ImportComplete
                | Self::ImportRollbackComplete
        )
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Delete,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    InProgress,
    Complete,
    Failed,
    /// Deleted from the stack, kept in the account.
    Skipped,
}

/// `ResourceStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResourceStatus(pub(super) Verb, pub(super) Stage);

impl ResourceStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match (self.0, self.1) {
            (Verb::Create, Stage::InProgress) => "CREATE_IN_PROGRESS",
            (Verb::Create, Stage::Complete) => "CREATE_COMPLETE",
            (Verb::Create, Stage::Failed | Stage::Skipped) => "CREATE_FAILED",
            (Verb::Update, Stage::InProgress) => "UPDATE_IN_PROGRESS",
            (Verb::Update, Stage::Complete) => "UPDATE_COMPLETE",
            (Verb::Update, Stage::Failed | Stage::Skipped) => "UPDATE_FAILED",
            (Verb::Delete, Stage::InProgress) => "DELETE_IN_PROGRESS",
            (Verb::Delete, Stage::Complete) => "DELETE_COMPLETE",
            (Verb::Delete, Stage::Failed) => "DELETE_FAILED",
            (Verb::Delete, Stage::Skipped) => "DELETE_SKIPPED",
        }
    }
}
