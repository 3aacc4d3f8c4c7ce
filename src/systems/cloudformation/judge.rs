//! What follows from what was seen of a stack, and from what was done so far. Pure.
//!
//! [`Status::action`] says what takes a stack back. What has been done is followed by its own events: right after a call
//! the status may still be the one before, and a status alone does not tell our operation from the one before it. So every
//! order keeps the id of the newest event before it, and what is newer may be its effect; its token on an event proves it.
//!
//! An act of unknown outcome is looked for by its token for [`SETTLE`]. Done again, it bears the same token, and
//! CloudFormation takes it once.

use std::time::Duration;

use super::act::{self, Do, Order, Receipt, token};
use super::events::{self, StackEvent};
use super::inventory::SeenChangeSet;
use super::observe::{self, Seen};
use super::status::{Action, Status, Towards};
use crate::aws::{Aws, AwsError};
use crate::incident::ids::Digest;
use crate::incident::release::Release;
use crate::incident::stack::{ChangeSet, StackOutput, StackWay, StackWork};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, News, Outcome, StepJournal, StepKind};

/// How long an accepted call may take to show on events or status; CloudFormation is eventually consistent, and its
/// events lag some seconds.
const SETTLE: Duration = Duration::from_secs(30);
/// How often one attempt tries a call that CloudFormation refuses for a reason that may pass.
const TRIES: usize = 3;

type Past = Entry<Do, Receipt>;

impl StepKind for StackWork {
    type Seen = Seen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<Self::Seen, AwsError> {
        observe::observe(aws, self, journal).await
    }

    fn judge(&self, seen: &Self::Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, seen, journal, now)
    }

    fn news(&self, seen: &Self::Seen, journal: &StepJournal<'_>) -> Vec<News> {
        news(seen, journal)
    }

    /// A stack whose rollback we have ordered and that is stuck on the way back takes no update until it is back.
    fn completes(&self, what: &Do, _seen: &Seen, journal: &StepJournal<'_>) -> bool {
        match what {
            Do::RollBack(_) | Do::Continue { .. } => journal.may_have_done(|done: &Do| done.verb() != what.verb()),
            Do::Cancel(_) | Do::Execute { .. } | Do::Delete(_) => false,
        }
    }

    async fn act(&self, aws: &Aws, what: &Do, _key: &str) -> Result<Acted<Receipt>, AwsError> {
        // The token is in the order: the same order done again has to bear the same.
        act::act(aws, what).await
    }
}

/// What follows from `seen`.
pub fn judge(work: &StackWork, seen: &Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(inconclusive(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                "Look at the stack's events in the CloudFormation console. Retry judges afresh.",
            ));
        }
    };
    let past: Vec<&Past> = entries.iter().filter(|entry| entry.attempt == journal.attempt).collect();
    let case = Case { work, seen, journal, now, entries: &entries, past: &past };
    match past.last() {
        None => case.afresh(),
        Some(last) => match &last.outcome {
            Outcome::Refused(why) => case.after_refusal(last, why),
            Outcome::Unknown => case.after_silence(last),
            Outcome::Accepted(_) => case.after_acceptance(&last.what),
        },
    }
}

/// One judgement's facts.
#[derive(Clone, Copy)]
struct Case<'a> {
    work: &'a StackWork,
    seen: &'a Seen,
    journal: &'a StepJournal<'a>,
    now: Now,
    entries: &'a [Past],
    past: &'a [&'a Past],
}

