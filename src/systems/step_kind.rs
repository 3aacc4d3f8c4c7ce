//! The contract of a kind of step: look, judge, act.
//!
//! First run, retry, restart and failover are one path: observe, judge, and act only on what was judged. What was done
//! before is in the journal, so `judge` after a crash sees an act without an outcome and looks for its effect before it
//! acts again; where it cannot tell, it fails as inconclusive and a person decides.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{Aws, AwsError};
use crate::incident::remedy::ChosenRemedy;
use crate::incident::step::{Act, ActOutcome, Evidence, Failure};
use crate::incident::time::Now;

/// One kind of step.
pub trait StepKind {
    /// What a look finds: plain data, no SDK types.
    type Seen;
    /// What exactly is to be done, with whatever was seen that must not have changed.
    type Do: Serialize + DeserializeOwned;
    /// What the other side answered.
    type Receipt: Serialize + DeserializeOwned;

    /// Looks. Reads only; the SDK may retry.
    fn observe(
        &self,
        aws: &Aws,
        journal: &StepJournal<'_>,
    ) -> impl Future<Output = Result<Self::Seen, AwsError>> + Send;

    /// Judges what was seen. Pure.
    fn judge(&self, seen: &Self::Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Self::Do>;

    /// Whether `what` brings to its end what the present attempt has begun, so that it is done even where somebody has
    /// stopped the incident: leaving off before it would leave something half done. What begins something new does not,
    /// and most steps act once.
    fn completes(&self, _what: &Self::Do, _seen: &Self::Seen, _journal: &StepJournal<'_>) -> bool {
        false
    }

    /// What the other side reports of it, oldest first: lines for the thread. Most systems have none.
    fn news(&self, _seen: &Self::Seen, _journal: &StepJournal<'_>) -> Vec<News> {
        Vec::new()
    }

    /// What is told before the verdict where `what` would have to be done although the release runs: something is under
    /// way that would take its place. `None` where something else runs already.
    fn threatened(&self, _seen: &Self::Seen, _what: &Self::Do) -> Option<Failure> {
        None
    }

    /// Acts, once: one attempt, no silent retry. `key` is unique for this act of this step, for services that take a
    /// client token.
    fn act(
        &self,
        aws: &Aws,
        what: &Self::Do,
        key: &str,
    ) -> impl Future<Output = Result<Acted<Self::Receipt>, AwsError>> + Send;
}

/// One line of what the other side reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The other side's id of it.
    pub id: String,
    /// The line.
    pub line: String,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What follows from it.
    pub judgement: Judgement<serde_json::Value>,
    /// What the other side reports, oldest first.
    pub news: Vec<News>,
    /// What is told before the verdict in place of that something else runs, where that is not so.
    pub threatened: Option<Failure>,
}

/// What the other side answered to an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted<R> {
    /// What is kept of the answer.
    pub receipt: R,
    /// The id of the request, for support cases.
    pub request_id: Option<String>,
}

/// What follows from what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement<D> {
    /// The target is reached, and this proves it.
    Done {
        /// What was seen.
        evidence: Vec<Evidence>,
        /// What later steps may use.
        output: serde_json::Value,
    },
    /// The target is reached; it is done once this has been so for `hold`.
    Holding {
        /// For how long it has to be so.
        hold: std::time::Duration,
        /// What people read meanwhile.
        progress: String,
        /// What was seen.
        evidence: Vec<Evidence>,
        /// What later steps may use.
        output: serde_json::Value,
    },
    /// This has to be done.
    Act(D),
    /// This has to be done even where somebody has stopped the incident: it puts back what the step changed in passing,
    /// or [completes](StepKind::completes) what would be left half done.
    Restore(D),
    /// It is under way; what people read meanwhile.
    Wait(String),
    /// It has not succeeded.
    Failed(Failure),
}

/// What a step has done so far, in all its attempts.
#[derive(Debug, Clone, Copy)]
pub struct StepJournal<'a> {
    /// What every act's key begins with: the incident and the step.
    pub key: &'a str,
    /// The present attempt, from 1.
    pub attempt: u32,
    /// When the present attempt began.
    pub began_at: jiff::Timestamp,
    /// Every act, in order.
    pub acts: &'a [Act],
    /// The remedy that somebody chose for the present attempt.
    pub remedy: Option<&'a ChosenRemedy>,
}

/// An act of the journal in the step's own types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<D, R> {
    /// The act's number within the step.
    pub number: u32,
    /// The attempt that it belongs to.
    pub attempt: u32,
    /// When the intention was recorded, before the call.
    pub at: jiff::Timestamp,
    /// What was to be done.
    pub what: D,
    /// What came of it.
    pub outcome: Outcome<R>,
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<R> {
    /// Nothing is known: look for its effect.
    Unknown,
    /// It was accepted.
    Accepted(R),
    /// It was refused, and changed nothing.
    Refused(String),
}

impl StepJournal<'_> {
    /// What a person chose under the remedy called `id`, for the present attempt; nothing where none was chosen.
    pub fn chosen(&self, id: &str) -> &[String] {
        self.remedy.filter(|remedy| remedy.id == id).map_or(&[], |remedy| &remedy.chosen)
    }

    /// Whether the present attempt may have done something of which `is_it` says yes: it was ordered and not refused.
    pub fn may_have_done<D: DeserializeOwned>(&self, is_it: impl Fn(&D) -> bool) -> bool {
        let own = self.acts.iter().filter(|act| act.attempt == self.attempt);
        let mut ordered = own.filter(|act| !matches!(act.outcome, ActOutcome::Refused { .. }));
        ordered.any(|act| D::deserialize(&act.what).is_ok_and(|what| is_it(&what)))
    }

    /// The key of an act: [`StepKind::act`] is given it, and whoever looks for a lost effect looks for it.
    pub fn key_of(&self, number: u32) -> String {
        format!("{}-{number}", self.key)
    }

    /// The acts in the step's own types. An act that this version cannot read counts as one of unknown outcome would:
    /// the caller is told, and must not act.
    ///
    /// # Errors
    /// The number of the act that cannot be read.
    pub fn entries<D: DeserializeOwned, R: DeserializeOwned>(&self) -> Result<Vec<Entry<D, R>>, u32> {
        self.acts
            .iter()
            .map(|act| {
                let what = D::deserialize(&act.what);
                let outcome = match &act.outcome {
                    ActOutcome::Unknown => Ok(Outcome::Unknown),
                    ActOutcome::Accepted { receipt, .. } => R::deserialize(receipt).map(Outcome::Accepted),
                    ActOutcome::Refused { why } => Ok(Outcome::Refused(why.clone())),
                };
                match (what, outcome) {
                    (Ok(what), Ok(outcome)) => {
                        Ok(Entry { number: act.number, attempt: act.attempt, at: act.at, what, outcome })
                    }
                    _ => Err(act.number),
                }
            })
            .collect()
    }
}
