//! Deletes: clean-ups after updates and rollbacks, creations that are undone, whole stacks.

use super::resource::Resource;
use super::stack::{Scene, Stack};
use super::status::{ResourceStatus, StackStatus, Stage, Verb};
use super::work::{BREATH, Deed, OperationStatus, OperationType, Order, Phase, Todo, Work};

impl Stack {
    /// `DeleteStack`; what is in `retain` stays in the account.
    pub(super) fn delete(&mut self, scene: &mut Scene<'_>, retain: &[&str], token: Option<String>) {
        self.begin(scene, OperationType::DeleteStack, token);
        self.become_status(scene, StackStatus::DeleteInProgress, Some("User Initiated".to_owned()));
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.resources)
            .into_iter()
            .partition(|one| one.is_retained() || retain.contains(&one.logical.as_str()));
        self.resources = gone;
        for one in kept {
            self.note(scene, &one, ResourceStatus(Verb::Delete, Stage::Skipped), None);
        }
        self.garbage = self.resources.clone();
        self.work = Some(self.deletion(scene, Phase::Deleting));
    }

    /// The work of deleting the garbage, each after what needs it.
    pub(super) fn deletion(&self, scene: &Scene<'_>, phase: Phase) -> Work {
        let needs = |one: &Resource| {
            let others = self.garbage.iter().filter(|other| other.is.needs.contains(&one.logical));
            others.map(|other| other.logical.clone()).filter(|other| *other != one.logical).collect()
        };
        let todo = self.garbage.iter().map(|one| Todo {
            logical: one.logical.clone(),
            deed: Deed::Remove(one.clone()),
            needs: needs(one),
        });
        Work::new(phase, todo.collect(), scene.now.after(BREATH))
    }

    pub(super) fn step_deletion(&mut self, scene: &mut Scene<'_>, mut work: Work, orders: &mut Vec<Order>) {
        for todo in work.ready() {
            self.start(scene, &mut work, todo, orders);
        }
        if !work.running.is_empty() || !work.todo.is_empty() {
            self.work = Some(work);
            return;
        }
        let failed = (!work.failed.is_empty()).then(|| self.failure_sentence(&work));
        match (&work.phase, failed) {
            (Phase::CleaningUp, _) => self.updated(scene, StackStatus::UpdateComplete, orders),
            (Phase::CleaningUpRollback, _) => {
                self.updated(scene, StackStatus::UpdateRollbackComplete, orders);
            }
            (Phase::UndoingCreation, None) => {
                self.resources.clear();
                self.become_status(scene, StackStatus::RollbackComplete, None);
                self.end(scene, OperationStatus::Succeeded);
            }
            (Phase::UndoingCreation, Some(reason)) => {
                self.become_status(scene, StackStatus::RollbackFailed, Some(reason));
                self.end(scene, OperationStatus::Failed);
            }
            (_, Some(reason)) => {
                self.become_status(scene, StackStatus::DeleteFailed, Some(reason.clone()));
                self.end(scene, OperationStatus::Failed);
                self.report = Some(Err(reason));
            }
            (_, None) => {
                self.resources.clear();
                self.deleted_at = Some(scene.now.at);
                self.become_status(scene, StackStatus::DeleteComplete, None);
                self.end(scene, OperationStatus::Succeeded);
                self.report = Some(Ok(()));
            }
        }
    }

    /// An update or its rollback is through. What was before is forgotten when the outermost stack is through.
    fn updated(&mut self, scene: &mut Scene<'_>, status: StackStatus, orders: &mut Vec<Order>) {
        self.garbage.clear();
        self.policy_during_update = None;
        self.become_status(scene, status, None);
        self.end(scene, OperationStatus::Succeeded);
        self.report = Some(Ok(()));
        if self.parent.is_none() {
            orders.extend(self.forget());
        } else if status == StackStatus::UpdateRollbackComplete {
            self.before = None;
            self.touched.clear();
        }
    }

    /// Forgets what was before, here and in the nested stacks.
    pub(super) fn forget(&mut self) -> Vec<Order> {
        self.before = None;
        self.touched.clear();
        let nested = self.resources.iter().filter(|one| one.is_nested());
        nested.map(|one| Order::Settle { child: one.physical.clone() }).collect()
    }

    /// When a forced deletion is asked for: what could not be deleted.
    pub(super) fn undeletable(&self) -> Vec<String> {
        let failed = ResourceStatus(Verb::Delete, Stage::Failed);
        self.resources.iter().filter(|one| one.status == failed).map(|one| one.logical.clone()).collect()
    }

    /// After `BREATH` from now: when a stack that somebody nudged looks again.
    pub(super) fn nudge(&mut self, scene: &Scene<'_>) {
        if let Some(work) = &mut self.work {
            work.next = work.next.min(scene.now.after(BREATH));
        }
    }
}
