//! What has become of a step: its state, and the journal of everything it did.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::policy::Actor;
use super::remedy::{ChosenRemedy, Remedy};

/// One step's record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// Which attempt this is, from 1; 0 before the first.
    pub attempt: u32,
    /// Every act of every attempt, in order.
    pub acts: Vec<Act>,
    /// What it waits for, as a sentence.
    pub progress: Option<String>,
    /// How far the thread was told of what the other side reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// What was found when it was done.
    pub evidence: Vec<Evidence>,
    /// What later steps may use.
    pub output: Value,
    /// When the present attempt began.
    pub began_at: Option<Timestamp>,
    /// When it came to its present end.
    pub ended_at: Option<Timestamp>,
    /// The remedy that the present attempt carries out, if somebody chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<ChosenRemedy>,
    /// Who did what a step of a person asks for, once somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
}

/// That somebody did what a gate or a manual step asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Who.
    pub by: Actor,
    /// What they want to have noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How far the thread was told of what the other side reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The other side's id of the newest report that was told.
    pub upto: String,
    /// When.
    pub at: Timestamp,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    #[default]
    Pending,
    /// Under way.
    Active,
    /// Its turn has come, and it waits for a person to do something: neither under way nor failed.
    Waiting,
    /// Its release is proved, its check has passed.
    Done,
    /// It did not succeed; a person decides.
    Failed(Failure),
    /// It did not succeed, and somebody went on without it.
    SkippedAfter {
        /// What had failed.
        failure: Failure,
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
}

/// Why a step failed, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, as a sentence.
    pub why: String,
    /// What the other side said, in its words, and what else helps to understand.
    pub details: Vec<String>,
    /// Whether it was seen to be wrong, or nothing could be seen.
    pub finding: Finding,
    /// What one can do, as a sentence.
    pub advice: String,
    /// What can be done about it, beside a new attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
}

/// Whether something was seen to be wrong, or nothing could be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It is wrong.
    Wrong,
    /// No data: neither right nor wrong.
    Inconclusive,
}

/// One act: committed before the call, completed after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Its number within the step, from 1.
    pub number: u32,
    /// The attempt that it belongs to.
    pub attempt: u32,
    /// What exactly was to be done.
    pub what: Value,
    /// When the intention was recorded: before the call.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: ActOutcome,
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ActOutcome {
    /// Nothing is known: the call may be under way, or may never have been made, or its reply was lost.
    Unknown,
    /// The other side accepted it.
    Accepted {
        /// What it answered.
        receipt: Value,
        /// The id of the request, for support cases.
        request_id: Option<String>,
    },
    /// The other side refused it; nothing was changed.
    Refused {
        /// In its words.
        why: String,
    },
}

/// Something that was seen, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What, as a sentence.
    pub text: String,
}

impl Evidence {
    /// Evidence in one sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl StepRecord {
    /// Whether nothing more will happen without a person.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, StepState::Done | StepState::Failed(_) | StepState::SkippedAfter { .. })
    }

    /// Whether it may have changed something: an act was recorded and not refused.
    pub fn may_have_changed_something(&self) -> bool {
        self.acts.iter().any(|act| !matches!(act.outcome, ActOutcome::Refused { .. }))
    }
}
