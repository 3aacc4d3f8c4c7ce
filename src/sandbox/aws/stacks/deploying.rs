//! Carries deployments on as time passes: resources begin, end, fail and cancel each other.

use std::time::Duration;

use jiff::Timestamp;

use super::resource::Resource;
use super::seed::Undertaking;
use super::stack::{Scene, Stack};
use super::status::{ResourceStatus, StackStatus, Stage, Verb};
use super::template::Definition;
use super::work::{BREATH, Deed, OnFailure, OperationStatus, Order, Phase, Running, Todo, Work};

const CANCELLED: &str = "Resource update cancelled";
const CREATION_CANCELLED: &str = "Resource creation cancelled";
const REPLACING: &str = "Requested update requires the creation of a new physical resource; hence creating one.";
const NO_NESTED: &str = "This stand-in for CloudFormation does not create nested stacks.";

/// How often rollback triggers are looked at while everything is deployed.
const ALARM_LOOK: Duration = Duration::from_secs(10);

impl Stack {
    /// Does what is due.
    pub(super) fn step(&mut self, scene: &mut Scene<'_>) -> Vec<Order> {
        let Some(mut work) = self.work.take() else {
            return Vec::new();
        };
        let mut orders = Vec::new();
        if work.next <= scene.now.at {
            work.next = Timestamp::MAX;
        }
        let (ended, running): (Vec<_>, Vec<_>) =
            work.running.drain(..).partition(|running| running.until <= scene.now.at);
        work.running = running;
        for one in ended {
            if self.settle(scene, &one).is_err() {
                work.failed.push(one.todo.logical);
            }
        }
        match work.phase.clone() {
            Phase::Creating | Phase::Updating | Phase::Monitoring(_) => self.step_deployment(scene, work, &mut orders),
            Phase::RollingBack => self.step_rollback(scene, work, &mut orders),
            Phase::CleaningUp | Phase::CleaningUpRollback | Phase::UndoingCreation | Phase::Deleting => {
                self.step_deletion(scene, work, &mut orders);
            }
            Phase::Refusing(reason) => self.refuse_again(scene, reason),
        }
        orders
    }

    fn step_deployment(&mut self, scene: &mut Scene<'_>, mut work: Work, orders: &mut Vec<Order>) {
        let alarm = self.triggered(scene);
        if alarm.is_some() || !work.failed.is_empty() {
            self.cancel_running(scene, &mut work, orders);
            let failed = self.failure_sentence(&work);
            self.deployment_failed(scene, &work, alarm.unwrap_or(failed));
            return;
        }
        for todo in work.ready() {
            self.start(scene, &mut work, todo, orders);
        }
        if !work.running.is_empty() || !work.todo.is_empty() {
            self.work = Some(work);
            return;
        }
        let denied = self.removed().into_iter().find_map(|gone| {
            let reason = self.denied(&Deed::Remove(gone.clone()))?;
            Some((gone.logical, reason))
        });
        if let Some((logical, reason)) = denied {
            self.mark(scene, &logical, ResourceStatus(Verb::Update, Stage::Failed), Some(reason));
            work.failed.push(logical);
            let failed = self.failure_sentence(&work);
            self.deployment_failed(scene, &work, failed);
            return;
        }
        let minutes = u64::from(self.is.monitoring_minutes);
        let until = match work.phase {
            Phase::Monitoring(until) => until,
            Phase::Creating | Phase::Updating if minutes > 0 && !self.is.triggers.is_empty() => {
                scene.now.after(Duration::from_mins(minutes))
            }
            Phase::Creating
            | Phase::Updating
            | Phase::CleaningUp
            | Phase::RollingBack
            | Phase::CleaningUpRollback
            | Phase::UndoingCreation
            | Phase::Deleting
            | Phase::Refusing(_) => scene.now.at,
        };
        if scene.now.at < until {
            work.phase = Phase::Monitoring(until);
            work.next = scene.now.after(ALARM_LOOK).min(until);
            self.work = Some(work);
            return;
        }
        self.deployed(scene);
    }

    /// Everything is deployed.
    fn deployed(&mut self, scene: &mut Scene<'_>) {
        if self.before.is_none() {
            self.become_status(scene, StackStatus::CreateComplete, None);
            self.end(scene, OperationStatus::Succeeded);
            self.report = Some(Ok(()));
            return;
        }
        let removed = self.removed();
        self.resources.retain(|one| !removed.iter().any(|gone| gone.logical == one.logical));
        self.garbage.extend(removed);
        self.become_status(scene, StackStatus::UpdateCompleteCleanupInProgress, None);
        self.work = Some(self.deletion(scene, Phase::CleaningUp));
    }