impl Case<'_> {
    /// From the state alone.
    fn afresh(self) -> Judgement<Do> {
        match &self.work.way {
            StackWay::Undo | StackWay::UndoCreation => self.undo(),
            StackWay::ChangeSet(set) => self.execute(set),
            StackWay::Delete => self.delete(),
        }
    }

    fn undo(self) -> Judgement<Do> {
        let is_creation = self.work.way == StackWay::UndoCreation;
        match self.seen.status.action() {
            Action::Cancel if !is_creation => Judgement::Act(Do::Cancel(self.order())),
            Action::RollBack if !is_creation => Judgement::Act(Do::RollBack(self.order())),
            Action::RollBackCreation if is_creation => Judgement::Act(Do::RollBack(self.order())),
            Action::Continue => self.go_on(),
            Action::Wait(_) => self.wait(),
            Action::Cancel | Action::RollBack | Action::RollBackCreation | Action::ChangeSet | Action::Refuse(_) => {
                self.ended()
            }
        }
    }

    /// Goes on with a rollback that is stuck: plainly, or without what a person chose to leave out.
    fn go_on(self) -> Judgement<Do> {
        Judgement::Act(Do::Continue { order: self.order(), skip: self.journal.chosen(super::remedy::SKIP).to_vec() })
    }

    fn execute(self, set: &ChangeSet) -> Judgement<Do> {
        match self.seen.status.action() {
            Action::ChangeSet if self.was_executed() && self.runs_what_was_asked_for() => self.done(),
            Action::ChangeSet => match (&set.arn, &self.seen.change_set) {
                (Some(arn), Some(seen)) if is_available(seen) => {
                    Judgement::Act(Do::Execute { order: self.order(), change_set: arn.clone() })
                }
                (_, seen) => Judgement::Failed(wrong(
                    match seen {
                        Some(seen) => format!("The change set cannot be executed any more: it is {}.", seen.execution),
                        None => "The change set is not there any more.".to_owned(),
                    },
                    self.cause(),
                    "Stop this rollback and ask again: a new change set is made from how the stack is then.",
                )),
            },
            Action::Continue => self.go_on(),
            Action::Wait(_) => self.wait(),
            Action::Cancel | Action::RollBack | Action::RollBackCreation | Action::Refuse(_) => {
                Judgement::Failed(wrong(
                    format!("The stack is {}, and a change set cannot be executed now.", self.seen.status.name()),
                    self.cause(),
                    "Stop this rollback and ask again: what is to be done follows from the status then.",
                ))
            }
        }
    }

    fn delete(self) -> Judgement<Do> {
        if self.seen.status == Status::DeleteComplete {
            self.done()
        } else if self.seen.status.is_under_way() {
            self.wait()
        } else {
            Judgement::Act(Do::Delete(self.order()))
        }
    }

    fn after_refusal(self, last: &Past, why: &str) -> Judgement<Do> {
        let next = self.afresh();
        let Judgement::Act(what) = &next else { return next };
        let tries = self.past.iter().filter(|entry| entry.what.verb() == what.verb()).count();
        if what.verb() == last.what.verb() && tries >= TRIES {
            return Judgement::Failed(wrong(
                format!("{why}."),
                self.cause(),
                "Nothing was changed by this. Remove the cause and retry.",
            ));
        }
        next
    }

    /// Nothing is known of the last call: its token on an event says that CloudFormation took it.
    fn after_silence(self, last: &Past) -> Judgement<Do> {
        let order = last.what.order();
        let is_seen = self.since(order).iter().any(|event| event.token.as_deref() == Some(&order.token));
        if is_seen {
            return self.after_acceptance(&last.what);
        }
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait(format!("looking whether CloudFormation took {}", last.what.verb()));
        }
        let next = self.afresh();
        if let Judgement::Act(what) = &next
            && what.verb() == last.what.verb()
        {
            // The same call again, with the same token: if the first arrived after all, CloudFormation says so.
            return Judgement::Act(last.what.clone());
        }
        next
    }

    /// CloudFormation took it: where has it come?
    fn after_acceptance(self, what: &Do) -> Judgement<Do> {
        let order = what.order();
        let since = self.since(order);
        if let Some(foreign) = superseded(since, &order.token, what) {
            return Judgement::Failed(wrong(
                format!("Somebody else has begun something with the stack: {}.", foreign.line()),
                Vec::new(),
                "Look at who deploys now. Stop this rollback and ask again when that is over.",
            ));
        }
        let Some(newest) = events::newest_of_the_stack(since) else {
            return Judgement::Wait(format!("CloudFormation took {}; nothing has moved yet", what.verb()));
        };
        if newest.status.ends_with("_IN_PROGRESS") || self.seen.status.is_under_way() {
            return self.wait();
        }
        if newest.status != self.seen.status.name() {
            return Judgement::Wait(format!("the stack is {} and is about to say so", newest.status));
        }
        match (what, &self.seen.status) {
            // It went on, and is stuck again: a person decides what to leave out.
            (Do::Continue { .. } | Do::Execute { .. }, Status::UpdateRollbackFailed)
            | (Do::RollBack(_), Status::UpdateFailed)
            | (Do::Delete(_), Status::DeleteFailed) => self.is_stuck(),
            (Do::Cancel(_) | Do::RollBack(_), Status::UpdateRollbackFailed | Status::UpdateFailed) => self.undo(),
            _ => self.ended(),
        }
    }

    /// Nothing is under way, and no call goes further: it is there, or it is not.
    fn ended(self) -> Judgement<Do> {
        let status = &self.seen.status;
        let is_there = match &self.work.way {
            StackWay::Undo => *status == Status::UpdateRollbackComplete && !self.was_executed(),
            StackWay::UndoCreation => matches!(status, Status::RollbackComplete | Status::DeleteComplete),
            StackWay::Delete => *status == Status::DeleteComplete,
            StackWay::ChangeSet(_) => *status == Status::UpdateComplete && self.runs_what_was_asked_for(),
        };
        if is_there {
            return self.done();
        }
        let (why, advice) = match (&self.work.way, status) {
            (StackWay::Undo, Status::UpdateComplete | Status::UpdateCompleteCleanupInProgress) => (
                "The update was through before it could be taken back, so the newer version runs.".to_owned(),
                "Stop this rollback and ask again: an earlier version is then brought back by a change set.",
            ),
            (StackWay::ChangeSet(_), Status::UpdateRollbackComplete) => (
                "The update with the earlier version failed, and CloudFormation took it back: the newer version runs \
                 still."
                    .to_owned(),
                "Remove the cause, or choose another release: Stop this rollback and ask again.",
            ),
            (StackWay::ChangeSet(_), Status::UpdateComplete) => (
                "The stack is UPDATE_COMPLETE, but with another template or other parameters than were asked for."
                    .to_owned(),
                "Look at who updated the stack. Stop this rollback and ask again.",
            ),
            _ => (
                format!("The stack is {}, and that is not where it was to be.", status.name()),
                "Stop this rollback and ask again: what is to be done follows from the status then.",
            ),
        };
        Judgement::Failed(wrong(why, self.cause(), advice))
    }

    /// It did not come to its end, and a person decides what to leave out.
    fn is_stuck(self) -> Judgement<Do> {
        let mut details = self.cause();
        details.extend(self.seen.stuck.iter().map(|resource| {
            let reason = resource.reason.as_deref().unwrap_or("CloudFormation gives no reason");
            format!("{} ({}): {reason}", resource.name, resource.kind)
        }));
        let (why, advice) = if self.seen.status == Status::DeleteFailed {
            (
                "CloudFormation could not delete everything.",
                "Remove what keeps these resources, then Retry deletes again.",
            )
        } else if self.seen.status == Status::UpdateFailed {
            ("Going back to the last good state failed.", "Remove the cause, then Retry goes back again.")
        } else {
            (
                "The rollback is stuck: these resources cannot be taken back.",
                "Repair them where that is quick, then Retry goes on. Otherwise go on without them: what is left out \
                 keeps its present state and no longer fits the template.",
            )
        };
        let failure = wrong(why.to_owned(), details, advice);
        Judgement::Failed(if self.seen.status == Status::UpdateRollbackFailed {
            super::remedy::with_skips(failure, &self.seen.stuck)
        } else {
            failure
        })
    }

    fn done(self) -> Judgement<Do> {
        let status = self.seen.status.name();
        let mut evidence = vec![Evidence::new(format!("{} is {status}", self.work.name))];
        match (&self.work.content, &self.seen.deployed) {
            (Some(wanted), Some(deployed)) if wanted.as_str() != deployed.id => {
                return Judgement::Failed(self.elsewhere(deployed));
            }
            (Some(_), Some(_)) => {
                evidence.push(Evidence::new("its template and parameters are those of the release"));
            }
            (None, _) | (_, None) => {}
        }
        let skipped = self.skipped();
        if !skipped.is_empty() {
            evidence.push(Evidence::new(format!(
                "left out and not as the template says: {}; repair them before the next update",
                skipped.join(", ")
            )));
        }
        let output = StackOutput { status: status.to_owned(), skipped };
        Judgement::Done { evidence, output: serde_json::to_value(output).unwrap_or_default() }
    }

    /// The resources that a rollback was told to go on without, in whichever attempt. A call of unknown outcome may
    /// have been taken, and what was left out once stays as it is.
    fn skipped(self) -> Vec<String> {
        let mut skipped: Vec<String> = Vec::new();
        for entry in self.entries {
            if let (Do::Continue { skip, .. }, Outcome::Accepted(_) | Outcome::Unknown) = (&entry.what, &entry.outcome)
            {
                let new: Vec<String> = skip.iter().filter(|name| !skipped.contains(name)).cloned().collect();
                skipped.extend(new);
            }
        }
        skipped
    }

    /// CloudFormation has taken the update back, to another version than the one that was approved: what ran before the
    /// update was never seen by Rollbot, or was changed past it.
    fn elsewhere(self, deployed: &Release) -> Failure {
        wrong(
            format!(
                "CloudFormation took the update back, and {} now has {}, which ran before it: that is not the version \
                 that this plan names.",
                self.work.name,
                deployed.name()
            ),
            Vec::new(),
            "Where that version is good, go on without this step. Otherwise Stop this rollback and ask again: from here \
             a change set goes to any version that Rollbot has kept.",
        )
    }

    /// What people read while CloudFormation is at work.
    fn wait(self) -> Judgement<Do> {
        let status = self.seen.status.name();
        let operation = events::newest_operation(&self.seen.events);
        let newest = operation.iter().find(|event| !event.is_of_the_stack());
        let words = match (&self.seen.status.action(), newest) {
            (Action::Wait(Towards::Settled), _) => {
                format!("{status}: the new version is live, and CloudFormation removes what it replaced")
            }
            (_, Some(event)) => format!("{status}; {}", event.line()),
            (_, None) => status.to_owned(),
        };
        Judgement::Wait(words)
    }

    /// The events that may be the effect of `order`.
    fn since(&self, order: &Order) -> &[StackEvent] {
        events::after(&self.seen.events, order.after.as_deref())
    }

    fn order(&self) -> Order {
        let number = u32::try_from(self.journal.acts.len()).unwrap_or(u32::MAX).saturating_add(1);
        Order {
            stack: self.work.stack.clone(),
            token: token(&self.journal.key_of(number)),
            after: self.seen.events.first().map(|event| event.id.clone()),
        }
    }

    /// Whether the change set was executed, in whichever attempt.
    fn was_executed(&self) -> bool {
        self.entries.iter().any(|entry| {
            matches!((&entry.what, &entry.outcome), (Do::Execute { .. }, Outcome::Accepted(_) | Outcome::Unknown))
        })
    }

    fn runs_what_was_asked_for(&self) -> bool {
        let wanted = self.work.content.as_ref().map(Digest::as_str);
        wanted.is_some() && wanted == self.seen.deployed.as_ref().map(|deployed| deployed.id.as_str())
    }

    /// What failed first, as a detail of a failure; where no resource failed, why the stack itself was taken back.
    fn cause(&self) -> Vec<String> {
        let newest = events::newest_operation(&self.seen.events);
        let own = events::root_cause(newest).or_else(|| events::taken_back(newest)).map(StackEvent::line);
        let cause = self.seen.nested_cause.clone().or(own);
        cause.map(|cause| format!("What failed first: {cause}")).into_iter().collect()
    }
}

