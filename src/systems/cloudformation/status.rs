//! What a stack's status asks for: one table, from which the plan and every step read.
//!
//! There is no undo in CloudFormation. Which call takes a stack back depends on its status alone, and the wrong one is
//! refused or, worse, deletes something.

use aws_sdk_cloudformation::types::StackStatus as Sdk;

/// A stack's status, as CloudFormation names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// `CREATE_IN_PROGRESS`
    CreateInProgress,
    /// `CREATE_FAILED`
    CreateFailed,
    /// `CREATE_COMPLETE`
    CreateComplete,
    /// `ROLLBACK_IN_PROGRESS`
    RollbackInProgress,
    /// `ROLLBACK_FAILED`
    RollbackFailed,
    /// `ROLLBACK_COMPLETE`
    RollbackComplete,
    /// `DELETE_IN_PROGRESS`
    DeleteInProgress,
    /// `DELETE_FAILED`
    DeleteFailed,
    /// `DELETE_COMPLETE`
    DeleteComplete,
    /// `UPDATE_IN_PROGRESS`
    UpdateInProgress,
    /// `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`
    UpdateCompleteCleanupInProgress,
    /// `UPDATE_COMPLETE`
    UpdateComplete,
    /// `UPDATE_FAILED`
    UpdateFailed,
    /// `UPDATE_ROLLBACK_IN_PROGRESS`
    UpdateRollbackInProgress,
    /// `UPDATE_ROLLBACK_FAILED`
    UpdateRollbackFailed,
    /// `UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS`
    UpdateRollbackCompleteCleanupInProgress,
    /// `UPDATE_ROLLBACK_COMPLETE`
    UpdateRollbackComplete,
    /// `REVIEW_IN_PROGRESS`
    ReviewInProgress,
    /// `IMPORT_IN_PROGRESS`
    ImportInProgress,
    /// `IMPORT_COMPLETE`
    ImportComplete,
    /// `IMPORT_ROLLBACK_IN_PROGRESS`
    ImportRollbackInProgress,
    /// `IMPORT_ROLLBACK_FAILED`
    ImportRollbackFailed,
    /// `IMPORT_ROLLBACK_COMPLETE`
    ImportRollbackComplete,
    /// One that this version does not know.
    Unknown(String),
}

/// What takes a stack back from its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `CancelUpdateStack`
    Cancel,
    /// `RollbackStack` to the last good state.
    RollBack,
    /// `RollbackStack` where there is no last good state: it deletes what was created.
    RollBackCreation,
    /// `ContinueUpdateRollback`
    Continue,
    /// CloudFormation is at it: wait for where that ends.
    Wait(Towards),
    /// A change set with an earlier template.
    ChangeSet,
    /// Nothing can be done.
    Refuse(Refused),
}

/// Where something ends that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// At what ran before: that is what was wanted.
    Before,
    /// At a settled state, from which a change set goes further.
    Settled,
    /// At an empty stack: its creation is being taken back.
    NeverCreated,
    /// At no stack: it is being deleted.
    Gone,
}

/// Why nothing can be done, with what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is being created.
    Creating,
    /// It was only ever created.
    OnlyCreated,
    /// Only deleting is left.
    OnlyDelete,
    /// Nothing is deployed.
    NothingDeployed,
    /// AWS's support has to help.
    ImportStuck,
    /// It is gone.
    Deleted,
    /// This version does not know the status.
    Unknown,
}

impl Status {
    /// The status that AWS means by `name`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum grows, and its own unknown is not to be named")]
    pub fn of(name: &str) -> Self {
        match Sdk::from(name) {
            Sdk::CreateInProgress => Self::CreateInProgress,
            Sdk::CreateFailed => Self::CreateFailed,
            Sdk::CreateComplete => Self::CreateComplete,
            Sdk::RollbackInProgress => Self::RollbackInProgress,
            Sdk::RollbackFailed => Self::RollbackFailed,
            Sdk::RollbackComplete => Self::RollbackComplete,
            Sdk::DeleteInProgress => Self::DeleteInProgress,
            Sdk::DeleteFailed => Self::DeleteFailed,
            Sdk::DeleteComplete => Self::DeleteComplete,
            Sdk::UpdateInProgress => Self::UpdateInProgress,
            Sdk::UpdateCompleteCleanupInProgress => Self::UpdateCompleteCleanupInProgress,
            Sdk::UpdateComplete => Self::UpdateComplete,
            Sdk::UpdateFailed => Self::UpdateFailed,
            Sdk::UpdateRollbackInProgress => Self::UpdateRollbackInProgress,
            Sdk::UpdateRollbackFailed => Self::UpdateRollbackFailed,
            Sdk::UpdateRollbackCompleteCleanupInProgress => Self::UpdateRollbackCompleteCleanupInProgress,
            Sdk::UpdateRollbackComplete => Self::UpdateRollbackComplete,
            Sdk::ReviewInProgress => Self::ReviewInProgress,
            Sdk::ImportInProgress => Self::ImportInProgress,
            Sdk::ImportComplete => Self::ImportComplete,
            Sdk::ImportRollbackInProgress => Self::ImportRollbackInProgress,
            Sdk::ImportRollbackFailed => Self::ImportRollbackFailed,
            Sdk::ImportRollbackComplete => Self::ImportRollbackComplete,
            _ => Self::Unknown(name.to_owned()),
        }
    }

