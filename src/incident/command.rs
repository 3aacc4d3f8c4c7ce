//! What may be asked of an incident.

use serde_json::Value;

use super::ids::{Digest, StepId};
use super::incident::{Froze, Terms};
use super::plan::Plan;
use super::policy::{Actor, Member, Policy};
use super::preparation::Preparation;
use super::step::{Evidence, Failure};
use super::time::Now;

/// Something somebody wants of an incident. The first group comes from people, the second from the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Approve the plan that has this digest.
    Approve {
        /// The plan that the person saw.
        digest: Digest,
        /// What they typed, where a phrase is asked for.
        phrase: Option<String>,
    },
    /// Say no to the plan that has this digest.
    Reject {
        /// The plan that the person saw.
        digest: Digest,
        /// Why.
        reason: Option<String>,
    },
    /// Try a failed step again.
    Retry {
        /// Which.
        step: StepId,
        /// The attempt that the person saw fail.
        attempt: u32,
    },
    /// Go on without a failed step.
    Skip {
        /// Which.
        step: StepId,
        /// The attempt that the person saw fail.
        attempt: u32,
        /// Why; compulsory.
        reason: String,
    },
    /// Try a failed step again, with a remedy that it offers.
    Remedy {
        /// Which.
        step: StepId,
        /// The attempt that the person saw fail.
        attempt: u32,
        /// The remedy's id.
        remedy: String,
        /// The ids of what was chosen.
        chosen: Vec<String>,
    },
    /// Do what a gate or a manual step waits for.
    Pass {
        /// Which.
        step: StepId,
        /// The attempt that the person saw wait.
        attempt: u32,
        /// What they typed, where a phrase is asked for.
        phrase: Option<String>,
        /// What they want to have noted, where nothing else is asked for.
        note: Option<String>,
    },
    /// Begin nothing new, finish what is in flight, end.
    Stop,
    /// Hold deployments back now, ahead of the approval.
    FreezeNow,

    /// Something is about to be made ahead of a plan.
    Prepare {
        /// What.
        preparation: Preparation,
    },
    /// What was made ahead of a plan was seen to be gone.
    Remove {
        /// The stack's ARN.
        stack: String,
        /// The change set's name.
        name: String,
    },
    /// Pin a plan.
    Propose {
        /// The plan.
        plan: Plan,
        /// What approval takes.
        terms: Terms,
    },
    /// What was asked for runs already.
    NothingToDo {
        /// What was seen.
        why: String,
    },
    /// No plan can be made.
    CannotPlan {
        /// Why, as a sentence that says what to do.
        why: String,
    },
    /// What holding deployments back ahead of the approval came to.
    Froze {
        /// What is held, and what is not.
        froze: Froze,
    },
    /// The plan has waited too long.
    Expire,
    /// A fresh look found the world as the plan has it.
    Start {
        /// The plan that was looked at.
        digest: Digest,
        /// What is known now of those who approved; whoever is not among them counts as when they voted.
        voters: Vec<Member>,
    },
    /// A step begins.
    Begin {
        /// Which.
        step: StepId,
    },
    /// A step is about to act.
    Act {
        /// Which.
        step: StepId,
        /// What exactly is to be done.
        what: Value,
    },
    /// A step is about to put back what it changed in passing, or to bring to its end what would be left half done; that
    /// is allowed after Stop as well. Recorded before the call.
    Restore {
        /// Which.
        step: StepId,
        /// What exactly is to be done.
        what: Value,
    },
    /// The other side accepted an act.
    Accept {
        /// Which step.
        step: StepId,
        /// The act's number.
        number: u32,
        /// What it answered.
        receipt: Value,
        /// The id of the request.
        request_id: Option<String>,
    },
    /// The other side refused an act.
    Refuse {
        /// Which step.
        step: StepId,
        /// The act's number.
        number: u32,
        /// In its words.
        why: String,
    },
    /// What a step waits for has changed.
    Progress {
        /// Which.
        step: StepId,
        /// As a sentence.
        text: String,
    },
    /// The other side reports something of a step under way.
    Report {
        /// Which.
        step: StepId,
        /// The lines, oldest first.
        lines: Vec<String>,
        /// The other side's id of the newest report among them.
        upto: String,
    },
    /// A step is done.
    Finish {
        /// Which.
        step: StepId,
        /// What was seen.
        evidence: Vec<Evidence>,
        /// What later steps may use.
        output: Value,
    },
    /// A step did not succeed.
    Fail {
        /// Which.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// A step that has done nothing is taken back, because of a stop.
    Withdraw {
        /// Which.
        step: StepId,
    },
    /// Give the verdict, or close, when that is due.
    Settle,
}

/// What a decision may know of the world.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The present.
    pub now: Now,
    /// Who wants it.
    pub actor: Actor,
    /// The rules of the environment.
    pub policy: &'a Policy,
}
