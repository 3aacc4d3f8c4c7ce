//! What each kind of change of a function has in common: one look, one act, and how often somebody else may be quicker.

use super::act::{self, Do, Receipt};
use super::alias::{self, AliasSeen};
use super::code::{self, CodeSeen};
use super::inventory::{Code, LATEST};
use super::look;
use super::settings_step;
use crate::aws::{Aws, AwsError};
use crate::incident::lambda::LambdaWork;
use crate::incident::step::{Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long a change may take to be seen: Lambda's reads lag some seconds behind its writes.
pub(super) const SETTLE: std::time::Duration = std::time::Duration::from_secs(15);
/// How often one attempt may find that only the `RevisionId` has changed. Once is common: publishing a version or a
/// permission changes it too. Twice is somebody at work.
const OUTRUN: usize = 2;

pub(super) type Past = Entry<Do, Receipt>;

/// What a look at a function finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Of an alias.
    Alias(Box<AliasSeen>),
    /// Of `$LATEST` and the version whose code it shall have.
    Code(Box<CodeSeen>),
    /// Of `$LATEST`.
    Settings(Box<Code>),
}

impl StepKind for LambdaWork {
    type Seen = Seen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, _journal: &StepJournal<'_>) -> Result<Seen, AwsError> {
        match self {
            Self::Alias(flip) => alias::observe(aws, flip).await.map(|seen| Seen::Alias(Box::new(seen))),
            Self::Code(back) => code::observe(aws, back).await.map(|seen| Seen::Code(Box::new(seen))),
            Self::Settings(change) => {
                look::code(aws, &change.function, LATEST).await.map(|seen| Seen::Settings(Box::new(seen)))
            }
        }
    }

    fn judge(&self, seen: &Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        let entries: Vec<Past> = match journal.entries() {
            Ok(entries) => entries,
            Err(number) => {
                return Judgement::Failed(failure(
                    format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                    Finding::Inconclusive,
                    "Look at the function in the AWS console. Retry judges afresh.",
                ));
            }
        };
        let own: Vec<&Past> = entries.iter().filter(|entry| entry.attempt == journal.attempt).collect();
        match (self, seen) {
            (Self::Alias(flip), Seen::Alias(seen)) => alias::judge(flip, seen, &own, now),
            (Self::Code(back), Seen::Code(seen)) => code::judge(back, seen, &own, now),
            (Self::Settings(change), Seen::Settings(seen)) => settings_step::judge(change, seen, &own, now),
            (Self::Alias(_) | Self::Code(_) | Self::Settings(_), _) => Judgement::Failed(failure(
                "Something else was looked at.".to_owned(),
                Finding::Inconclusive,
                "Retry looks again.",
            )),
        }
    }

    /// The code of one version with the settings of another is what nobody has ever run.
    fn completes(&self, what: &Do, _seen: &Seen, journal: &StepJournal<'_>) -> bool {
        match (self, what) {
            (Self::Code(_), Do::UpdateFunctionConfiguration { .. }) => {
                journal.may_have_done(|done: &Do| matches!(done, Do::UpdateFunctionCode { .. }))
            }
            (Self::Alias(_) | Self::Code(_) | Self::Settings(_), _) => false,
        }
    }

    async fn act(&self, aws: &Aws, what: &Do, _key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, self, what).await
    }
}

/// Whether others were quicker so often that a person has to look.
pub(super) fn is_outrun(own: &[&Past]) -> bool {
    let outrun =
        |entry: &&&Past| matches!(&entry.outcome, Outcome::Refused(why) if why.contains("PreconditionFailedException"));
    own.iter().filter(outrun).count() >= OUTRUN
}

/// The failure of a step that others always outran.
pub(super) fn outrun(what: &str) -> Failure {
    failure(
        format!("Somebody changes {what} again and again while Rollbot tries to."),
        Finding::Wrong,
        "Hold deployments back, then Retry.",
    )
}

/// The last act of this attempt, if AWS accepted it.
pub(super) fn accepted<'a>(own: &[&'a Past]) -> Option<&'a Past> {
    own.last().copied().filter(|entry| matches!(entry.outcome, Outcome::Accepted(_)))
}

/// Whether `entry` was accepted and AWS still tells what was before it.
pub(super) fn is_unseen(entry: &Past, revision: &str, now: Now) -> bool {
    entry.what.revision() == revision && now.elapsed(entry.at) < SETTLE
}

/// What follows while `$LATEST` is not ready for the next update; `None` when it is.
pub(super) fn not_ready(function: &str, latest: &Code, own: &[&Past]) -> Option<Judgement<Do>> {
    if latest.update.status == "InProgress" {
        return Some(Judgement::Wait(format!("{function} is being updated")));
    }
    if latest.standing.status == "Pending" {
        return Some(Judgement::Wait(format!("{function} is getting ready")));
    }
    let has_acted = own.iter().any(|entry| matches!(entry.outcome, Outcome::Accepted(_) | Outcome::Unknown));
    if has_acted && latest.update.status == "Failed" {
        return Some(Judgement::Failed(failure(
            format!("The update of {function} failed: {}.", latest.update.why()),
            Finding::Wrong,
            "What ran before goes on running. Correct what the reason names, then Retry.",
        )));
    }
    None
}

pub(super) fn failure(why: String, finding: Finding, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() }
}
