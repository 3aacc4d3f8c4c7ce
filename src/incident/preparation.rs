//! What was made ahead of a plan and has to be gone when the plan ends without it.
//!
//! A change set is the plan of CloudFormation itself, so it has to exist before anybody can approve it. That it is about
//! to be made is recorded first, under a name that follows from the incident; so it is found again whenever the process
//! died, and what was not carried out is deleted.

use serde::{Deserialize, Serialize};

use super::ids::Digest;
use super::incident::{Incident, State};
use super::plan::Step;
use super::stack::StackWay;
use super::step::ActOutcome;
use super::work::Work;

/// A change set that was, or is about to be, made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Preparation {
    /// The stack's ARN.
    pub stack: String,
    /// The change set's name, unique in the incident.
    pub name: String,
    /// What it would bring back: the digest of template and parameters.
    pub content: Digest,
    /// What has become of it.
    pub fate: Fate,
}

/// What has become of something that was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is there, or about to be.
    Made,
    /// It was seen to be gone: deleted, or carried out.
    Gone,
}

/// What has to be removed now: everything when the incident is over; before that, what the present plan does not name.
pub fn leftover(incident: &Incident) -> Vec<Preparation> {
    let made = incident.prepared.iter().filter(|prepared| prepared.fate == Fate::Made);
    match &incident.state {
        State::Closed(_) => made.filter(|prepared| !is_executed(incident, prepared)).cloned().collect(),
        // Planning goes on: which of them will be named is not known yet.
        State::Requested => Vec::new(),
        State::Proposed(proposal) if proposal.is_approved() => Vec::new(),
        // A change set that waits is named; what an earlier proposal named and this one does not is of no more use.
        State::Proposed(_) | State::Running(_) => {
            made.filter(|prepared| !is_named(incident, prepared)).cloned().collect()
        }
    }
}

/// Whether CloudFormation took the order to execute it: then it is gone by itself.
fn is_executed(incident: &Incident, prepared: &Preparation) -> bool {
    let Some(run) = incident.run() else { return false };
    let steps = run.proposal.plan.steps().filter(|(_, step)| names(step, prepared));
    let mut acts = steps.flat_map(|(_, step)| run.record(&step.id).acts);
    acts.any(|act| {
        let verb = act.what.get("verb").and_then(serde_json::Value::as_str);
        verb == Some("ExecuteChangeSet") && matches!(act.outcome, ActOutcome::Accepted { .. })
    })
}

/// Whether the present plan would execute it.
fn is_named(incident: &Incident, prepared: &Preparation) -> bool {
    let mut steps = incident.proposal().into_iter().flat_map(|proposal| proposal.plan.steps());
    steps.any(|(_, step)| names(step, prepared))
}

/// Whether `step` would execute it.
fn names(step: &Step, prepared: &Preparation) -> bool {
    let Work::Stack(work) = &step.work else { return false };
    match &work.way {
        StackWay::ChangeSet(set) => {
            let part = format!(":changeSet/{}/", prepared.name);
            work.stack == prepared.stack && set.arn.as_deref().is_some_and(|arn| arn.contains(&part))
        }
        StackWay::Undo | StackWay::UndoCreation | StackWay::Delete => false,
    }
}

/// The name of the next change set of a stack: letters, digits and hyphens, at most 128, beginning with a letter.
pub fn next_name(incident: &Incident, stack: &str) -> String {
    let made = incident.prepared.iter().filter(|prepared| prepared.stack == stack).count();
    format!("rollbot-{}-{}", incident.id, made.saturating_add(1))
}
