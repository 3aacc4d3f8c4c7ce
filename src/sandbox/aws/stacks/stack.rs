//! A stack: what it is, what happened to it, and what is being done with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::super::ids::Ids;
use super::super::json::Tags;
use super::resource::{NESTED, Resource, WAIT_CONDITION, usual_seconds, waits};
use super::seed::{SeedFailure, SeedResource, SeedStackSite, Undertaking};
use super::status::{ResourceStatus, StackStatus};
use super::template::{Parameters, Template};
use super::work::{Operation, OperationStatus, OperationType, Work};
use crate::incident::time::Now;

/// What everybody who does something with a stack needs.
pub(super) struct Scene<'a> {
    pub(super) now: Now,
    pub(super) ids: &'a mut Ids,
    /// CloudWatch alarms by ARN, and whether they fire.
    pub(super) alarms: &'a BTreeMap<String, bool>,
}

/// What a stack was told to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deployed {
    pub(super) template: Template,
    pub(super) parameters: Parameters,
    pub(super) tags: Tags,
    pub(super) capabilities: Vec<String>,
    pub(super) notification_arns: Vec<String>,
    pub(super) role: Option<String>,
    /// ARNs of alarms that roll an update back.
    pub(super) triggers: Vec<String>,
    pub(super) monitoring_minutes: u32,
}

/// What a stack was before the update that is under way.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) is: Deployed,
    pub(super) resources: Vec<Resource>,
}

/// An entry of `StackEvents`.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) logical: String,
    pub(super) physical: String,
    pub(super) kind: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) token: Option<String>,
    pub(super) operation: String,
    pub(super) properties: Option<String>,
}

/// A stack.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) id: String,
    /// Ids of the stack that it is nested in, and of the outermost one.
    pub(super) parent: Option<String>,
    pub(super) root: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) status: StackStatus,
    pub(super) reason: Option<String>,
    pub(super) is: Deployed,
    pub(super) before: Option<Before>,
    pub(super) resources: Vec<Resource>,
    /// Logical ids of what the update under way has begun to change and no rollback has taken back.
    pub(super) touched: Vec<String>,
    /// What a clean-up will delete.
    pub(super) garbage: Vec<Resource>,
    /// Oldest first.
    pub(super) events: Vec<Event>,
    /// Oldest first.
    pub(super) operations: Vec<Operation>,
    /// Every `ClientRequestToken` that was accepted.
    pub(super) tokens: BTreeSet<String>,
    pub(super) work: Option<Work>,
    pub(super) protected: bool,
    pub(super) disable_rollback: bool,
    pub(super) policy: Option<Value>,
    /// `StackPolicyDuringUpdateBody`.
    pub(super) policy_during_update: Option<Value>,
    pub(super) change_set: Option<String>,
    pub(super) site: Option<SeedStackSite>,
    pub(super) behaviours: BTreeMap<String, SeedResource>,
    /// How often a seeded failure has happened, by logical id and place.
    pub(super) failures: BTreeMap<(String, usize), u32>,
    /// How the last operation ended, until the parent has heard of it.
    pub(super) report: Option<Result<(), String>>,
}

impl Stack {
    /// A stack that was told what to be, and nothing is done yet.
    pub(super) fn new(name: &str, id: String, at: Timestamp, is: Deployed) -> Self {
        Self {
            name: name.to_owned(),
            id,
            parent: None,
            root: None,
            created_at: at,
            updated_at: None,
            deleted_at: None,
            status: StackStatus::ReviewInProgress,
            reason: None,
            is,
            before: None,
            resources: Vec::new(),
            touched: Vec::new(),
            garbage: Vec::new(),
            events: Vec::new(),
            operations: Vec::new(),
            tokens: BTreeSet::new(),
            work: None,
            protected: false,
            disable_rollback: false,
            policy: None,
            policy_during_update: None,
            change_set: None,
            site: None,
            behaviours: BTreeMap::new(),
            failures: BTreeMap::new(),
            report: None,
        }
    }

