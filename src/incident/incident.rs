//! The durable record of one rollback, from command to end.
//!
//! Only what cannot be derived is stored. `Requested → Proposed → Running → Closed`; everything finer (blocked,
//! draining, watching) is [`super::phase`], a function of this.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{Digest, IncidentId, Resource, StepId, UserId};
use super::plan::{Plan, Purpose};
use super::policy::{Actor, Policy, Principal};
use super::preparation::Preparation;
use super::request::{Manner, Request};
use super::step::{Evidence, Failure, StepRecord, StepState};
use super::work::Work;

/// One rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// What was asked.
    pub request: Request,
    /// When.
    pub opened_at: Timestamp,
    /// What was made ahead of its plans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepared: Vec<Preparation>,
    /// What came of the wish to hold deployments back ahead of the approval, if somebody had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_now: Option<FreezeNow>,
    /// Where it stands.
    pub state: State,
}

/// Deployments that are held back ahead of the approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeNow {
    /// Who wanted it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What came of it; `None` while it is under way.
    pub came_to: Option<Froze>,
}

/// What holding deployments back ahead of the approval came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Froze {
    /// What is held, as sentences.
    pub held: Vec<Evidence>,
    /// What could not be held.
    pub failed: Vec<Failure>,
}

/// Where an incident stands, with what belongs to it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Recorded and acknowledged; the plan is being made.
    Requested,
    /// A plan is pinned; votes come in.
    Proposed(Box<Proposal>),
    /// The plan runs, or has run and is being watched.
    Running(Box<Run>),
    /// Over.
    Closed(Box<Closed>),
}

/// A pinned plan and its votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Which proposal of this incident, from 1.
    pub number: u32,
    /// The plan.
    pub plan: Plan,
    /// What approval is given to.
    pub digest: Digest,
    /// What approval takes.
    pub terms: Terms,
    /// When it was proposed.
    pub at: Timestamp,
    /// Until when it waits.
    pub expires_at: Timestamp,
    /// What had changed, if this replaces an earlier proposal.
    pub drift: Vec<String>,
    /// Who has approved.
    pub votes: Vec<Vote>,
    /// Approvals that no longer counted when the plan was to start, with what was known of the person then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallen: Vec<Vote>,
}

/// What approval takes, as the policy said when the plan was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How many people; 0 means that the requester's own confirmation is enough.
    pub required: u8,
    /// Who may approve, for people to read.
    pub approvers: Vec<Principal>,
    /// What has to be typed.
    pub confirm_phrase: Option<String>,
    /// Who may go on without a failed step; empty: nobody, so that it is not offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skippers: Vec<Principal>,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who, with what was known of them.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A plan under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What was approved, and by whom.
    pub proposal: Proposal,
    /// When it started.
    pub started_at: Timestamp,
    /// What has become of each step.
    pub steps: BTreeMap<StepId, StepRecord>,
    /// Who stopped it, if somebody did.
    pub stopped: Option<Stopped>,
    /// The verdict, once it is in.
    pub verdict: Option<VerdictRecord>,
    /// What got worse again while watching, as sentences.
    pub regressions: Vec<String>,
}

/// A stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A verdict and when it was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// The verdict.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
}

/// What Verify proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every target at its release, every check healthy.
    RolledBack,
    /// Skipped or optional steps did not succeed.
    PartlyRolledBack,
    /// Checks were inconclusive, and a person accepted that.
    Unproved,
}

/// An incident that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// How it ended.
    pub end: End,
    /// When.
    pub at: Timestamp,
    /// How far it had come.
    pub reached: Reached,
}

/// How far an incident had come when it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reached", rename_all = "snake_case")]
pub enum Reached {
    /// No plan.
    Request,
    /// A plan that did not start.
    Proposal(Box<Proposal>),
    /// A plan that started.
    Run(Box<Run>),
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// With a verdict.
    Verdict {
        /// Which.
        verdict: Verdict,
    },
    /// What was asked for runs already.
    NothingToDo {
        /// What was seen.
        why: String,
    },
    /// Somebody said no.
    Rejected {
        /// Their reason.
        reason: Option<String>,
    },
    /// Nobody approved in time.
    Expired,
    /// Stopped before anything was changed.
    Aborted {
        /// Why.
        why: String,
    },
    /// Stopped or given up with something changed and not resolved.
    Failed {
        /// What is where, as a sentence.
        why: String,
    },
}

