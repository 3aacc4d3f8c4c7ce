//! What follows from what was seen of a service under `CodeDeploy`, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | a deployment under way, to something else | `StopDeployment` with a rollback: the old tasks still run, so this is the fastest way back, and nothing can be deployed beside it |
//! | a deployment under way, to the target | adopt it |
//! | a rollback under way, by whomever | adopt it, and see where it ends |
//! | over, something else takes traffic | `CreateDeployment` of the target's `AppSpec` |
//! | over, the target takes traffic, but other images run, or other tasks may take traffic too | `CreateDeployment` |
//! | over, the target takes traffic | prove it |
//!
//! A deployment that succeeded proves nothing: what counts is the primary task set, that its tasks are the target's, and
//! that no other takes traffic. While `CodeDeploy` still keeps the old tasks for a while, that is proved by the weights.
//!
//! `CreateDeployment` has no token: a deployment whose outcome is unknown is found by its description, which bears the
//! act's key. A second stop of a stopped deployment is refused, and changes nothing.

use std::time::Duration;

use serde_json::json;

use super::super::inventory::short;
use super::super::observe::Deployment;
use super::super::proof::{Proof, prove, runs_other_images};
use super::super::signs;
use super::act::{self, Do, Receipt, description};
use super::app_spec::AppSpec;
use super::deployments::{CodeDeployment, Status};
use super::observe::{self, Blue, Sight};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::incident::work::{EcsCodeDeploy, EcsService, Registration};
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long an act may take to be seen: a deployment is listed a second or more after it was made, and the rollback of a
/// stopped one is named some seconds after the stop.
const SETTLE: Duration = Duration::from_secs(15);
/// For how long the proof has to hold: long enough for a second look of the load balancer's health checks.
const HOLD: Duration = Duration::from_secs(10);
/// How often the same act is tried in one attempt when AWS refuses it or leaves no trace of it.
const TRIES: usize = 3;

type Past = Entry<Do, Receipt>;

impl StepKind for EcsCodeDeploy {
    type Seen = Sight;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<Self::Seen, AwsError> {
        observe::observe(aws, self, journal).await
    }

    fn judge(&self, seen: &Self::Seen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, &seen.blue, seen.registered.as_deref(), journal, now)
    }

    /// A deployment that we have stopped and that is not taken back leaves both versions with a part of the traffic.
    fn completes(&self, what: &Do, seen: &Sight, journal: &StepJournal<'_>) -> bool {
        let is_left = |newest: &CodeDeployment| matches!(newest.status, Status::Stopped | Status::Failed);
        match what {
            Do::Register { .. } | Do::Create { .. } => {
                seen.blue.deployments.first().is_some_and(is_left)
                    && journal.may_have_done(|done: &Do| matches!(done, Do::Stop { .. }))
            }
            Do::Stop { .. } => false,
        }
    }

    async fn act(&self, aws: &Aws, what: &Do, key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, what, key).await
    }
}

/// What follows from `seen`. `found` is the revision that an act of unknown outcome registered, if it was found.
pub fn judge(
    work: &EcsCodeDeploy,
    seen: &Blue,
    found: Option<&str>,
    journal: &StepJournal<'_>,
    now: Now,
) -> Judgement<Do> {
    if seen.service.status != "ACTIVE" {
        return Judgement::Failed(wrong(
            format!("The service is {}.", seen.service.status),
            "It was deleted while it was being rolled back. Create it anew.",
        ));
    }
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(inconclusive(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                "Look in CodeDeploy at what the newest deployment is. Retry judges afresh.",
            ));
        }
    };
    let past: Vec<&Past> = entries.iter().filter(|entry| entry.attempt == journal.attempt).collect();
    let registered = registered(&entries).or(found);
    let resolved = registered
        .map(|arn| EcsService { target: arn.to_owned(), register: None, ..work.ecs.clone() })
        .map(|ecs| EcsCodeDeploy { ecs, ..work.clone() });
    let case = Case { work: resolved.as_ref().unwrap_or(work), seen, journal, now, past: &past };
    match past.last() {
        None => case.afresh(),
        Some(last) => match &last.outcome {
            Outcome::Refused(why) => case.after_refusal(last, why),
            Outcome::Unknown => case.after_silence(last),
            Outcome::Accepted(Receipt::Stopping { deployment }) => case.after_stop(deployment, last),
            Outcome::Accepted(Receipt::Registered { .. }) => case.afresh(),
            Outcome::Accepted(Receipt::Created { deployment }) => case.after_creation(deployment, last),
        },
    }
}

