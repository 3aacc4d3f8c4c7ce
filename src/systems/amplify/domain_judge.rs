//! What follows from what was seen of a domain, and from what was done so far. Pure.
//!
//! | what was seen | what follows |
//! |---|---|
//! | something else of what is rewritten has changed since the plan, or what the branch shows has | fail: what was approved is not what would be written |
//! | the name leads to the branch, and the domain is ready | done |
//! | the name leads to the branch; the domain is being changed | wait |
//! | the name leads to the branch, and that change failed in this attempt | fail, with AWS's words |
//! | the same, and it failed before this attempt | `UpdateDomainAssociation` with everything once more: nothing else starts it again |
//! | the domain is being changed otherwise | wait |
//! | the name leads where it led before, and after an order the domain says that a change failed | fail |
//! | the name leads where it led before | `UpdateDomainAssociation` with everything that was seen and this one change |
//!
//! The call says how everything shall be, so one whose reply was lost is looked for a while and then made again, unless
//! the domain says that a change has failed.

use std::time::Duration;

use serde_json::json;

use super::domain::{self, DomainSeen, DomainStand, Shown};
use super::domain_act::{self, DomainDo, DomainReceipt};
use super::job::{Job, number};
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::{DomainRoute, host};
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Entry, Judgement, Outcome, StepJournal, StepKind};

/// How long a change may take to show, also one whose reply was lost.
const SETTLE: Duration = Duration::from_secs(30);
/// How long after an order a domain that looks ready may still show its statuses from before.
const STALE: Duration = Duration::from_secs(5);

type Past = Entry<DomainDo, DomainReceipt>;

impl StepKind for DomainRoute {
    type Seen = DomainSeen;
    type Do = DomainDo;
    type Receipt = DomainReceipt;

    async fn observe(&self, aws: &Aws, _journal: &StepJournal<'_>) -> Result<DomainSeen, AwsError> {
        domain::seen(aws, &self.app, &self.domain, &self.to).await
    }

    fn judge(&self, seen: &DomainSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<DomainDo> {
        judge(self, seen, journal, now)
    }

    async fn act(&self, aws: &Aws, what: &DomainDo, _key: &str) -> Result<Acted<DomainReceipt>, AwsError> {
        domain_act::act(aws, what).await
    }
}

/// What follows from the domain.
pub fn judge(work: &DomainRoute, seen: &DomainSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<DomainDo> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return fail(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the domain in the Amplify console. Retry judges afresh.",
            );
        }
    };
    if let Some(why) = drift(work, seen) {
        return fail(why, Finding::Wrong, "Stop, and ask again: the new plan shows how everything is now.");
    }
    let association = &seen.association;
    let last = entries.iter().rev().find(|entry| entry.attempt == journal.attempt);
    let since = last.map(|last| now.elapsed(last.at));
    let words = association.words();
    if association.settings.branch_of(&work.prefix) == Some(work.to.as_str()) {
        return match association.stand() {
            DomainStand::Ready if since.is_some_and(|since| since < STALE) => {
                Judgement::Wait(format!("waiting for Amplify to show the change of {}", work.domain))
            }
            DomainStand::Ready => done(work, seen),
            DomainStand::Busy => Judgement::Wait(format!("{} is being changed: {words}", work.domain)),
            DomainStand::Failed => match (last.map(|last| &last.outcome), since) {
                (Some(Outcome::Accepted(_) | Outcome::Unknown), Some(since)) if since < SETTLE => {
                    Judgement::Wait(format!("waiting for Amplify to begin the change of {} anew", work.domain))
                }
                (Some(Outcome::Accepted(_) | Outcome::Unknown), _) => not_changed(work, seen),
                (Some(Outcome::Refused(_)) | None, _) => update(work, seen),
            },
        };
    }
    match (association.stand(), last.map(|last| &last.outcome), since) {
        (_, Some(Outcome::Accepted(_) | Outcome::Unknown), Some(since)) if since < SETTLE => {
            Judgement::Wait(format!("waiting for Amplify to show the change of {}", work.domain))
        }
        (DomainStand::Busy, _, _) => {
            Judgement::Wait(format!("{} is being changed, and not by Rollbot: {words}", work.domain))
        }
        // Whether it is that order that failed, nobody can say; to order it again is for a person to decide.
        (DomainStand::Failed, Some(Outcome::Accepted(_) | Outcome::Unknown), _) => not_changed(work, seen),
        (DomainStand::Ready, Some(Outcome::Accepted(_)), _) => fail(
            format!("Amplify accepted the change, and {} leads to {} again.", work.host(), work.from),
            Finding::Wrong,
            "Find out who changes the domain. Retry leads it there once more.",
        ),
        (DomainStand::Ready, Some(Outcome::Unknown), _)
        | (DomainStand::Ready | DomainStand::Failed, Some(Outcome::Refused(_)) | None, _) => update(work, seen),
    }
}

