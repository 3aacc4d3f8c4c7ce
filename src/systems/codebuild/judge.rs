//! What follows from what was seen of a project's builds, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | no build of ours, another one goes on | wait: two deployments at once would fight |
//! | no build of ours | `StartBuild` of the commit |
//! | ours goes on | wait; its phase is the progress |
//! | ours did not succeed | fail, with what its phases say and the log |
//! | ours succeeded, with the commit that was asked for, and none has been started since | done |
//!
//! A `StartBuild` whose reply was lost is looked for as a build of the same version that began since, and sent again with
//! the same token while `CodeBuild` remembers that.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::act::{self, Do, Receipt};
use super::inventory::{Build, short};
use super::look;
use crate::aws::{Aws, AwsError};
use crate::incident::build::CommitBuild;
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long a build may take to be listed.
const SETTLE: Duration = Duration::from_secs(30);
/// For how long the same token is sent again. `CodeBuild` remembers it for five minutes.
const TOKEN_LASTS: Duration = Duration::from_mins(4);
/// How far AWS's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// How many builds are looked at: ours is among the newest.
const BUILDS: usize = 20;

type Past = Entry<Do, Receipt>;

impl StepKind for CommitBuild {
    type Seen = Vec<Build>;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, _journal: &StepJournal<'_>) -> Result<Vec<Build>, AwsError> {
        look::builds(aws, &self.project, BUILDS).await
    }

    fn judge(&self, seen: &Vec<Build>, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(self, seen, journal, now)
    }

    async fn act(&self, aws: &Aws, what: &Do, _key: &str) -> Result<Acted<Receipt>, AwsError> {
        act::act(aws, what).await
    }
}

/// What follows from the builds, newest first.
pub fn judge(work: &CommitBuild, builds: &[Build], journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(failure(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the project's builds in the AWS console. Retry judges afresh.",
            ));
        }
    };
    let of_id = |id: &str| builds.iter().find(|build| build.id == id);
    let last = entries.iter().rev().find(|entry| entry.attempt == journal.attempt);
    match last.map(|last| (last, &last.outcome)) {
        None => {
            // A build that an earlier attempt began may still go on.
            let earlier = entries.iter().rev().find_map(|entry| match &entry.outcome {
                Outcome::Accepted(receipt) => of_id(&receipt.build).filter(|build| build.goes_on()),
                Outcome::Unknown | Outcome::Refused(_) => None,
            });
            match earlier {
                Some(ours) => follow(work, builds, ours),
                None => afresh(work, builds, journal, entries.len()),
            }
        }
        Some((_, Outcome::Refused(_))) => afresh(work, builds, journal, entries.len()),
        Some((last, Outcome::Accepted(receipt))) => match of_id(&receipt.build) {
            Some(ours) => follow(work, builds, ours),
            None if now.elapsed(last.at) < SETTLE => {
                Judgement::Wait("the build has begun and is about to be listed".to_owned())
            }
            None => Judgement::Failed(failure(
                format!("{} accepted the order, and does not list the build among its newest.", work.project),
                Finding::Inconclusive,
                "Look at the project's builds in the AWS console. Retry orders one anew.",
            )),
        },
        Some((last, Outcome::Unknown)) => {
            let earliest = last.at.checked_sub(SKEW).unwrap_or(last.at);
            let ours = builds.iter().rev().find(|build| {
                build.asked.as_deref() == Some(&work.commit) && build.started_at.is_some_and(|at| at >= earliest)
            });
            match ours {
                Some(ours) => follow(work, builds, ours),
                None if now.elapsed(last.at) < TOKEN_LASTS => Judgement::Act(last.what.clone()),
                None => Judgement::Failed(failure(
                    format!(
                        "Nobody can tell whether the build of {} was started: its reply was lost.",
                        short(&work.commit)
                    ),
                    Finding::Inconclusive,
                    "Look at the project's builds in the AWS console. Retry starts one.",
                )),
            }
        }
    }
}

fn afresh(work: &CommitBuild, builds: &[Build], journal: &StepJournal<'_>, acts: usize) -> Judgement<Do> {
    if let Some(other) = builds.iter().find(|build| build.goes_on()) {
        let commit = other.commit().map(|commit| format!(" of {}", short(commit))).unwrap_or_default();
        return Judgement::Wait(format!("{}{commit} is under way; two deployments at once would fight", other.name()));
    }
    let number = u32::try_from(acts).unwrap_or(u32::MAX).saturating_add(1);
    Judgement::Act(Do::StartBuild {
        project: work.project.clone(),
        source_version: work.commit.clone(),
        token: journal.key_of(number),
    })
}

fn follow(work: &CommitBuild, builds: &[Build], ours: &Build) -> Judgement<Do> {
    let log = ours.log.as_ref();
    match ours.status.as_str() {
        "IN_PROGRESS" => {
            let phase = ours.phase.as_deref().unwrap_or("SUBMITTED");
            let log = log.map(|log| format!(" (log: {log})")).unwrap_or_default();
            Judgement::Wait(format!("{} of {}: {phase}{log}", ours.name(), short(&work.commit)))
        }
        "SUCCEEDED" => proof(work, builds, ours),
        status => {
            let how = match status {
                "FAILED" => "failed",
                "FAULT" => "broke off on AWS's side",
                "TIMED_OUT" => "ran out of time",
                "STOPPED" => "was stopped by somebody",
                other => other,
            };
            let mut failure = failure(
                format!("{} of {} {how}.", capital(&ours.name()), short(&work.commit)),
                Finding::Wrong,
                "What it had deployed by then stays: look at the log and at what runs. Retry starts another build.",
            );
            failure.details.clone_from(&ours.errors);
            failure.details.extend(log.map(|log| format!("Log: {log}")));
            Judgement::Failed(failure)
        }
    }
}

fn proof(work: &CommitBuild, builds: &[Build], ours: &Build) -> Judgement<Do> {
    let mut wrong = None;
    if !ours.built(&work.commit) {
        wrong = Some(match &ours.resolved {
            Some(other) => format!("it built {} and not {}", short(other), short(&work.commit)),
            None => "CodeBuild does not say which commit it built".to_owned(),
        });
    } else if let Some(newer) = builds.iter().find(|build| build.number > ours.number && build.status != "STOPPED") {
        let commit = newer.commit().map(|commit| format!(" of {}", short(commit))).unwrap_or_default();
        wrong = Some(format!("{}{commit} has been started since", newer.name()));
    }
    if let Some(wrong) = wrong {
        let mut failure = failure(
            format!("{} succeeded, but {wrong}.", capital(&ours.name())),
            if ours.resolved.is_none() { Finding::Inconclusive } else { Finding::Wrong },
            "Hold deployments back, then Retry: it starts another build.",
        );
        failure.details.extend(ours.log.iter().map(|log| format!("Log: {log}")));
        return Judgement::Failed(failure);
    }
    let mut evidence = vec![Evidence::new(format!(
        "{} of {} succeeded, with {}.",
        capital(&ours.name()),
        work.project,
        ours.resolved.as_deref().unwrap_or_default()
    ))];
    evidence.extend(ours.log.iter().map(|log| Evidence::new(format!("Log: {log}"))));
    Judgement::Done { evidence, output: json!({"build": ours.id, "commit": ours.resolved, "log": ours.log}) }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn failure(why: String, finding: Finding, advice: &str) -> Failure {
    Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() }
}
