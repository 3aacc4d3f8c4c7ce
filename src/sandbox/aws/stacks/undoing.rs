//! Takes deployments back: on a failure, an alarm, or because somebody asked.

use super::super::refusal::Refusal;
use super::stack::{Before, Scene, Stack};
use super::status::{ResourceStatus, StackStatus, Stage, Verb};
use super::work::{BREATH, Deed, OperationStatus, OperationType, Order, Phase, Todo, Work};

/// The reason of a status that somebody asked for.
const USER_INITIATED: &str = "User Initiated";

fn wrong_status(message: &str) -> Refusal {
    Refusal::new("ValidationError", message)
}

impl Stack {
    /// `CancelUpdateStack`.
    pub(super) fn cancel(&mut self, scene: &mut Scene<'_>, token: Option<String>) -> Result<Vec<Order>, Refusal> {
        let work = self.work.take();
        let Some(mut work) = work.filter(|_| self.status == StackStatus::UpdateInProgress) else {
            return Err(wrong_status("CancelUpdateStack cannot be called from current stack status"));
        };
        let mut orders = Vec::new();
        self.begin(scene, OperationType::Rollback, token);
        self.become_status(scene, StackStatus::UpdateRollbackInProgress, Some(USER_INITIATED.to_owned()));
        self.cancel_running(scene, &mut work, &mut orders);
        self.take_back(scene);
        Ok(orders)
    }

    /// `RollbackStack`.
    pub(super) fn roll_back_failed(&mut self, scene: &mut Scene<'_>, token: Option<String>) -> Result<(), Refusal> {
        match self.status {
            StackStatus::UpdateFailed => {
                self.begin(scene, OperationType::Rollback, token);
                let reason = Some(USER_INITIATED.to_owned());
                self.become_status(scene, StackStatus::UpdateRollbackInProgress, reason);
                self.take_back(scene);
                Ok(())
            }
            StackStatus::CreateFailed => {
                self.begin(scene, OperationType::Rollback, token);
                self.take_creation_back(scene, USER_INITIATED.to_owned());
                Ok(())
            }
            StackStatus::CreateInProgress
            | StackStatus::CreateComplete
            | StackStatus::RollbackInProgress
            | StackStatus::RollbackFailed
            | StackStatus::RollbackComplete
            | StackStatus::DeleteInProgress
            | StackStatus::DeleteFailed
            | StackStatus::DeleteComplete
            | StackStatus::UpdateInProgress
            | StackStatus::UpdateCompleteCleanupInProgress
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackInProgress
            | StackStatus::UpdateRollbackFailed
            | StackStatus::UpdateRollbackCompleteCleanupInProgress
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ReviewInProgress
            | StackStatus::ImportInProgress
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackInProgress
            | StackStatus::ImportRollbackFailed
            | StackStatus::ImportRollbackComplete => {
                Err(wrong_status("RollbackStack cannot be called from current stack status"))
            }
        }
    }

    /// `ContinueUpdateRollback`; `wrong` is what is wrong with the list of what to skip. `CloudFormation` takes the call
    /// and fails the rollback again with that as its reason.
    pub(super) fn continue_rollback(
        &mut self,
        scene: &mut Scene<'_>,
        skip: Vec<String>,
        wrong: Option<String>,
        token: Option<String>,
    ) -> Result<(), Refusal> {
        if self.status != StackStatus::UpdateRollbackFailed {
            return Err(wrong_status("RollbackUpdatedStack cannot be called from current stack status"));
        }
        self.begin(scene, OperationType::ContinueRollback, token);
        self.become_status(scene, StackStatus::UpdateRollbackInProgress, Some(USER_INITIATED.to_owned()));
        if let Some(wrong) = wrong {
            self.work = Some(Work::new(Phase::Refusing(wrong), Vec::new(), Self::soon(scene)));
            return Ok(());
        }
        self.skip(scene, skip.iter().filter(|one| !one.contains('.')));
        self.take_back(scene);
        if let Some(work) = &mut self.work {
            work.skip = skip;
        }
        Ok(())
    }

    /// Takes a nested stack's update back, whatever has become of it; `skip` is the root's list.
    pub(super) fn take_back_nested(&mut self, scene: &mut Scene<'_>, skip: Vec<String>) {
        if self.before.is_none() {
            self.report = Some(Ok(()));
            return;
        }
        self.begin(scene, OperationType::Rollback, None);
        self.become_status(scene, StackStatus::UpdateRollbackInProgress, None);
        let own = format!("{}.", self.name);
        let mine: Vec<String> = skip.iter().filter_map(|one| one.strip_prefix(&own)).map(str::to_owned).collect();
        self.skip(scene, mine.iter());
        self.take_back(scene);
        if let Some(work) = &mut self.work {
            work.skip = skip;
        }
    }