impl End {
    /// The word for it, as in the record and on the command line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Verdict { verdict } => verdict.word(),
            Self::NothingToDo { .. } => "nothing_to_do",
            Self::Rejected { .. } => "rejected",
            Self::Expired => "expired",
            Self::Aborted { .. } => "aborted",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Verdict {
    /// The word for it, as in the record and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            Self::PartlyRolledBack => "partly_rolled_back",
            Self::Unproved => "unproved",
        }
    }
}

impl Incident {
    /// The proposal that is pinned, runs or ran.
    pub fn proposal(&self) -> Option<&Proposal> {
        match &self.state {
            State::Requested => None,
            State::Proposed(proposal) => Some(proposal),
            State::Running(run) => Some(&run.proposal),
            State::Closed(closed) => match &closed.reached {
                Reached::Request => None,
                Reached::Proposal(proposal) => Some(proposal),
                Reached::Run(run) => Some(&run.proposal),
            },
        }
    }

    /// The run, under way or over.
    pub fn run(&self) -> Option<&Run> {
        match &self.state {
            State::Requested | State::Proposed(_) => None,
            State::Running(run) => Some(run),
            State::Closed(closed) => match &closed.reached {
                Reached::Request | Reached::Proposal(_) => None,
                Reached::Run(run) => Some(run),
            },
        }
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Whether it has had deployments held back, or was about to when it ended. They stay so until somebody lifts that.
    pub fn has_frozen(&self) -> bool {
        let ahead = self
            .freeze_now
            .as_ref()
            .is_some_and(|freeze| freeze.came_to.as_ref().is_none_or(|froze| !froze.held.is_empty()));
        ahead || self.run().is_some_and(|run| run.of(Purpose::Freeze).any(|(_, record)| record.attempt > 0))
    }

    /// What it holds: its plan's resources from the proposal until the verdict.
    pub fn holds(&self) -> Vec<Resource> {
        match &self.state {
            State::Requested | State::Closed(_) => Vec::new(),
            State::Proposed(proposal) => proposal.plan.resources(),
            State::Running(run) if run.verdict.is_some() => Vec::new(),
            State::Running(run) => run.proposal.plan.resources(),
        }
    }
}

impl Terms {
    /// What approval takes under `policy`. In an emergency no second person is waited for.
    pub fn of(policy: &Policy, manner: Manner) -> Self {
        let required = match manner {
            Manner::Regular => policy.approval.required,
            Manner::Emergency => 0,
        };
        let mut approvers = policy.approve.clone();
        if required == 0 {
            approvers.insert(0, Principal::Requester);
        }
        Self {
            required,
            approvers,
            confirm_phrase: policy.approval.confirm_phrase.clone(),
            skippers: policy.skip.clone(),
        }
    }
}

impl Proposal {
    /// How many approvals are needed; the requester's own confirmation counts as one.
    pub fn needed(&self) -> usize {
        usize::from(self.terms.required.max(1))
    }

    /// Whether everybody who had to has approved.
    pub fn is_approved(&self) -> bool {
        self.votes.len() >= self.needed()
    }

    /// The people in Slack who have approved.
    pub fn approvers(&self) -> Vec<UserId> {
        self.votes.iter().filter_map(|vote| vote.by.user().cloned()).collect()
    }
}

impl Actor {
    /// The person in Slack, if it is one.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Slack(member) => Some(&member.user),
            Self::Machine { .. } | Self::Rollbot => None,
        }
    }

    /// What to call them where mentions do not work.
    pub fn name(&self) -> String {
        match self {
            Self::Slack(member) => member.user.to_string(),
            Self::Machine { user } => format!("{user} (command line)"),
            Self::Rollbot => "Rollbot".to_owned(),
        }
    }
}

impl Run {
    /// A step's record; a fresh one where the plan has no such step.
    pub fn record(&self, id: &StepId) -> StepRecord {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    /// Whether anything may have been changed.
    pub fn may_have_changed_something(&self) -> bool {
        // What a person has done by hand may have changed something as well.
        let by_hand =
            self.proposal.plan.steps().any(|(_, step)| {
                matches!(step.work, Work::Manual(_)) && self.record(&step.id).state == StepState::Done
            });
        by_hand || self.steps.values().any(StepRecord::may_have_changed_something)
    }

    /// How long it has taken, or took, until the verdict or `until`.
    pub fn took(&self, now: super::time::Now, until: Timestamp) -> Duration {
        now.between(self.started_at, self.verdict.map_or(until, |verdict| verdict.at))
    }

    /// The steps of one purpose with their records.
    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = (&super::plan::Step, &StepRecord)> {
        self.proposal
            .plan
            .steps()
            .filter(move |(of, _)| *of == purpose)
            .filter_map(|(_, step)| self.steps.get(&step.id).map(|record| (step, record)))
    }
}