    /// AWS's name of it.
    pub fn name(&self) -> &str {
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
            Self::Unknown(name) => name,
        }
    }

    /// What takes the stack back.
    pub fn action(&self) -> Action {
        match self {
            Self::UpdateInProgress => Action::Cancel,
            Self::UpdateFailed => Action::RollBack,
            Self::CreateFailed => Action::RollBackCreation,
            Self::UpdateRollbackFailed => Action::Continue,
            Self::UpdateRollbackInProgress | Self::UpdateRollbackCompleteCleanupInProgress => {
                Action::Wait(Towards::Before)
            }
            Self::UpdateCompleteCleanupInProgress | Self::ImportInProgress | Self::ImportRollbackInProgress => {
                Action::Wait(Towards::Settled)
            }
            Self::RollbackInProgress => Action::Wait(Towards::NeverCreated),
            Self::DeleteInProgress => Action::Wait(Towards::Gone),
            Self::UpdateComplete
            | Self::UpdateRollbackComplete
            | Self::ImportComplete
            | Self::ImportRollbackComplete => Action::ChangeSet,
            Self::CreateComplete => Action::Refuse(Refused::OnlyCreated),
            Self::CreateInProgress => Action::Refuse(Refused::Creating),
            Self::RollbackComplete | Self::RollbackFailed | Self::DeleteFailed => Action::Refuse(Refused::OnlyDelete),
            Self::ReviewInProgress => Action::Refuse(Refused::NothingDeployed),
            Self::ImportRollbackFailed => Action::Refuse(Refused::ImportStuck),
            Self::DeleteComplete => Action::Refuse(Refused::Deleted),
            Self::Unknown(_) => Action::Refuse(Refused::Unknown),
        }
    }

    /// Whether nothing is under way and what is deployed is good as far as CloudFormation can tell: only then is its
    /// template worth keeping.
    pub fn is_good(&self) -> bool {
        matches!(
            self,
            Self::CreateComplete
                | Self::UpdateComplete
                | Self::UpdateRollbackComplete
                | Self::ImportComplete
                | Self::ImportRollbackComplete
        )
    }

    /// Whether what failed is the stack's creation: nothing ran before it.
    pub fn is_of_a_creation(&self) -> bool {
        matches!(self.action(), Action::RollBackCreation | Action::Wait(Towards::NeverCreated))
    }

    /// Whether CloudFormation is at work.
    pub fn is_under_way(&self) -> bool {
        self.name().ends_with("_IN_PROGRESS") && *self != Self::ReviewInProgress
    }
}

impl Action {
    /// Where it may end. Anything else is a failure.
    pub fn ends_in(self) -> &'static [Status] {
        match self {
            Self::Cancel | Self::Wait(Towards::Before) => {
                &[Status::UpdateRollbackComplete, Status::UpdateRollbackFailed]
            }
            Self::RollBack | Self::Continue => &[Status::UpdateRollbackComplete],
            Self::RollBackCreation => &[Status::RollbackComplete],
            Self::ChangeSet => &[Status::UpdateComplete],
            Self::Wait(Towards::Settled) => {
                &[Status::UpdateComplete, Status::ImportComplete, Status::ImportRollbackComplete]
            }
            Self::Wait(Towards::NeverCreated) => {
                &[Status::RollbackComplete, Status::RollbackFailed, Status::DeleteComplete]
            }
            Self::Wait(Towards::Gone) => &[Status::DeleteComplete, Status::DeleteFailed],
            Self::Refuse(_) => &[],
        }
    }
}