/// Writes everything as it was seen, with the name leading to the branch.
fn update(work: &DomainRoute, seen: &DomainSeen) -> Judgement<DomainDo> {
    let settings = seen.association.settings.with(&work.prefix, &work.to);
    Judgement::Act(DomainDo::Update { app: work.app.clone(), domain: work.domain.clone(), settings })
}

fn not_changed(work: &DomainRoute, seen: &DomainSeen) -> Judgement<DomainDo> {
    let association = &seen.association;
    let details = Some(association.reason.clone()).filter(|reason| !reason.is_empty());
    Judgement::Failed(Failure {
        why: format!("The change of {} failed: {}.", work.domain, association.words()),
        details: details.into_iter().collect(),
        finding: Finding::Wrong,
        advice:
            "AWS's words say why. Correct that in the Amplify console, then Retry: it sends the whole change again."
                .to_owned(),
        remedies: Vec::new(),
    })
}

/// What has changed since the plan of everything that would be written, or of what visitors would get. Another name that
/// went the same way meanwhile is no drift: one plan may lead several names of a domain.
fn drift(work: &DomainRoute, seen: &DomainSeen) -> Option<String> {
    let (planned, now) = (&work.settings, &seen.association.settings);
    let leads = |prefix: &str, branch: Option<&str>| {
        let name = host(prefix, &work.domain);
        branch.map_or(format!("{name} is gone"), |branch| format!("{name} leads to {branch}"))
    };
    for name in &planned.names {
        let branch = now.branch_of(&name.prefix);
        let moved = name.branch == work.from && branch == Some(work.to.as_str());
        if branch != Some(name.branch.as_str()) && !moved {
            return Some(format!(
                "The names of {} have changed since the plan: {} now.",
                work.domain,
                leads(&name.prefix, branch)
            ));
        }
    }
    if let Some(fresh) = now.names.iter().find(|name| planned.branch_of(&name.prefix).is_none()) {
        return Some(format!(
            "The names of {} have changed since the plan: {} now.",
            work.domain,
            leads(&fresh.prefix, Some(&fresh.branch))
        ));
    }
    let rest = |settings: &crate::incident::amplify::DomainSettings| {
        (settings.auto_names, settings.auto_patterns.clone(), settings.auto_role.clone(), settings.certificate.clone())
    };
    if rest(planned) != rest(now) {
        return Some(format!("The certificate or the automatic names of {} have changed since the plan.", work.domain));
    }
    let shows = seen.to.as_ref().and_then(Shown::good);
    match (&seen.to, shows) {
        (None, _) => Some(format!("There is no branch {} any more.", work.to)),
        (Some(_), Some(job)) if job.number() == number(&work.shows) => None,
        (Some(to), _) => Some(format!(
            "Branch {} shows {} now, and not job {} as when the plan was made.",
            work.to,
            to.job.as_ref().map_or_else(|| "nothing".to_owned(), Job::whole),
            work.shows
        )),
    }
}

fn done(work: &DomainRoute, seen: &DomainSeen) -> Judgement<DomainDo> {
    let shows = seen.to.as_ref().and_then(Shown::good).map(Job::whole).unwrap_or_default();
    let settings = &seen.association.settings;
    let evidence = vec![
        Evidence::new(format!(
            "{} leads to branch {}, which shows {shows}; the domain is {}.",
            work.host(),
            work.to,
            seen.association.words()
        )),
        Evidence::new(format!("All names: {}.", settings.words(&work.domain))),
    ];
    Judgement::Done { evidence, output: json!({ "branch": work.to, "job": work.shows }) }
}

fn fail(why: String, finding: Finding, advice: &str) -> Judgement<DomainDo> {
    Judgement::Failed(Failure { why, details: Vec::new(), finding, advice: advice.to_owned(), remedies: Vec::new() })
}
