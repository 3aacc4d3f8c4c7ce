//! What has happened to an incident. Events are facts: evolving by one never fails.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{Digest, IncidentId, StepId};
use super::incident::{End, Froze, Proposal, Verdict};
use super::policy::Actor;
use super::preparation::Preparation;
use super::remedy::ChosenRemedy;
use super::request::Request;
use super::step::{Evidence, Failure, Told};

/// One fact, with when and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// Somebody asked for a rollback.
    Requested {
        /// The incident's name.
        id: IncidentId,
        /// What was asked.
        request: Request,
    },
    /// Something is about to be made ahead of a plan. Recorded before the call.
    Preparing {
        /// What.
        preparation: Preparation,
    },
    /// What was made ahead of a plan was seen to be gone.
    Removed {
        /// The stack's ARN.
        stack: String,
        /// The change set's name.
        name: String,
    },
    /// A plan was proposed, the first or one that replaces a plan that no longer fitted; earlier votes fall.
    Proposed {
        /// The plan and what approval takes.
        proposal: Box<Proposal>,
    },
    /// Somebody approved.
    Approved {
        /// What they approved.
        digest: Digest,
    },
    /// An approval no longer counts: the person would not be allowed to give it now.
    VoteFell {
        /// Whose, with what is known of them now.
        voter: Actor,
    },
    /// Somebody wants deployments held back ahead of the approval.
    FreezeAsked,
    /// What came of that.
    FreezeSettled {
        /// What is held, and what is not.
        froze: Froze,
    },
    /// Enough approvals, and a fresh look found the world as the plan has it.
    Started {
        /// The plan that runs.
        digest: Digest,
    },
    /// A step began; also a new attempt.
    Began {
        /// Which step.
        step: StepId,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// A step is about to act. Recorded before the call.
    Acting {
        /// Which step.
        step: StepId,
        /// The act's number within the step.
        number: u32,
        /// What exactly is to be done.
        what: Value,
    },
    /// The other side accepted an act.
    Accepted {
        /// Which step.
        step: StepId,
        /// The act's number.
        number: u32,
        /// What it answered.
        receipt: Value,
        /// The id of the request.
        request_id: Option<String>,
    },
    /// The other side refused an act; nothing was changed.
    Refused {
        /// Which step.
        step: StepId,
        /// The act's number.
        number: u32,
        /// In its words.
        why: String,
    },
    /// What a step waits for has changed.
    Progressed {
        /// Which step.
        step: StepId,
        /// As a sentence.
        text: String,
    },
    /// What the other side reports of a step under way: lines for the thread.
    Reported {
        /// Which step.
        step: StepId,
        /// The lines, oldest first.
        lines: Vec<String>,
        /// How far it is told with this.
        told: Option<Told>,
    },
    /// A step reached its end.
    Finished {
        /// Which step.
        step: StepId,
        /// What was seen.
        evidence: Vec<Evidence>,
        /// What later steps may use.
        output: Value,
    },
    /// A step did not succeed.
    Failed {
        /// Which step.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// Somebody wants a failed step tried again.
    Retried {
        /// Which step.
        step: StepId,
    },
    /// Somebody has a remedy carried out by a new attempt.
    Remedied {
        /// Which step.
        step: StepId,
        /// What they chose.
        remedy: ChosenRemedy,
    },
    /// Somebody did what a gate or a manual step asks for.
    Passed {
        /// Which step.
        step: StepId,
        /// What they want to have noted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody goes on without a step.
    Skipped {
        /// Which step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// A step that had begun and done nothing was taken back, because of a stop.
    Withdrawn {
        /// Which step.
        step: StepId,
    },
    /// Somebody stopped it: what is in flight is drained, nothing new begins.
    StopRequested,
    /// The verdict is in; locks are released.
    VerdictReached {
        /// The verdict.
        verdict: Verdict,
    },
    /// It is over.
    Closed {
        /// How it ended.
        end: End,
    },
}