fn is_available(set: &SeenChangeSet) -> bool {
    set.status == "CREATE_COMPLETE" && set.execution == "AVAILABLE"
}

/// What somebody else has begun since our order: an update or deletion whose token is not ours.
fn superseded<'e>(since: &'e [StackEvent], token: &str, what: &Do) -> Option<&'e StackEvent> {
    let begun = |event: &&StackEvent| {
        event.is_of_the_stack()
            && matches!(
                event.status.as_str(),
                "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS" | "CREATE_IN_PROGRESS"
            )
    };
    let mut begun: Vec<&StackEvent> = since.iter().filter(begun).collect();
    // Oldest first; what an execution or a deletion begins itself is the first of these.
    begun.reverse();
    let own = match what {
        Do::Execute { .. } | Do::Delete(_) => 1,
        Do::Cancel(_) | Do::RollBack(_) | Do::Continue { .. } => 0,
    };
    begun.into_iter().skip(own).find(|event| event.token.as_deref() != Some(token))
}

/// What the thread is told: what has come to an end, oldest first. What merely begins is left out.
fn news(seen: &Seen, journal: &StepJournal<'_>) -> Vec<News> {
    let entries: Vec<Past> = journal.entries().unwrap_or_default();
    let mark = entries.first().and_then(|entry| entry.what.order().after.as_deref());
    let events = match mark {
        Some(mark) => events::after(&seen.events, Some(mark)),
        None => events::newest_operation(&seen.events),
    };
    let told = events.iter().rev().filter(|event| {
        event.is_of_the_stack() || event.status.ends_with("_COMPLETE") || event.status.ends_with("_FAILED")
    });
    told.map(|event| News { id: event.id.clone(), line: event.line() }).collect()
}

fn wrong(why: String, details: Vec<String>, advice: &str) -> Failure {
    Failure { why, details, finding: Finding::Wrong, advice: advice.to_owned(), remedies: Vec::new() }
}

fn inconclusive(why: String, advice: &str) -> Failure {
    Failure {
        why,
        details: Vec::new(),
        finding: Finding::Inconclusive,
        advice: advice.to_owned(),
        remedies: Vec::new(),
    }
}