impl Refused {
    /// What was wrong and what to do, for the stack called `name` in `status`.
    pub fn sentence(self, name: &str, status: &Status) -> String {
        let status = status.name();
        match self {
            Self::Creating => format!(
                "{name} is being created ({status}), so there is nothing to go back to. Wait for its end, or delete it \
                 in the CloudFormation console."
            ),
            Self::OnlyCreated => format!(
                "{name} was created and never updated ({status}), so it has no earlier version. Deploy a corrected \
                 template, or delete the stack."
            ),
            Self::OnlyDelete => format!(
                "{name} is {status}: CloudFormation lets it only be deleted. Delete it in the CloudFormation console, \
                 then deploy it again."
            ),
            Self::NothingDeployed => format!(
                "{name} is {status}: a change set was made for it, and nothing was ever deployed. Execute or delete \
                 that change set in the CloudFormation console."
            ),
            Self::ImportStuck => format!(
                "{name} is {status}: taking an import back has failed, and no call goes on from there. Look at the \
                 stack's events in the CloudFormation console, and ask AWS Support."
            ),
            Self::Deleted => format!("{name} is deleted ({status}). Deploy it again."),
            Self::Unknown => format!(
                "{name} is {status}, which this version of Rollbot does not know. Take it back in the CloudFormation \
                 console."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Every row of the table: status in, what is done, where it ends.
    #[rstest]
    #[case("UPDATE_IN_PROGRESS", Action::Cancel, &["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])]
    #[case("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Action::Wait(Towards::Settled),
        &["UPDATE_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"])]
    #[case("UPDATE_COMPLETE", Action::ChangeSet, &["UPDATE_COMPLETE"])]
    #[case("IMPORT_COMPLETE", Action::ChangeSet, &["UPDATE_COMPLETE"])]
    #[case("IMPORT_ROLLBACK_COMPLETE", Action::ChangeSet, &["UPDATE_COMPLETE"])]
    #[case("UPDATE_ROLLBACK_COMPLETE", Action::ChangeSet, &["UPDATE_COMPLETE"])]
    #[case("CREATE_COMPLETE", Action::Refuse(Refused::OnlyCreated), &[])]
    #[case("CREATE_IN_PROGRESS", Action::Refuse(Refused::Creating), &[])]
    #[case("UPDATE_FAILED", Action::RollBack, &["UPDATE_ROLLBACK_COMPLETE"])]
    #[case("CREATE_FAILED", Action::RollBackCreation, &["ROLLBACK_COMPLETE"])]
    #[case("ROLLBACK_COMPLETE", Action::Refuse(Refused::OnlyDelete), &[])]
    #[case("ROLLBACK_FAILED", Action::Refuse(Refused::OnlyDelete), &[])]
    #[case("DELETE_FAILED", Action::Refuse(Refused::OnlyDelete), &[])]
    #[case("DELETE_COMPLETE", Action::Refuse(Refused::Deleted), &[])]
    #[case("UPDATE_ROLLBACK_FAILED", Action::Continue, &["UPDATE_ROLLBACK_COMPLETE"])]
    #[case("UPDATE_ROLLBACK_IN_PROGRESS", Action::Wait(Towards::Before),
        &["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])]
    #[case("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Action::Wait(Towards::Before),
        &["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])]
    #[case("ROLLBACK_IN_PROGRESS", Action::Wait(Towards::NeverCreated),
        &["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE"])]
    #[case("DELETE_IN_PROGRESS", Action::Wait(Towards::Gone), &["DELETE_COMPLETE", "DELETE_FAILED"])]
    #[case("IMPORT_IN_PROGRESS", Action::Wait(Towards::Settled),
        &["UPDATE_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"])]
    #[case("IMPORT_ROLLBACK_IN_PROGRESS", Action::Wait(Towards::Settled),
        &["UPDATE_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"])]
    #[case("REVIEW_IN_PROGRESS", Action::Refuse(Refused::NothingDeployed), &[])]
    #[case("IMPORT_ROLLBACK_FAILED", Action::Refuse(Refused::ImportStuck), &[])]
    #[case("REFACTOR_IN_PROGRESS", Action::Refuse(Refused::Unknown), &[])]
    fn peer_10_the_action_follows_from_the_status(
        #[case] status: &str,
        #[case] action: Action,
        #[case] ends_in: &[&str],
    ) {
        let read = Status::of(status);
        assert_eq!((read.name(), read.action()), (status, action));
        assert_eq!(action.ends_in().iter().map(Status::name).collect::<Vec<_>>(), ends_in);
    }

    #[test]
    fn every_status_that_the_sdk_knows_has_its_row() {
        for status in Sdk::values() {
            assert!(!matches!(Status::of(status), Status::Unknown(_)), "{status}");
            assert_eq!(Status::of(status).name(), *status);
        }
    }

    #[rstest]
    #[case(Status::CreateComplete, "was created and never updated")]
    #[case(Status::RollbackComplete, "lets it only be deleted")]
    #[case(Status::ReviewInProgress, "nothing was ever deployed")]
    #[case(Status::ImportRollbackFailed, "ask AWS Support")]
    #[case(Status::DeleteComplete, "Deploy it again.")]
    #[case(Status::CreateInProgress, "nothing to go back to")]
    #[case(Status::Unknown("ODD".to_owned()), "does not know")]
    fn a_refusal_names_the_status_and_says_what_to_do(#[case] status: Status, #[case] said: &str) {
        let Action::Refuse(refused) = status.action() else { panic!("{status:?}") };
        let sentence = refused.sentence("shop-api", &status);
        assert!(sentence.starts_with("shop-api ") && sentence.contains(status.name()), "{sentence}");
        assert!(sentence.contains(said) && sentence.ends_with('.'), "{sentence}");
    }
}
