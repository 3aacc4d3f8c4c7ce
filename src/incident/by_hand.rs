//! Steps that a person does: a gate, before which the name of what will be destroyed has to be typed, and a manual step,
//! which somebody does by hand and says so.

use std::time::Duration;

use serde::Serialize;

use super::ids::{GroupId, Resource, StepId};
use super::plan::{Need, Plan, Purpose, Step};
use super::policy::Principal;
use super::work::{Asks, Gate, Manual, Work};

/// How long a person is waited for before the step fails, and everybody is called again: longer than it takes to be
/// woken and to read, short enough that a rollback does not stand over a shift.
const AWAITED: Duration = Duration::from_hours(1);

/// What approval binds of a step that a person does.
#[derive(PartialEq, Eq, Serialize)]
#[serde(tag = "asks", rename_all = "snake_case")]
pub(super) enum BoundAsk<'a> {
    /// What has to be typed, and for what.
    Gate { phrase: &'a str, what: &'a str },
    /// What has to be done, and by whom.
    Manual { text: &'a str, by: &'a [Principal] },
}

impl<'a> BoundAsk<'a> {
    /// What approval binds of `work`, if a person does it.
    pub(super) fn of(work: &'a Work) -> Option<Self> {
        Some(match work.asks()? {
            Asks::Gate(Gate { phrase, what }) => Self::Gate { phrase, what },
            Asks::Manual(Manual { text, by }) => Self::Manual { text, by },
        })
    }
}

impl Step {
    /// The gate in front of the step `before`, which destroys `resource`. `phrase` is what has to be typed, best the name
    /// of what is destroyed; `what` says in a sentence what will be destroyed.
    ///
    /// It cannot be skipped, and it is never optional: without it the step behind it does not run.
    pub fn gate(before: &StepId, resource: Resource, phrase: impl Into<String>, what: impl Into<String>) -> Self {
        let work = Work::Gate(Gate { phrase: phrase.into(), what: what.into() });
        Self::by_a_person(StepId::new(format!("{before}/gate")), format!("gate before {before}"), resource, work)
    }

    /// A step that somebody does by hand. `by` may say that it is done; where it is empty, whoever may approve.
    pub fn manual(id: StepId, title: impl Into<String>, resource: Resource, manual: Manual) -> Self {
        Self::by_a_person(id, title.into(), resource, Work::Manual(manual))
    }

    fn by_a_person(id: StepId, title: String, resource: Resource, work: Work) -> Self {
        Self {
            id,
            title,
            resource,
            from: None,
            to: None,
            chosen: None,
            verbs: Vec::new(),
            loses: Vec::new(),
            need: Need::Required,
            deadline: AWAITED,
            // What a person takes is not known, and is not counted.
            estimate: Duration::ZERO,
            work,
        }
    }

    /// Whether nothing goes on without this step: a gate is never passed by its failure, whatever its target is.
    pub fn is_needed(&self) -> bool {
        self.work.gate().is_some() || self.need == Need::Required
    }
}

impl Plan {
    /// The steps that take something back, in order: what people call the targets.
    pub fn targets(&self) -> impl Iterator<Item = &Step> {
        self.steps()
            .filter(|(purpose, step)| *purpose == Purpose::RollBack && !step.work.is_by_a_person())
            .map(|(_, step)| step)
    }

    /// The groups that its steps name, so that memberships can be looked up before a decision.
    pub fn groups(&self) -> Vec<GroupId> {
        let named = self.steps().filter_map(|(_, step)| step.work.manual().map(|manual| &manual.by));
        let mut groups: Vec<GroupId> = named.flatten().filter_map(Principal::group).cloned().collect();
        groups.sort();
        groups.dedup();
        groups
    }
}
