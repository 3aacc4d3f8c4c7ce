//! What follows from what was seen of a pipeline, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | no execution of ours, the stage is free | `RollbackStage`, or `StartPipelineExecution` with the earlier revisions |
//! | no execution of ours, something runs in the stage | for `RollbackStage`: wait, AWS refuses it meanwhile |
//! | somebody else's execution of the same revisions is, or was, the stage's latest | adopt it |
//! | ours goes on | wait; a manual approval is named with its link, and never given |
//! | ours waits at a transition that Rollbot's freeze holds | enable it, and disable it again behind our execution, both also after Stop |
//! | ours waits at a transition that somebody else disabled | fail: a person decides |
//! | ours failed, was stopped, superseded or cancelled | fail, with what the actions say |
//! | the stage's latest is ours, succeeded, with the revisions that were asked for | done |
//!
//! A `RollbackStage` whose reply was lost is found again as the execution of type `ROLLBACK` with this target that began
//! since. A `StartPipelineExecution` is sent again with the same token, which starts nothing twice, also when AWS would
//! not take it the second time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::act::{self, Do, Receipt};
use super::inventory::{Closed, Execution, Stage, link, pipeline_link, short};
use super::observe::{self, Seen, own};
use super::refusals::{RERUN, remedies};
use crate::aws::{Aws, AwsError};
use crate::incident::pipeline::{PipelineStage, Way};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long an act may take to be seen: `CodePipeline` lists a new execution within seconds.
const SETTLE: Duration = Duration::from_secs(30);

type Past = Entry<Do, Receipt>;

impl StepKind for PipelineStage {
    type Seen = Seen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<Seen, AwsError> {
        observe::observe(aws, self, journal).await
    }

    fn judge(&self, seen: &Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, seen, journal, now)
    }

    /// An execution of ours that is left in front of a transition that Rollbot holds would be deployed one day, when that
    /// is opened and nobody thinks of it any more.
    fn completes(&self, what: &Do, _seen: &Seen, journal: &StepJournal<'_>) -> bool {
        let is_order = |done: &Do| matches!(done, Do::RollbackStage { .. } | Do::StartPipelineExecution { .. });
        matches!(what, Do::EnableStageTransition { .. }) && journal.may_have_done(is_order)
    }

    async fn act(&self, aws: &Aws, what: &Do, _key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, what).await
    }
}

/// What follows from `seen`.
pub fn judge(work: &PipelineStage, seen: &Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(failure(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the pipeline in the AWS console. Retry judges afresh.",
            ));
        }
    };
    let Some(stage) = seen.pipeline.stage(&work.stage) else {
        return Judgement::Failed(failure(
            format!("{} has no stage {} any more: the pipeline was changed.", work.pipeline, work.stage),
            Finding::Wrong,
            "Correct `stage` in rollbot.yml, then ask again.",
        ));
    };
    let case = Case { work, seen, journal, now, stage, entries: &entries };
    let ours = own(&seen.executions, journal);
    if let Some(close) = case.close_behind(ours) {
        return Judgement::Restore(close);
    }
    if let Some(ours) = ours {
        return case.follow(ours);
    }
    let order = |entry: &&Past| matches!(entry.what, Do::RollbackStage { .. } | Do::StartPipelineExecution { .. });
    let last = entries.iter().rev().filter(|entry| entry.attempt == journal.attempt).find(order);
    match last.map(|last| (last, &last.outcome)) {
        None => case.afresh(),
        Some((_, Outcome::Refused(_))) => case.after_refusal(),
        Some((last, Outcome::Unknown)) => case.after_silence(last),
        Some((last, Outcome::Accepted(_))) => case.not_listed(last),
    }
}

/// One judgement's facts.
#[derive(Clone, Copy)]
struct Case<'a> {
    work: &'a PipelineStage,
    seen: &'a Seen,
    journal: &'a StepJournal<'a>,
    now: Now,
    stage: &'a Stage,
    entries: &'a [Past],
}