/// The revision that this step has registered, in whichever attempt.
fn registered(entries: &[Past]) -> Option<&str> {
    entries.iter().rev().find_map(|entry| match &entry.outcome {
        Outcome::Accepted(Receipt::Registered { task_definition }) => Some(task_definition.as_str()),
        Outcome::Accepted(Receipt::Stopping { .. } | Receipt::Created { .. })
        | Outcome::Unknown
        | Outcome::Refused(_) => None,
    })
}

/// One judgement's facts.
#[derive(Clone, Copy)]
struct Case<'a> {
    work: &'a EcsCodeDeploy,
    seen: &'a Blue,
    journal: &'a StepJournal<'a>,
    now: Now,
    past: &'a [&'a Past],
}

impl<'a> Case<'a> {
    /// From the state alone.
    fn afresh(self) -> Judgement<Do> {
        let newest = self.newest();
        if let Some(going) = newest.filter(|newest| newest.status.is_under_way()) {
            if going.rollback_of.is_some() {
                return self.adopt_rollback(going);
            }
            return match self.goes_to(going) {
                Some(goes_to) if goes_to == self.target() => self.verify(Some(going)),
                Some(_) => Judgement::Act(Do::Stop { deployment: going.id.clone() }),
                None => Judgement::Wait(format!("looking what deployment {} goes to", going.id)),
            };
        }
        if let Some(newest) = newest
            && let Some(rollback) = &newest.rolled_back_by
            && self.seen.deployment(rollback).is_none()
        {
            return Judgement::Wait(format!("{} is being rolled back; {rollback} is about to appear", newest.id));
        }
        let Some(primary) = self.seen.primary().filter(|primary| primary.task_definition == self.target()) else {
            return self.create();
        };
        // Where a deployment ended without a rollback, its tasks may still be up and take a part of the traffic.
        let gave_up = newest.is_some_and(|newest| matches!(newest.status, Status::Stopped | Status::Failed));
        let others = self.seen.service.deployments.iter().any(|other| other.id != primary.id && other.running > 0);
        if (gave_up && others) || runs_other_images(&self.seen.service, &self.work.ecs) {
            return self.create();
        }
        self.verify(newest.filter(|newest| self.goes_to(newest) == Some(self.target())))
    }

    fn create(self) -> Judgement<Do> {
        if let Some(Registration { like, images }) = &self.work.ecs.register {
            return Judgement::Act(Do::Register {
                like: like.clone(),
                images: images.clone(),
                instead_of: self.work.ecs.from.clone(),
            });
        }
        let Some(spec) = AppSpec::read(&self.work.app_spec).and_then(|spec| spec.with(self.target())) else {
            return Judgement::Failed(wrong(
                format!("The AppSpec of the plan cannot be made to name {}.", short(self.target())),
                "Make the deployment in CodeDeploy by hand, then retry.",
            ));
        };
        Judgement::Act(Do::Create {
            application: self.work.application.clone(),
            group: self.work.group.clone(),
            task_definition: spec.task_definition,
            app_spec: spec.content,
        })
    }