    /// When something happens next by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.work.as_ref().map(Work::due).filter(|due| *due < Timestamp::MAX)
    }

    /// A resource by logical id.
    pub(super) fn resource(&self, logical: &str) -> Option<&Resource> {
        self.resources.iter().find(|one| one.logical == logical)
    }

    pub(super) fn resource_mut(&mut self, logical: &str) -> Option<&mut Resource> {
        self.resources.iter_mut().find(|one| one.logical == logical)
    }

    /// Puts a resource in the place of the one with its logical id.
    pub(super) fn put(&mut self, resource: Resource) {
        match self.resource_mut(&resource.logical) {
            Some(place) => *place = resource,
            None => self.resources.push(resource),
        }
    }

    /// Begins an operation.
    pub(super) fn begin(&mut self, scene: &mut Scene<'_>, kind: OperationType, token: Option<String>) {
        self.end(scene, OperationStatus::Failed);
        self.tokens.extend(token.clone());
        self.operations.push(Operation {
            id: scene.ids.uuid(),
            kind,
            status: OperationStatus::InProgress,
            token,
            started_at: scene.now.at,
            ended_at: None,
        });
    }

    /// Ends the operation under way, if one is.
    pub(super) fn end(&mut self, scene: &Scene<'_>, status: OperationStatus) {
        if let Some(last) = self.operations.last_mut().filter(|last| last.ended_at.is_none()) {
            last.status = status;
            last.ended_at = Some(scene.now.at);
        }
    }

    /// Gives the stack a status, with its event.
    pub(super) fn become_status(&mut self, scene: &mut Scene<'_>, status: StackStatus, reason: Option<String>) {
        self.status = status;
        self.reason.clone_from(&reason);
        let id = scene.ids.uuid();
        let (name, arn) = (self.name.clone(), self.id.clone());
        self.record(scene, Event { id, ..self.event(scene.now.at, &name, &arn, NESTED, status.word(), reason) });
    }

    /// Gives a resource a status, with its event.
    pub(super) fn mark(
        &mut self,
        scene: &mut Scene<'_>,
        logical: &str,
        status: ResourceStatus,
        reason: Option<String>,
    ) {
        let at = scene.now.at;
        let Some(resource) = self.resource_mut(logical) else { return };
        resource.status = status;
        resource.reason.clone_from(&reason);
        resource.at = at;
        let resource = resource.clone();
        self.note(scene, &resource, status, reason);
    }

    /// Records an event of a resource that need not be the present one of its logical id.
    pub(super) fn note(
        &mut self,
        scene: &mut Scene<'_>,
        resource: &Resource,
        status: ResourceStatus,
        reason: Option<String>,
    ) {
        let event =
            self.event(scene.now.at, &resource.logical, &resource.physical, &resource.kind, status.word(), reason);
        let id = format!("{}-{}-{:.3}", resource.logical, status.word(), scene.now.at);
        let properties = resource.is.body.get("Properties").map(Value::to_string);
        self.record(scene, Event { id, properties, ..event });
    }

    fn event(
        &self,
        at: Timestamp,
        logical: &str,
        physical: &str,
        kind: &str,
        status: &'static str,
        reason: Option<String>,
    ) -> Event {
        let operation = self.operations.last();
        Event {
            id: String::new(),
            at,
            logical: logical.to_owned(),
            physical: physical.to_owned(),
            kind: kind.to_owned(),
            status,
            reason,
            token: operation.and_then(|operation| operation.token.clone()),
            operation: operation.map(|operation| operation.id.clone()).unwrap_or_default(),
            properties: None,
        }
    }

    fn record(&mut self, scene: &mut Scene<'_>, mut event: Event) {
        if self.events.iter().any(|one| one.id == event.id) {
            event.id = format!("{}-{}", event.id, scene.ids.hex());
        }
        self.events.push(event);
    }

    /// How long an undertaking takes with a resource that is to become `body`, and why it fails if it does.
    pub(super) fn outcome(
        &mut self,
        undertaking: Undertaking,
        logical: &str,
        kind: &str,
        body: &Value,
    ) -> (Duration, Option<String>) {
        let behaviour = self.behaviours.get(logical).cloned().unwrap_or_default();
        let takes = match undertaking {
            Undertaking::Create => behaviour.takes.create,
            Undertaking::Update => behaviour.takes.update,
            Undertaking::Rollback => behaviour.takes.rollback.or(behaviour.takes.update),
            Undertaking::Delete => behaviour.takes.delete,
        };
        let takes = Duration::from_secs(takes.unwrap_or_else(|| usual_seconds(kind)));
        if kind == WAIT_CONDITION && undertaking == Undertaking::Create {
            return waits(body);
        }
        let body = body.to_string();
        let concerns = |failure: &SeedFailure| {
            failure.on == undertaking && failure.when.as_deref().is_none_or(|text| body.contains(text))
        };
        for (place, failure) in behaviour.fails.iter().enumerate().filter(|(_, failure)| concerns(failure)) {
            let happened = self.failures.entry((logical.to_owned(), place)).or_default();
            if failure.times.is_none_or(|times| *happened < times) {
                *happened += 1;
                return (takes, Some(failure.reason.clone()));
            }
        }
        (takes, None)
    }

    /// Why an alarm rolls the update under way back; `None` if none does.
    pub(super) fn triggered(&self, scene: &Scene<'_>) -> Option<String> {
        let missing = self.is.triggers.iter().find(|arn| !scene.alarms.contains_key(*arn));
        if let Some(arn) = missing {
            return Some(format!("Rollback trigger {arn} does not exist."));
        }
        let firing: Vec<&str> =
            self.is.triggers.iter().filter(|arn| scene.alarms.get(*arn) == Some(&true)).map(String::as_str).collect();
        (!firing.is_empty()).then(|| format!("Rollback triggers in ALARM state: [{}].", firing.join(", ")))
    }
}