    /// A deployment has failed: it is rolled back, or left as it is.
    fn deployment_failed(&mut self, scene: &mut Scene<'_>, work: &Work, reason: String) {
        let creating = self.before.is_none();
        let left = work.on_failure == OnFailure::DoNothing || self.parent.is_some();
        match (creating, left) {
            (true, true) => self.become_status(scene, StackStatus::CreateFailed, Some(reason.clone())),
            (false, true) => self.become_status(scene, StackStatus::UpdateFailed, Some(reason.clone())),
            (true, false) => {
                self.undo_creation(scene, format!("{reason}Rollback requested by user."));
                return;
            }
            (false, false) => {
                self.roll_back(scene, reason, None);
                return;
            }
        }
        self.end(scene, OperationStatus::Failed);
        self.report = Some(Err(reason));
    }

    /// `The following resource(s) failed to update: [Api, Worker]. `, with the blank at the end that CloudFormation has.
    pub(super) fn failure_sentence(&self, work: &Work) -> String {
        let verb = |logical: &String| match self.resource(logical).map(|one| one.status.0) {
            Some(Verb::Create) => "create",
            Some(Verb::Delete) => "delete",
            Some(Verb::Update) | None => "update",
        };
        ["create", "update", "delete"]
            .into_iter()
            .filter_map(|wanted| {
                let some: Vec<&str> =
                    work.failed.iter().filter(|one| verb(one) == wanted).map(String::as_str).collect();
                (!some.is_empty())
                    .then(|| format!("The following resource(s) failed to {wanted}: [{}]. ", some.join(", ")))
            })
            .collect()
    }

    /// What is being done with other resources is cancelled, and nothing more begins.
    pub(super) fn cancel_running(&mut self, scene: &mut Scene<'_>, work: &mut Work, orders: &mut Vec<Order>) {
        work.todo.clear();
        for one in std::mem::take(&mut work.running) {
            orders.extend(one.child.map(|child| Order::Cancel { child }));
            let (verb, why) = match one.todo.deed {
                Deed::Create(_) => (Verb::Create, CREATION_CANCELLED),
                Deed::Update(_) | Deed::Replace(_) | Deed::Revert(_) => (Verb::Update, CANCELLED),
                Deed::Remove(_) => (Verb::Delete, "Resource deletion cancelled"),
            };
            self.mark(scene, &one.todo.logical, ResourceStatus(verb, Stage::Failed), Some(why.to_owned()));
        }
    }

    /// Begins something.
    pub(super) fn start(&mut self, scene: &mut Scene<'_>, work: &mut Work, todo: Todo, orders: &mut Vec<Order>) {
        let denied = self.denied(&todo.deed).filter(|_| work.phase == Phase::Updating);
        let logical = todo.logical.clone();
        let (undertaking, kind, body, verb) = match &todo.deed {
            Deed::Create(definition) => {
                self.touched.push(logical.clone());
                self.put(fresh(definition, scene));
                (Undertaking::Create, definition.kind.clone(), definition.body.clone(), Verb::Create)
            }
            Deed::Update(definition) | Deed::Replace(definition) => {
                self.touched.push(logical.clone());
                (Undertaking::Update, definition.kind.clone(), definition.body.clone(), Verb::Update)
            }
            Deed::Revert(before) => (Undertaking::Rollback, before.kind.clone(), before.is.body.clone(), Verb::Update),
            Deed::Remove(gone) => (Undertaking::Delete, gone.kind.clone(), gone.is.body.clone(), Verb::Delete),
        };
        let why = matches!(todo.deed, Deed::Replace(_)).then(|| REPLACING.to_owned());
        let status = ResourceStatus(verb, Stage::InProgress);
        match &todo.deed {
            Deed::Remove(gone) => {
                if self.resource(&logical).is_some_and(|live| live.physical == gone.physical) {
                    self.mark(scene, &logical, status, None);
                } else {
                    self.note(scene, gone, status, None);
                }
            }
            Deed::Create(_) | Deed::Update(_) | Deed::Replace(_) | Deed::Revert(_) => {
                self.mark(scene, &logical, status, why);
            }
        }
        let (takes, fails) = self.outcome(undertaking, &logical, &kind, &body);
        let (order, no_nested) = self.nested_order(work, &todo);
        let child = self.resource(&logical).filter(|_| order.is_some()).map(|live| live.physical.clone());
        let fails = denied.or(no_nested).or(fails.filter(|_| order.is_none()));
        let until = if order.is_some() { Timestamp::MAX } else { scene.now.after(takes) };
        orders.extend(order);
        work.running.push(Running { todo, until, fails, child });
    }