    fn after_refusal(self, last: &Past, why: &str) -> Judgement<Do> {
        let next = self.afresh();
        let Judgement::Act(what) = &next else { return next };
        if *what != last.what {
            return next;
        }
        let hopeless = matches!(
            AwsError::class_of_sentence(why),
            Some(ErrorClass::Denied | ErrorClass::Invalid | ErrorClass::NotFound)
        );
        let tries = self.past.iter().filter(|entry| entry.what == *what).count();
        if hopeless || tries >= TRIES {
            return Judgement::Failed(wrong(
                format!("{why}."),
                "Nothing was changed by this. Remove the cause and retry.",
            ));
        }
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait(format!("{why}; looking again before the next try"));
        }
        next
    }

    /// The outcome of the last act is not known: its effect is looked for.
    fn after_silence(self, last: &Past) -> Judgement<Do> {
        match &last.what {
            Do::Stop { deployment } => {
                let stopped = self.seen.deployment(deployment);
                if stopped.is_some_and(|stopped| !stopped.status.is_under_way() || stopped.rolled_back_by.is_some()) {
                    return self.after_stop(deployment, last);
                }
            }
            Do::Register { .. } => {
                if self.work.ecs.register.is_none() {
                    return self.afresh();
                }
            }
            Do::Create { .. } => {
                let wanted = description(&self.journal.key_of(last.number));
                let mut made = self.seen.deployments.iter();
                if let Some(made) = made.find(|made| made.description.as_deref() == Some(wanted.as_str())) {
                    return self.after_creation(&made.id, last);
                }
            }
        }
        if self.now.elapsed(last.at) < SETTLE {
            return Judgement::Wait(format!("looking whether {} took place", last.what.sentence()));
        }
        let silent =
            self.past.iter().filter(|entry| entry.outcome == Outcome::Unknown && entry.what == last.what).count();
        if silent >= TRIES {
            return Judgement::Failed(inconclusive(
                format!(
                    "{} was sent {silent} times without an answer, and no effect of it can be seen.",
                    last.what.sentence()
                ),
                "Look in CodeDeploy whether a deployment to the target is under way. Retry looks afresh and tries again.",
            ));
        }
        self.afresh()
    }

    /// What has become of a deployment that was stopped.
    fn after_stop(self, deployment: &str, last: &Past) -> Judgement<Do> {
        let Some(stopped) = self.seen.deployment(deployment) else { return self.afresh() };
        if let Some(rollback) = &stopped.rolled_back_by {
            let Some(rollback) = self.seen.deployment(rollback) else {
                return Judgement::Wait(format!("{deployment} is stopped; its rollback {rollback} is about to begin"));
            };
            return match rollback.status {
                Status::Failed | Status::Stopped => Judgement::Failed(self.gave_up(
                    rollback,
                    &format!(
                        "CodeDeploy could not take {deployment} back: {} is {}",
                        rollback.id,
                        rollback.status.word()
                    ),
                )),
                Status::Created
                | Status::Queued
                | Status::InProgress
                | Status::Baking
                | Status::Ready
                | Status::Succeeded
                | Status::Other(_) => self.after_rollback(rollback),
            };
        }
        if stopped.status.is_under_way() || (stopped.status == Status::Stopped && self.now.elapsed(last.at) < SETTLE) {
            return Judgement::Wait("CodeDeploy has accepted the stop; the rollback is about to begin".to_owned());
        }
        // It ended before the stop took hold, or without a rollback.
        self.afresh()
    }

    /// The rollback of the deployment that was stopped goes on or has succeeded.
    fn after_rollback(self, rollback: &CodeDeployment) -> Judgement<Do> {
        let newest = self.newest();
        if newest.is_some_and(|newest| newest.id != rollback.id && newest.created_at > rollback.created_at) {
            return self.afresh_or_superseded(newest);
        }
        if rollback.status.is_under_way() { self.adopt_rollback(rollback) } else { self.afresh() }
    }

    /// What has become of a deployment that we made.
    fn after_creation(self, deployment: &str, last: &Past) -> Judgement<Do> {
        let Some(made) = self.seen.deployment(deployment) else {
            return if self.now.elapsed(last.at) < SETTLE {
                Judgement::Wait(format!("CodeDeploy has made {deployment}; it is about to appear"))
            } else {
                Judgement::Failed(inconclusive(
                    format!("CodeDeploy made {deployment}, and does not know it any more."),
                    "Look in CodeDeploy at the deployment group. Retry judges afresh.",
                ))
            };
        };
        match made.status {
            Status::Failed | Status::Stopped => {
                let back = made.rolled_back_by.as_ref().map(|id| format!(", and CodeDeploy takes it back ({id})"));
                let how = if made.status == Status::Failed { "failed" } else { "was stopped" };
                let name = short(self.target());
                Judgement::Failed(
                    self.gave_up(
                        made,
                        &format!("The deployment {} of {name} {how}{}", made.id, back.unwrap_or_default()),
                    ),
                )
            }
            Status::Created
            | Status::Queued
            | Status::InProgress
            | Status::Baking
            | Status::Ready
            | Status::Succeeded
            | Status::Other(_) => match self.newest() {
                Some(newest) if newest.id != made.id && newest.created_at > made.created_at => {
                    self.afresh_or_superseded(Some(newest))
                }
                _ => self.verify(Some(made)),
            },
        }
    }

    /// Something newer is there: it is ours only if it goes to the target.
    fn afresh_or_superseded(self, newest: Option<&CodeDeployment>) -> Judgement<Do> {
        match newest {
            Some(newest) if self.goes_to(newest) == Some(self.target()) => self.verify(Some(newest)),
            Some(newest) => {
                let to = self.goes_to(newest).map_or_else(String::new, |to| format!(" of {}", short(to)));
                Judgement::Failed(wrong(
                    format!("The rollback to {} was superseded by deployment {}{to}.", short(self.target()), newest.id),
                    "Somebody or a pipeline deploys this service. Hold deployments back, then retry.",
                ))
            }
            None => self.afresh(),
        }
    }

    /// A rollback is under way, by whomever: adopt it, as soon as the target takes all traffic.
    fn adopt_rollback(self, rollback: &CodeDeployment) -> Judgement<Do> {
        let of = rollback.rollback_of.as_deref().unwrap_or("the deployment");
        let is_back = self.seen.primary().is_some_and(|primary| primary.task_definition == self.target());
        if is_back && self.shifted() {
            return self.verify(Some(rollback));
        }
        Judgement::Wait(format!("{of} is being rolled back by {} ({})", rollback.id, rollback.status.word()))
    }

    /// The target is what takes traffic, or is on its way there: is it what runs?
    fn verify(self, goes: Option<&CodeDeployment>) -> Judgement<Do> {
        let name = short(self.target());
        let under_way = goes.filter(|goes| goes.status.is_under_way());
        let primary = self.seen.primary().filter(|primary| primary.task_definition == self.target());
        let Some(primary) = primary.filter(|_| under_way.is_none() || self.shifted()) else {
            return match under_way {
                Some(goes) => self.on_the_way(goes),
                None => Judgement::Wait(format!("the tasks of {name} are about to take over")),
            };
        };
        let proof = prove(&self.seen.service, &self.work.ecs, primary, None);
        if let Proof::Complete(evidence) = proof {
            return self.holding(primary, goes, evidence);
        }
        if let Some(failure) = signs::failing(&self.seen.service, primary, None, self.since()) {
            return Judgement::Failed(failure);
        }
        match proof {
            Proof::Missing(progress) => Judgement::Wait(progress),
            Proof::NoTasks => Judgement::Failed(inconclusive(
                format!("The service is asked to run 0 tasks, so nothing shows that {name} works."),
                "Rollbot does not change the desired count. Set it, then retry.",
            )),
            Proof::OtherImage(what) => Judgement::Failed(signs::failure(&self.seen.service, primary, &what, None)),
            Proof::Complete(evidence) => self.holding(primary, goes, evidence),
        }
    }

    /// A deployment to the target whose tasks do not yet take all traffic.
    fn on_the_way(self, goes: &CodeDeployment) -> Judgement<Do> {
        let name = short(self.target());
        let Some(set) = self.seen.made_by(&goes.id) else {
            return Judgement::Wait(format!("{} of {name} is {}", goes.id, goes.status.word()));
        };
        let set = &set.as_deployment;
        if let Some(failure) = signs::failing(&self.seen.service, set, None, self.since()) {
            return Judgement::Failed(failure);
        }
        if goes.status == Status::Ready {
            return Judgement::Wait(format!(
                "{} tasks of {name} are up; somebody has to continue {} in CodeDeploy before traffic is rerouted",
                set.running, goes.id
            ));
        }
        let share = self.seen.traffic.get(&set.id).copied().unwrap_or_default();
        Judgement::Wait(format!(
            "{} of {} tasks of {name} running, {share} % of the traffic goes to them",
            set.running, self.seen.service.desired
        ))
    }

    fn holding(self, primary: &Deployment, goes: Option<&CodeDeployment>, proof: Vec<Evidence>) -> Judgement<Do> {
        let mut evidence = vec![Evidence::new(format!(
            "Task set {} of {} is the primary one and steady.",
            primary.id, primary.task_definition
        ))];
        if let Some(goes) = goes {
            evidence.push(Evidence::new(format!(
                "CodeDeploy deployment {} stands at {}.",
                goes.id,
                goes.status.word()
            )));
            if goes.status.is_under_way() {
                let share = self.seen.traffic.get(&primary.id).copied().unwrap_or_default();
                evidence.push(Evidence::new(format!("{share} % of the traffic goes to this task set.")));
            }
        }
        let tasks = self.seen.service.health.tasks.len();
        evidence.push(Evidence::new(format!("{tasks} of {} tasks of it run.", self.seen.service.desired)));
        for kept in self.seen.task_sets.iter().map(|set| &set.as_deployment) {
            if kept.id != primary.id && kept.running > 0 {
                evidence.push(Evidence::new(format!(
                    "CodeDeploy keeps {} tasks of {} for a while; they take no traffic.",
                    kept.running,
                    short(&kept.task_definition)
                )));
            }
        }
        // The first two sentences of the proof are about a deployment of ECS, which there is none of here.
        evidence.extend(proof.into_iter().skip(2));
        Judgement::Holding {
            hold: HOLD,
            progress: format!(
                "all {} tasks of {} are up; seeing whether it stays so",
                self.seen.service.desired,
                short(self.target())
            ),
            evidence,
            output: json!({
                "deployment": primary.id,
                "task_definition": primary.task_definition,
                "code_deployment": goes.map(|goes| &goes.id),
            }),
        }
    }

    /// `CodeDeploy` has given a deployment up: with what it and ECS say of it.
    fn gave_up(self, deployment: &CodeDeployment, why: &str) -> Failure {
        let set = self.seen.made_by(&deployment.id).map(|set| set.as_deployment.clone());
        // The task set may be gone already; its tasks are those of the target.
        let mut stopped = self.seen.service.stopped.iter().filter(|task| task.task_definition == self.target());
        let ours = set.unwrap_or_else(|| Deployment {
            id: stopped.find_map(|task| task.started_by.clone()).unwrap_or_default(),
            ..Deployment::default()
        });
        signs::failure(&self.seen.service, &ours, why, deployment.error.clone())
    }

    fn newest(self) -> Option<&'a CodeDeployment> {
        self.seen.deployments.first()
    }

    fn target(&self) -> &'a str {
        &self.work.ecs.target
    }

    fn goes_to(self, deployment: &CodeDeployment) -> Option<&'a str> {
        self.seen.definitions.get(&deployment.id).map(String::as_str)
    }

    /// Whether the primary task set takes all traffic in the deployment under way.
    fn shifted(self) -> bool {
        let Some(primary) = self.seen.primary() else { return false };
        let others = self.seen.traffic.iter().filter(|(id, _)| **id != primary.id);
        self.seen.traffic.get(&primary.id) == Some(&100) && others.map(|(_, share)| share).all(|share| *share == 0)
    }

    /// Since when signs of failure count: those that an earlier attempt failed by are still to be seen.
    fn since(self) -> Option<jiff::Timestamp> {
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