    /// Stops a nested stack's update and leaves it for the root's rollback.
    pub(super) fn stop_nested(&mut self, scene: &mut Scene<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        if let Some(mut work) = self.work.take() {
            self.cancel_running(scene, &mut work, &mut orders);
            self.become_status(scene, StackStatus::UpdateFailed, Some("Resource update cancelled".to_owned()));
            self.end(scene, OperationStatus::Failed);
        }
        orders
    }

    /// Begins to roll an update back by itself.
    pub(super) fn roll_back(&mut self, scene: &mut Scene<'_>, reason: String, token: Option<String>) {
        let token = token.or_else(|| self.operations.last().and_then(|operation| operation.token.clone()));
        self.begin(scene, OperationType::Rollback, token);
        self.become_status(scene, StackStatus::UpdateRollbackInProgress, Some(reason));
        self.take_back(scene);
    }

    fn skip<'a>(&mut self, scene: &mut Scene<'_>, skip: impl Iterator<Item = &'a String>) {
        for logical in skip {
            self.touched.retain(|touched| touched != logical);
            if let Some(live) = self.resource_mut(logical) {
                live.failed_rollback = false;
            }
            self.mark(scene, logical, ResourceStatus(Verb::Update, Stage::Complete), None);
        }
    }

    /// Makes a list of what has to become again what it was, and begins with it.
    fn take_back(&mut self, scene: &mut Scene<'_>) {
        let Some(Before { is, resources }) = self.before.clone() else {
            return;
        };
        self.is = is;
        self.policy_during_update = None;
        let touched = self.touched.clone();
        let (back, made): (Vec<_>, Vec<_>) =
            touched.iter().partition(|logical| resources.iter().any(|one| one.logical == **logical));
        for logical in made {
            self.garbage.extend(self.resource(logical).cloned());
            self.resources.retain(|live| live.logical != *logical);
        }
        self.touched.retain(|logical| resources.iter().any(|one| one.logical == *logical));
        let todo = back.iter().filter_map(|logical| {
            let before = resources.iter().find(|one| one.logical == **logical)?;
            // What needs this one goes back first.
            let needs = back.iter().filter(|other| {
                self.resource(other).is_some_and(|live| live.is.needs.contains(*logical) && other != &logical)
            });
            Some(Todo {
                logical: (*logical).clone(),
                deed: Deed::Revert(before.clone()),
                needs: needs.map(|other| (*other).clone()).collect(),
            })
        });
        self.work = Some(Work::new(Phase::RollingBack, todo.collect(), scene.now.after(BREATH)));
    }

    pub(super) fn step_rollback(&mut self, scene: &mut Scene<'_>, mut work: Work, orders: &mut Vec<Order>) {
        if work.failed.is_empty() {
            for todo in work.ready() {
                self.start(scene, &mut work, todo, orders);
            }
        } else {
            work.todo.clear();
        }
        if !work.running.is_empty() || !work.todo.is_empty() {
            self.work = Some(work);
            return;
        }
        if work.failed.is_empty() {
            self.become_status(scene, StackStatus::UpdateRollbackCompleteCleanupInProgress, None);
            self.work = Some(self.deletion(scene, Phase::CleaningUpRollback));
            return;
        }
        let reason = self.failure_sentence(&work);
        self.refuse_again(scene, reason);
    }

    /// The rollback has failed.
    pub(super) fn refuse_again(&mut self, scene: &mut Scene<'_>, reason: String) {
        self.become_status(scene, StackStatus::UpdateRollbackFailed, Some(reason.clone()));
        self.end(scene, OperationStatus::Failed);
        self.report = Some(Err(reason));
    }

    /// Begins to delete what a creation has made, by itself.
    pub(super) fn undo_creation(&mut self, scene: &mut Scene<'_>, reason: String) {
        let token = self.operations.last().and_then(|operation| operation.token.clone());
        self.begin(scene, OperationType::Rollback, token);
        self.take_creation_back(scene, reason);
    }

    fn take_creation_back(&mut self, scene: &mut Scene<'_>, reason: String) {
        self.become_status(scene, StackStatus::RollbackInProgress, Some(reason));
        self.garbage = self.resources.clone();
        self.work = Some(self.deletion(scene, Phase::UndoingCreation));
    }
}