impl<'a> Case<'a> {
    fn way(self) -> Way {
        if self.journal.remedy.is_some_and(|remedy| remedy.id == RERUN) { Way::Rerun } else { self.work.way }
    }

    /// From the state alone.
    fn afresh(self) -> Judgement<Do> {
        if let Some(adopted) = self.adopted() {
            return self.follow(adopted);
        }
        match (self.way(), &self.work.target) {
            (Way::RollbackStage, Some(target)) => match &self.stage.latest {
                Some((id, status)) if status == "InProgress" || status == "Stopping" => Judgement::Wait(format!(
                    "execution {} is in {}; AWS rolls a stage back only when nothing runs in it",
                    short(id),
                    self.work.stage
                )),
                Some(_) | None => Judgement::Act(Do::RollbackStage {
                    pipeline: self.work.pipeline.clone(),
                    stage: self.work.stage.clone(),
                    target: target.clone(),
                }),
            },
            (Way::Rerun, _) | (Way::RollbackStage, None) => {
                let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(1);
                Judgement::Act(Do::StartPipelineExecution {
                    pipeline: self.work.pipeline.clone(),
                    revisions: self.work.revisions.clone(),
                    token: act::token(&self.journal.key_of(number)),
                })
            }
        }
    }

    /// Somebody else's execution that brings, or brought, the stage what is asked for.
    fn adopted(self) -> Option<&'a Execution> {
        let (id, status) = self.stage.latest.as_ref()?;
        let is_new = self.work.from.as_ref() != Some(id);
        let goes_on = matches!(status.as_str(), "InProgress" | "Succeeded");
        let execution = self.execution(id)?;
        (is_new && goes_on && !self.work.revisions.is_empty() && self.has_the_revisions(execution)).then_some(execution)
    }

    fn execution(self, id: &str) -> Option<&'a Execution> {
        self.seen.executions.iter().find(|execution| execution.id == id)
    }

    /// The last order was refused. A start before it whose reply was lost may have been taken all the same: it is sent
    /// again as it was, and never as another one.
    fn after_refusal(self) -> Judgement<Do> {
        let is_lost = |entry: &&Past| {
            entry.attempt == self.journal.attempt
                && entry.outcome == Outcome::Unknown
                && matches!(entry.what, Do::StartPipelineExecution { .. })
        };
        match self.entries.iter().rfind(is_lost) {
            Some(lost) => Judgement::Act(lost.what.clone()),
            None => self.afresh(),
        }
    }

    /// The reply of `last` was lost, and nothing that it would have made is to be seen.
    fn after_silence(self, last: &Past) -> Judgement<Do> {
        match &last.what {
            // The same token starts the same execution.
            Do::StartPipelineExecution { .. } => Judgement::Act(last.what.clone()),
            Do::RollbackStage { .. } if self.now.elapsed(last.at) < SETTLE => {
                Judgement::Wait("looking for the rollback that was asked for".to_owned())
            }
            // A second order is refused while a first one runs, and one that has ended would be listed.
            Do::RollbackStage { .. } | Do::EnableStageTransition { .. } | Do::DisableStageTransition { .. } => {
                self.afresh()
            }
        }
    }

    /// The order was accepted, and its execution is not listed.
    fn not_listed(self, last: &Past) -> Judgement<Do> {
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait("the execution has begun and is about to be listed".to_owned());
        }
        Judgement::Failed(failure(
            format!("{} accepted the order, and does not list the execution that it began.", self.work.pipeline),
            Finding::Inconclusive,
            "Look at the pipeline in the AWS console. Retry orders it anew.",
        ))
    }

    /// Where our execution stands.
    fn follow(self, ours: &Execution) -> Judgement<Do> {
        let latest = self.stage.latest.as_ref();
        if let Some((id, status)) = latest
            && *id == ours.id
            && status == "Succeeded"
        {
            return self.proof(ours);
        }
        match ours.status.as_str() {
            "InProgress" | "Stopping" => self.on_the_way(ours),
            "Succeeded" if self.is_replaced(ours) => Judgement::Failed(self.replaced(ours)),
            "Succeeded" => {
                Judgement::Wait(format!("{} has succeeded, and {} is about to show it", name(ours), self.work.stage))
            }
            status => Judgement::Failed(self.ended(ours, status)),
        }
    }

    fn proof(self, ours: &Execution) -> Judgement<Do> {
        let is_the_rollback = self.work.target.is_some() && ours.rollback_of == self.work.target;
        let is_proved = if self.work.revisions.is_empty() { is_the_rollback } else { self.has_the_revisions(ours) };
        if !is_proved {
            let wanted = self.work.revisions.first().map_or("what was asked for", |revision| short(&revision.id));
            let mut failure = failure(
                format!("{} succeeded in {}, but with {} and not {wanted}.", name(ours), self.work.stage, ours.words()),
                if ours.revisions.is_empty() { Finding::Inconclusive } else { Finding::Wrong },
                "Look at the execution in the AWS console. Retry orders it anew.",
            );
            failure.details.push(self.link(ours));
            return Judgement::Failed(failure);
        }
        let text = format!(
            "{} is the latest of stage {} of {} and succeeded, with {}.",
            name(ours),
            self.work.stage,
            self.work.pipeline,
            ours.words()
        );
        let output = json!({
            "execution": ours.id, "pipeline": self.work.pipeline, "stage": self.work.stage, "link": self.link(ours),
        });
        Judgement::Done { evidence: vec![Evidence::new(text), Evidence::new(self.link(ours))], output }
    }

    fn has_the_revisions(self, execution: &Execution) -> bool {
        self.work.revisions.iter().all(|wanted| {
            execution.revisions.iter().any(|revision| revision.action == wanted.action && revision.id == wanted.id)
        })
    }

    fn on_the_way(self, ours: &Execution) -> Judgement<Do> {
        let mut waiting = self.seen.actions.iter().filter(|action| action.status == "InProgress");
        if let Some(approval) = waiting.clone().find(|action| action.is_approval) {
            return Judgement::Wait(format!(
                "waits for the manual approval {} in {}. Approve it in AWS, Rollbot never does: {}",
                approval.name,
                approval.stage,
                pipeline_link(&self.seen.pipeline.region, &self.work.pipeline)
            ));
        }
        let mut ahead = self.seen.pipeline.up_to(&self.work.stage).iter();
        if let Some(stage) = ahead.find(|stage| stage.inbound.as_ref() == Some(&ours.id)) {
            return match &stage.closed {
                Some(closed) if closed.is_rollbots() => Judgement::Act(Do::EnableStageTransition {
                    pipeline: self.work.pipeline.clone(),
                    stage: stage.name.clone(),
                    reason: closed.reason.clone(),
                }),
                Some(closed) => Judgement::Failed(self.shut_out(ours, stage, closed)),
                None => Judgement::Wait(match &stage.latest {
                    Some((id, _)) => {
                        format!("{} waits in front of {}, which execution {} is in", name(ours), stage.name, short(id))
                    }
                    None => format!("{} is about to enter {}", name(ours), stage.name),
                }),
            };
        }
        Judgement::Wait(match waiting.next() {
            Some(action) => {
                let url = action.url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
                format!("{} runs {} in stage {}{url}", name(ours), action.name, action.stage)
            }
            None => format!("{} is under way", name(ours)),
        })
    }

    /// What closes a transition again that was enabled for our execution, once that is through or will not come.
    fn close_behind(self, ours: Option<&Execution>) -> Option<Do> {
        let mut open: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in self.entries {
            match (&entry.what, &entry.outcome) {
                (Do::EnableStageTransition { stage, reason, .. }, Outcome::Accepted(_) | Outcome::Unknown) => {
                    open.insert(stage, reason);
                }
                (Do::DisableStageTransition { stage, .. }, Outcome::Accepted(_)) => {
                    open.remove(stage.as_str());
                }
                (
                    Do::RollbackStage { .. }
                    | Do::StartPipelineExecution { .. }
                    | Do::EnableStageTransition { .. }
                    | Do::DisableStageTransition { .. },
                    _,
                ) => {}
            }
        }
        let (stage, reason) = open.into_iter().find(|(name, _)| {
            self.seen.pipeline.stage(name).is_some_and(|stage| {
                stage.closed.is_none() && ours.is_none_or(|ours| stage.inbound.as_ref() != Some(&ours.id))
            })
        })?;
        Some(Do::DisableStageTransition {
            pipeline: self.work.pipeline.clone(),
            stage: stage.to_owned(),
            reason: reason.to_owned(),
        })
    }

    fn shut_out(self, ours: &Execution, stage: &Stage, closed: &Closed) -> Failure {
        let mut failure = failure(
            format!(
                "{} waits in front of {}, whose transition is disabled: {}.",
                name(ours),
                stage.name,
                closed.words()
            ),
            Finding::Wrong,
            "Rollbot does not enable what others disabled. Enable the transition in AWS, then Retry: it goes on from there.",
        );
        failure.details.push(pipeline_link(&self.seen.pipeline.region, &self.work.pipeline));
        failure
    }

    /// Whether another execution has entered the stage since ours. The pipeline's state is looked at before its executions
    /// are, so ours may have succeeded in between; what is listed after it began before it.
    fn is_replaced(self, ours: &Execution) -> bool {
        let place = |id: &str| self.seen.executions.iter().position(|execution| execution.id == id);
        self.stage.latest.as_ref().is_some_and(|(id, _)| place(id) < place(&ours.id) && place(id).is_some())
    }

    /// Ours succeeded, and another execution has entered the stage since.
    fn replaced(self, ours: &Execution) -> Failure {
        let by = self.stage.latest.as_ref().map_or_else(
            || "another one".to_owned(),
            |(id, _)| self.execution(id).map_or_else(|| format!("execution {}", short(id)), Execution::words),
        );
        let mut failure = failure(
            format!("{} succeeded, and {by} has entered {} since.", name(ours), self.work.stage),
            Finding::Wrong,
            "Somebody or something deploys through this pipeline. Freeze it, then Retry.",
        );
        failure.details.push(self.link(ours));
        failure
    }

    fn ended(self, ours: &Execution, status: &str) -> Failure {
        let how = match status {
            "Failed" => "failed",
            "Stopped" => "was stopped by somebody",
            "Superseded" => "was superseded by a newer execution",
            "Cancelled" => "was cancelled, because the pipeline was changed",
            other => other,
        };
        let mut failed = failure(
            format!("{} {how} before {} had it.", name(ours), self.work.stage),
            Finding::Wrong,
            match status {
                "Failed" => "Look at what failed. Retry orders it anew.",
                "Superseded" => "Something deploys through this pipeline. Freeze it, then Retry.",
                _ => "Find out who did that. Retry orders it anew.",
            },
        );
        let actions = self.seen.actions.iter().filter(|action| action.status == "Failed");
        failed.details = actions
            .map(|action| {
                let said = action.error.as_deref().unwrap_or("failed");
                let url = action.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
                format!("{} in {}: {said}{url}", action.name, action.stage)
            })
            .collect();
        failed.details.push(self.link(ours));
        if self.way() == Way::RollbackStage && status == "Failed" {
            failed.remedies = remedies(self.work);
        }
        failed
    }

    fn link(self, ours: &Execution) -> String {
        link(&self.seen.pipeline.region, &self.work.pipeline, &ours.id)
    }
}

fn name(ours: &Execution) -> String {
    format!("execution {}", short(&ours.id))
}

fn failure(why: String, finding: Finding, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() }
}
