//! What follows from what was seen of a service, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | in flight, every source is the target | `StopServiceDeployment`: the target still runs, so this is the fastest way back |
//! | the same, paused at a lifecycle hook | `ContinueServiceDeployment` with `ROLLBACK` |
//! | in flight, from something else | `UpdateService` to the target: ECS supersedes the deployment; stopping it would go back to the wrong release |
//! | in flight to the target | adopt it |
//! | being stopped or rolled back, by whomever | adopt it, and see where it ends |
//! | over, something else runs | `UpdateService` to the target |
//! | over, the target runs, but other images or a failed rollout | `UpdateService`, forced |
//! | over, the target runs | prove it |
//! | in flight to the target, baking or paused | wait, and say for what |
//!
//! Where the target cannot be deployed as it is (it was deregistered, a tag was moved, no task definition has the image),
//! `RegisterTaskDefinition` comes before the first `UpdateService`, and what was registered is the target from then on.
//!
//! Where the deployment to the target is there and its tasks fail, people are offered to have a new one forced.
//!
//! An act whose outcome is unknown is looked for first, for as long as AWS's reads may be stale. Doing it again is then
//! harmless as well: a second stop of a stopped deployment is refused, and a second `UpdateService` to what is already
//! asked to run makes no deployment. A registration is looked for by the tag that it bears.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::act::{self, Do, NewDeployment, Receipt};
use super::inventory::{DeploymentStatus, ServiceDeployment, short};
use super::observe::Sight;
use super::observe::{self, Deployment, Seen};
use super::proof::{Proof, ended_at, prove, runs_other_images};
use super::remedies;
use super::signs;
use super::waiting;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::incident::work::{EcsService, Registration};
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long an act may take to be seen: ECS's reads lag a second or more behind its writes.
const SETTLE: Duration = Duration::from_secs(10);
/// For how long the proof has to hold: long enough for a second look of the load balancer's health checks.
const HOLD: Duration = Duration::from_secs(10);
/// How often the same act is tried in one attempt when AWS refuses it or leaves no trace of it.
const TRIES: usize = 3;
/// How far AWS's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(5);

type Past = Entry<Do, Receipt>;

impl StepKind for EcsService {
    type Seen = Sight;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<Self::Seen, AwsError> {
        observe::observe(aws, self, journal).await
    }

    fn judge(&self, seen: &Self::Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, &seen.service, seen.registered.as_deref(), journal, now)
    }

    async fn act(&self, aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, what, key).await
    }
}

/// What follows from `seen`. `found` is the revision that an act of unknown outcome registered, if it was found.
pub fn judge(
    work: &EcsService,
    seen: &Seen,
    found: Option<&str>,
    journal: &StepJournal<'_>,
    now: Now,
) -> Judgement<Do> {
    if seen.status != "ACTIVE" {
        return Judgement::Failed(wrong(
            format!("The service is {}.", seen.status),
            "It was deleted while it was being rolled back. Create it anew.",
        ));
    }
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(inconclusive(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                "Look in ECS at what the service's newest deployment is. Retry judges afresh.",
            ));
        }
    };
    let past: Vec<&Past> = entries.iter().filter(|entry| entry.attempt == journal.attempt).collect();
    let registered = registered(&entries).or(found);
    let resolved = registered.map(|arn| EcsService { target: arn.to_owned(), register: None, ..work.clone() });
    let case = Case { work: resolved.as_ref().unwrap_or(work), seen, journal, now, past: &past };
    match past.last() {
        None => case.afresh(None),
        Some(last) => match &last.outcome {
            Outcome::Refused(why) => case.after_refusal(last, why),
            Outcome::Unknown => case.after_silence(last),
            Outcome::Accepted(receipt) => case.after_acceptance(last, receipt),
        },
    }
}

/// The revision that this step has registered, in whichever attempt.
fn registered(entries: &[Past]) -> Option<&str> {
    entries.iter().rev().find_map(|entry| match &entry.outcome {
        Outcome::Accepted(Receipt::Registered { task_definition }) => Some(task_definition.as_str()),
        Outcome::Accepted(Receipt::Stopping { .. } | Receipt::Updating { .. })
        | Outcome::Unknown
        | Outcome::Refused(_) => None,
    })
}