    /// What a nested stack is told when its resource's turn has come; or why that cannot be done.
    fn nested_order(&self, work: &Work, todo: &Todo) -> (Option<Order>, Option<String>) {
        let live = self.resource(&todo.logical).filter(|live| live.is_nested());
        let Some(child) = live.map(|live| live.physical.clone()) else {
            return (None, None);
        };
        match &todo.deed {
            Deed::Create(_) | Deed::Replace(_) => (None, Some(NO_NESTED.to_owned())),
            Deed::Update(definition) => (Some(Order::Deploy { child, definition: definition.clone() }), None),
            Deed::Revert(_) => (Some(Order::TakeBack { child, skip: work.skip.clone() }), None),
            Deed::Remove(_) => (Some(Order::Delete { child }), None),
        }
    }

    /// Ends something: the resource is what it was to become, or it failed.
    fn settle(&mut self, scene: &mut Scene<'_>, one: &Running) -> Result<(), ()> {
        let logical = one.todo.logical.as_str();
        if let Some(reason) = &one.fails {
            return self.fail(scene, one, reason.clone());
        }
        match &one.todo.deed {
            Deed::Create(_) => self.mark(scene, logical, ResourceStatus(Verb::Create, Stage::Complete), None),
            Deed::Update(definition) => {
                if let Some(live) = self.resource_mut(logical) {
                    live.is = definition.clone();
                }
                self.mark(scene, logical, ResourceStatus(Verb::Update, Stage::Complete), None);
            }
            Deed::Replace(definition) => {
                let old = self.resource(logical).cloned();
                self.put(fresh(definition, scene));
                self.garbage.extend(old);
                self.mark(scene, logical, ResourceStatus(Verb::Update, Stage::Complete), None);
            }
            Deed::Revert(before) => {
                let live = self.resource(logical).cloned();
                self.garbage.extend(live.filter(|live| live.physical != before.physical));
                self.put(Resource { failed_rollback: false, ..before.clone() });
                self.touched.retain(|touched| touched != logical);
                self.mark(scene, logical, ResourceStatus(Verb::Update, Stage::Complete), None);
            }
            Deed::Remove(gone) => {
                self.note(scene, gone, ResourceStatus(Verb::Delete, Stage::Complete), None);
                self.resources.retain(|live| live.physical != gone.physical);
                self.garbage.retain(|other| other.physical != gone.physical);
            }
        }
        Ok(())
    }

    fn fail(&mut self, scene: &mut Scene<'_>, one: &Running, reason: String) -> Result<(), ()> {
        let logical = one.todo.logical.as_str();
        let verb = match &one.todo.deed {
            Deed::Create(_) => Verb::Create,
            Deed::Update(_) | Deed::Replace(_) | Deed::Revert(_) => Verb::Update,
            Deed::Remove(_) => Verb::Delete,
        };
        let status = ResourceStatus(verb, Stage::Failed);
        match &one.todo.deed {
            Deed::Remove(gone) if self.resource(logical).is_none_or(|live| live.physical != gone.physical) => {
                self.note(scene, gone, status, Some(reason));
            }
            Deed::Create(_) | Deed::Update(_) | Deed::Replace(_) | Deed::Revert(_) | Deed::Remove(_) => {
                self.mark(scene, logical, status, Some(reason));
            }
        }
        if let (Deed::Revert(_), Some(live)) = (&one.todo.deed, self.resource_mut(logical)) {
            live.failed_rollback = true;
        }
        Err(())
    }

    /// Asks for the next look after a moment.
    pub(super) fn soon(scene: &Scene<'_>) -> Timestamp {
        scene.now.after(BREATH)
    }
}

/// A resource that has just come to be, with a physical id as CloudFormation makes them.
pub(super) fn fresh(definition: &Definition, scene: &mut Scene<'_>) -> Resource {
    let unique: String = scene.ids.hex().to_uppercase().chars().take(12).collect();
    Resource {
        logical: definition.logical.clone(),
        kind: definition.kind.clone(),
        physical: format!("{}-{unique}", definition.logical),
        status: ResourceStatus(Verb::Create, Stage::InProgress),
        reason: None,
        at: scene.now.at,
        is: definition.clone(),
        failed_rollback: false,
    }
}