/// One judgement's facts.
#[derive(Clone, Copy)]
struct Case<'a> {
    work: &'a EcsService,
    seen: &'a Seen,
    journal: &'a StepJournal<'a>,
    now: Now,
    past: &'a [&'a Past],
}

impl<'a> Case<'a> {
    /// From the state alone. `refused` is an act that AWS does not let us do.
    fn afresh(self, refused: Option<&Do>) -> Judgement<Do> {
        let newest = self.seen.service_deployments.first();
        if let Some(newest) = newest.filter(|newest| newest.status.is_rolling_back()) {
            return self.adopt_rollback(newest);
        }
        if let Some(flying) = newest.filter(|newest| newest.status.is_in_flight())
            && self.seen.definition_of(&flying.target) != Some(&self.work.target)
        {
            let stop = match &flying.waits_at {
                Some(hook) => Do::Continue { deployment: flying.arn.clone(), hook: hook.clone() },
                None => Do::Stop { deployment: flying.arn.clone() },
            };
            let comes_from_target = !flying.sources.is_empty()
                && flying.sources.iter().all(|source| self.seen.definition_of(source) == Some(&self.work.target));
            return Judgement::Act(if comes_from_target && refused != Some(&stop) {
                stop
            } else {
                self.update(NewDeployment::IfNeeded)
            });
        }
        match self.seen.primary() {
            Some(primary) if primary.task_definition == self.work.target => {
                let over = newest.is_none_or(|newest| newest.status.is_over());
                let failed = primary.rollout.as_deref() == Some("FAILED");
                if self.is_to_be_forced() || (over && (failed || runs_other_images(self.seen, self.work))) {
                    Judgement::Act(self.update(NewDeployment::Forced))
                } else {
                    self.verify(primary, newest.filter(|newest| self.leads_to_target(newest)))
                }
            }
            _ if newest.is_some_and(|newest| newest.status.is_in_flight()) => {
                Judgement::Wait("a deployment to the target has begun and is about to appear".to_owned())
            }
            _ => Judgement::Act(self.update(NewDeployment::IfNeeded)),
        }
    }

    /// Whether somebody has chosen to force a new deployment, and this attempt has not made one.
    fn is_to_be_forced(self) -> bool {
        remedies::is_forced(self.journal)
            && !self.past.iter().any(|entry| matches!(entry.outcome, Outcome::Accepted(Receipt::Updating { .. })))
    }

    /// `failure` of the deployment to the target that is there.
    fn with_remedies(self, failure: Failure) -> Failure {
        remedies::with_a_new_deployment(failure, short(&self.work.target))
    }

    fn update(self, deployment: NewDeployment) -> Do {
        if let Some(Registration { like, images }) = &self.work.register {
            return Do::Register { like: like.clone(), images: images.clone(), instead_of: self.work.from.clone() };
        }
        Do::Update {
            cluster: self.work.cluster.clone(),
            service: self.work.service.clone(),
            task_definition: self.work.target.clone(),
            deployment,
        }
    }

    fn after_refusal(self, last: &Past, why: &str) -> Judgement<Do> {
        let class = AwsError::class_of_sentence(why);
        let hopeless = matches!(class, Some(ErrorClass::Denied | ErrorClass::Invalid));
        // A stop that ECS does not offer leaves the other way, which is slower.
        let next = self.afresh(hopeless.then_some(&last.what));
        let Judgement::Act(what) = &next else {
            return next;
        };
        if *what != last.what {
            return next;
        }
        let tries = self.past.iter().filter(|entry| entry.what == *what).count();
        if hopeless || tries >= TRIES {
            return Judgement::Failed(Failure {
                why: format!("{why}."),
                details: Vec::new(),
                finding: Finding::Wrong,
                advice: "Nothing was changed by this. Remove the cause and retry.".to_owned(),
                remedies: Vec::new(),
            });
        }
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait(format!("{why}; looking again before the next try"));
        }
        next
    }

    /// The outcome of the last act is not known: its effect is looked for.
    fn after_silence(self, last: &Past) -> Judgement<Do> {
        match &last.what {
            Do::Stop { deployment } | Do::Continue { deployment, .. } => match self.seen.service_deployment(deployment)
            {
                Some(stopped) if !stopped.status.is_in_flight() => return self.after_stop(stopped),
                _ => {}
            },
            Do::Register { .. } => {
                if self.work.register.is_none() {
                    return self.afresh(None);
                }
            }
            Do::Update { .. } => {
                if let Some(primary) = self.made_by(last) {
                    return self.verify(primary, self.service_deployment_since(last.at));
                }
                if let Some(made) = self.service_deployment_since(last.at) {
                    return self.not_primary(made, last);
                }
            }
        }
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait(format!("looking whether {} took place", last.what.sentence()));
        }
        let silent = |entry: &&&Past| entry.outcome == Outcome::Unknown && entry.what == last.what;
        let silent = self.past.iter().filter(silent).count();
        if silent >= TRIES {
            return Judgement::Failed(inconclusive(
                format!(
                    "{} was sent {silent} times without an answer, and no effect of it can be seen.",
                    last.what.sentence()
                ),
                "Look in ECS whether a deployment to the target is under way. Retry looks afresh and tries again.",
            ));
        }
        self.afresh(None)
    }

    fn after_acceptance(self, last: &Past, receipt: &Receipt) -> Judgement<Do> {
        match receipt {
            Receipt::Stopping { deployment } => match self.seen.service_deployment(deployment) {
                Some(stopped) if stopped.status.is_in_flight() => {
                    Judgement::Wait("ECS has accepted the stop; the rollback is about to begin".to_owned())
                }
                Some(stopped) => self.after_stop(stopped),
                None => self.afresh(None),
            },
            Receipt::Registered { .. } => self.afresh(None),
            Receipt::Updating { deployment } => {
                let goes = self.service_deployment_since(last.at);
                match self.seen.primary() {
                    Some(primary) if primary.id == *deployment => self.verify(primary, goes),
                    primary => match goes {
                        Some(goes) => self.not_primary(goes, last),
                        None if primary.and_then(|primary| primary.created_at) >= Some(self.earliest(last.at)) => {
                            self.superseded()
                        }
                        None => {
                            Judgement::Wait("ECS has accepted the update; the deployment is about to appear".to_owned())
                        }
                    },
                }
            }
        }
    }

    /// The deployment that we stopped goes back, or has ended.
    fn after_stop(self, stopped: &ServiceDeployment) -> Judgement<Do> {
        if stopped.status.is_rolling_back() {
            return self.adopt_rollback(stopped);
        }
        if stopped.status == DeploymentStatus::RollbackFailed {
            return Judgement::Failed(self.rollback_failed(stopped));
        }
        let newest = self.seen.service_deployments.first();
        if newest.is_some_and(|newest| newest.arn != stopped.arn && !self.goes_to_target(newest)) {
            return self.superseded();
        }
        match self.seen.primary() {
            Some(primary) if primary.task_definition == self.work.target => self.verify(primary, Some(stopped)),
            // It ended otherwise than asked: it succeeded before the stop took hold, or went back to something else.
            _ => match ended_at(self.seen, stopped) {
                Some(end) if end == self.work.target => {
                    Judgement::Wait("the rollback has ended; its deployment is about to appear".to_owned())
                }
                _ => self.afresh(None),
            },
        }
    }

    /// A deployment is on its way back, by whomever: adopt it while it goes to the target.
    fn adopt_rollback(self, going: &ServiceDeployment) -> Judgement<Do> {
        let bad = self.seen.definition_of(&going.target).map_or("the deployment", short);
        if let Some(primary) = self.seen.primary()
            && primary.task_definition == self.work.target
        {
            if let Some(failure) = signs::failing(self.seen, primary, None, self.since()) {
                return Judgement::Failed(failure);
            }
            if let Proof::Missing(progress) = prove(self.seen, self.work, primary, Some(going)) {
                return Judgement::Wait(format!("{bad} is being rolled back: {progress}"));
            }
        }
        Judgement::Wait(format!("{bad} is being rolled back ({})", going.status.word()))
    }

    /// Our deployment is the primary one: is it what runs?
    fn verify(self, primary: &Deployment, goes: Option<&ServiceDeployment>) -> Judgement<Do> {
        if let Some(goes) = goes
            && self.goes_to_target(goes)
            && (goes.status.is_rolling_back() || goes.status == DeploymentStatus::RollbackFailed)
        {
            return self.taken_away(primary, goes);
        }
        let proof = prove(self.seen, self.work, primary, goes);
        if let Proof::Complete(evidence) = proof {
            return self.holding(primary, goes, evidence);
        }
        if let Some(failure) = signs::failing(self.seen, primary, goes, self.since()) {
            return Judgement::Failed(self.with_remedies(failure));
        }
        match proof {
            Proof::Missing(tasks) => Judgement::Wait(waiting::progress(goes, tasks)),
            Proof::NoTasks => Judgement::Failed(inconclusive(
                format!(
                    "The service is asked to run 0 tasks, so nothing shows that {} works.",
                    short(&self.work.target)
                ),
                "Rollbot does not change the desired count. Set it, then retry.",
            )),
            Proof::OtherImage(what) => {
                Judgement::Failed(self.with_remedies(signs::failure(self.seen, primary, &what, None)))
            }
            Proof::Complete(evidence) => self.holding(primary, goes, evidence),
        }
    }

    fn holding(self, primary: &Deployment, goes: Option<&ServiceDeployment>, evidence: Vec<Evidence>) -> Judgement<Do> {
        Judgement::Holding {
            hold: HOLD,
            progress: format!(
                "all {} tasks of {} are up; seeing whether it stays so",
                self.seen.desired,
                short(&self.work.target)
            ),
            evidence,
            output: json!({
                "deployment": primary.id,
                "task_definition": primary.task_definition,
                "service_deployment": goes.map(|goes| &goes.arn),
            }),
        }
    }

    /// A service deployment of ours is there, but what it made is not the primary deployment.
    fn not_primary(self, made: &ServiceDeployment, last: &Past) -> Judgement<Do> {
        let newest = self.seen.service_deployments.first();
        if newest.is_some_and(|newest| newest.arn != made.arn) {
            return self.superseded();
        }
        if made.status.is_rolling_back()
            || (made.status.is_over() && ended_at(self.seen, made) != Some(&self.work.target))
        {
            return match self.seen.primary() {
                Some(primary) => self.taken_away(primary, made),
                None => self.superseded(),
            };
        }
        // The two reads are not of one moment: the list of deployments may lag behind.
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait("the deployment is about to appear".to_owned());
        }
        self.superseded()
    }

    /// ECS takes our deployment back, because it failed or because somebody stopped it.
    fn taken_away(self, primary: &Deployment, goes: &ServiceDeployment) -> Judgement<Do> {
        let target = short(&self.work.target);
        let back = goes.rolled_back_to.as_deref().and_then(|revision| self.seen.definition_of(revision));
        let back = back.unwrap_or(&primary.task_definition);
        let how = match &goes.status {
            status if status.is_rolling_back() => "is being rolled back by ECS",
            DeploymentStatus::RollbackFailed => "failed, and ECS could not roll it back",
            DeploymentStatus::Stopped => "was stopped",
            DeploymentStatus::Pending
            | DeploymentStatus::InProgress
            | DeploymentStatus::StopRequested
            | DeploymentStatus::RollbackRequested
            | DeploymentStatus::RollbackInProgress
            | DeploymentStatus::Successful
            | DeploymentStatus::RollbackSuccessful
            | DeploymentStatus::Other(_) => "was rolled back by ECS",
        };
        // The failed tasks are those of our deployment, which may not be listed any more.
        let ours = self.seen.deployments.iter().find(|other| other.task_definition == self.work.target);
        let ours = ours.cloned().unwrap_or_else(|| Deployment {
            id: self.deployment_of_target().unwrap_or_default(),
            ..Deployment::default()
        });
        let mut failure = signs::failure(
            self.seen,
            &ours,
            &format!("The deployment of {target} {how}, to {}", short(back)),
            goes.reason.clone(),
        );
        failure.advice = format!(
            "{} is on its way or runs now. Roll back to another release, or retry when the cause is gone.",
            short(back)
        );
        Judgement::Failed(failure)
    }

    /// ECS could not go back where the stopped deployment came from.
    fn rollback_failed(self, stopped: &ServiceDeployment) -> Failure {
        let primary = self.seen.primary().cloned().unwrap_or_default();
        let why = format!("ECS could not roll the deployment back to {}", short(&self.work.target));
        let mut failure = signs::failure(self.seen, &primary, &why, stopped.reason.clone());
        "Retry deploys the target anew. Look at the stopped tasks first.".clone_into(&mut failure.advice);
        failure
    }

    /// Somebody deployed over it.
    fn superseded(self) -> Judgement<Do> {
        let by = self.seen.primary().map_or_else(
            || "another deployment".to_owned(),
            |primary| format!("deployment {} of {}", primary.id, short(&primary.task_definition)),
        );
        Judgement::Failed(wrong(
            format!("The rollback to {} was superseded by {by}.", short(&self.work.target)),
            "Somebody or a pipeline deploys this service. Hold deployments back, then retry.",
        ))
    }

    /// The primary deployment, if the act `last` may have made it.
    fn made_by(self, last: &Past) -> Option<&'a Deployment> {
        let primary = self.seen.primary()?;
        let fresh = primary.created_at.is_some_and(|at| at >= self.earliest(last.at));
        (fresh && primary.task_definition == self.work.target).then_some(primary)
    }

    /// The newest service deployment to the target that may have been made by an act at this time.
    fn service_deployment_since(self, at: Timestamp) -> Option<&'a ServiceDeployment> {
        self.seen.service_deployments.iter().find(|made| {
            self.goes_to_target(made) && made.created_at.is_some_and(|created| created >= self.earliest(at))
        })
    }

    fn goes_to_target(self, deployment: &ServiceDeployment) -> bool {
        self.seen.definition_of(&deployment.target) == Some(&self.work.target)
    }

    /// The earliest time that AWS may give to what an act at `at` made.
    fn earliest(self, at: Timestamp) -> Timestamp {
        let skew = SignedDuration::try_from(self.now.pace.shrink(SKEW)).unwrap_or_default();
        at.checked_sub(skew).unwrap_or(at)
    }

    /// Whether a service deployment goes to the target, or went back to it.
    fn leads_to_target(self, deployment: &ServiceDeployment) -> bool {
        self.goes_to_target(deployment) || ended_at(self.seen, deployment) == Some(&self.work.target)
    }

    /// The id of the deployment that tasks of the target bear.
    fn deployment_of_target(self) -> Option<String> {
        let accepted = self.past.iter().rev().find_map(|entry| match &entry.outcome {
            Outcome::Accepted(Receipt::Updating { deployment }) => Some(deployment.clone()),
            Outcome::Accepted(Receipt::Stopping { .. } | Receipt::Registered { .. })
            | Outcome::Unknown
            | Outcome::Refused(_) => None,
        });
        accepted.or_else(|| {
            let mut tasks = self.seen.stopped.iter().filter(|task| task.task_definition == self.work.target);
            tasks.find_map(|task| task.started_by.clone())
        })
    }

    /// Since when signs of failure count: those that an earlier attempt failed by are still to be seen.
    fn since(self) -> Option<Timestamp> {
        (self.journal.attempt > 1).then_some(self.journal.began_at)
    }
}

fn wrong(why: String, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding: Finding::Wrong, advice: advice.to_owned(), remedies: Vec::new() }
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
