//! What follows from what was seen of a static site, and from what was done so far. Pure.
//!
//! Objects, in this order:
//!
//! | what was seen | what follows |
//! |---|---|
//! | a live object is neither as the plan found it nor as it wants it | fail: somebody else wrote it |
//! | objects to be copied are not there | `CopyObject` of the next portion; pages after assets |
//! | everything is copied, and `CloudFront` was not told since | `CreateInvalidation` |
//! | the invalidation goes on | wait |
//! | it is completed, and objects to be deleted are there | `DeleteObjects` of the next portion |
//! | nothing is left | done |
//!
//! A switch of the origin path is the same with `UpdateDistribution` in the place of the copies. A lost reply of a portion
//! needs no search: the next listing says what is there. A lost `UpdateDistribution` is told by the path, and may be sent
//! again because it names the `ETag` that it changes. A lost `CreateInvalidation` is looked for by its reference.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::act::{self, Do, Receipt};
use super::inventory::{Distribution, Enabled};
use super::manifest::Manifest;
use super::observe::{self, Past, SKEW, SiteSeen, last_invalidation};
use super::order::is_page;
use super::progress::{Progress, next_batch, places, progress, ranges, upto};
use super::proof;
use super::refusals::{failure, of_undone};
use crate::aws::{Aws, AwsError};
use crate::incident::site::{DELETES, ObjectCopies, OriginPath, SiteWay, SiteWork, number};
use crate::incident::step::{Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Acted, Judgement, News, Outcome, StepJournal, StepKind};

/// How long to leave a lost act alone before it is looked for: `CloudFront` lists an invalidation within seconds.
const SETTLE: Duration = Duration::from_secs(10);
/// How long to leave a portion alone of which nobody knows how far it came: what was on its way to S3 is there by then, and
/// is not copied twice.
const IN_FLIGHT: Duration = Duration::from_secs(3);
/// How long to wait after a portion of which something was throttled.
const PAUSE: Duration = Duration::from_secs(5);
/// How many portions in a row may fail in part before a person is asked. What S3 throttles passes within seconds.
const IN_A_ROW: usize = 4;

/// A step that takes a static site back, with the list of its objects where it has one.
#[derive(Debug, Clone, Copy)]
pub struct SiteStep<'a> {
    /// What is done.
    pub work: &'a SiteWork,
    /// The list of objects, from the store.
    pub manifest: Option<&'a Manifest>,
}

impl StepKind for SiteStep<'_> {
    type Seen = SiteSeen;
    type Do = Do;
    type Receipt = Receipt;

    async fn observe(&self, aws: &Aws, journal: &StepJournal<'_>) -> Result<SiteSeen, AwsError> {
        Box::pin(observe::observe(aws, self.work, self.manifest, journal)).await
    }

    fn judge(&self, seen: &SiteSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
        judge(*self, seen, journal, now)
    }

    /// Half a copy is worse than either site, and a switch of which `CloudFront` was not told is seen by some and not by
    /// others. A switch that did not take place has begun nothing.
    fn completes(&self, what: &Do, _seen: &SiteSeen, journal: &StepJournal<'_>) -> bool {
        match what {
            Do::CopyObject { .. } | Do::DeleteObjects { .. } | Do::CreateInvalidation { .. } => {
                journal.may_have_done(|_: &Do| true)
            }
            Do::UpdateDistribution { .. } => false,
        }
    }

    fn news(&self, _seen: &SiteSeen, journal: &StepJournal<'_>) -> Vec<News> {
        self.manifest.map_or_else(Vec::new, |manifest| proof::news(manifest, journal))
    }

    async fn act(&self, aws: &Aws, what: &Do, _key: &str) -> Result<Acted<Receipt>, AwsError> {
        Box::pin(act::act(aws, self.work, self.manifest, what)).await
    }
}

/// What follows.
pub fn judge(step: SiteStep<'_>, seen: &SiteSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<Do> {
    let entries: Vec<Past> = match journal.entries() {
        Ok(entries) => entries,
        Err(number) => {
            return Judgement::Failed(failure(
                format!("Act {number} of this step was recorded by another version of Rollbot and cannot be read."),
                Finding::Inconclusive,
                "Look at the site in the AWS console. Retry judges afresh.",
            ));
        }
    };
    let past = Doings { entries: &entries, journal };
    match &step.work.way {
        SiteWay::OriginPath(path) => switch(step.work, path, seen, past, now),
        SiteWay::Objects(copies) => match step.manifest {
            Some(manifest) => objects(step.work, copies, manifest, seen, past, now),
            None => Judgement::Failed(failure(
                "The list of objects that was approved is not in Rollbot's store any more.".to_owned(),
                Finding::Inconclusive,
                "Stop ends the incident and leaves everything as it is; then ask again.",
            )),
        },
    }
}

/// What was done so far.
#[derive(Clone, Copy)]
struct Doings<'a> {
    entries: &'a [Past],
    journal: &'a StepJournal<'a>,
}

impl<'a> Doings<'a> {
    /// The last act of the present attempt.
    fn last(self) -> Option<&'a Past> {
        self.entries.iter().rev().find(|entry| entry.attempt == self.journal.attempt)
    }

    /// When the first object was ordered, as AWS's clock may have it.
    fn since(self) -> Option<Timestamp> {
        let first = self.entries.iter().find(|entry| matches!(entry.what, Do::CopyObject { .. }))?;
        first.at.checked_sub(SKEW).ok()
    }

    /// The key of the next act.
    fn next_key(self) -> String {
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.journal.key_of(number)
    }

    /// The last invalidation that may have been ordered, unless something was changed after it that it cannot know.
    fn invalidation(self, manifest: Option<&Manifest>) -> Option<&'a Past> {
        let last = last_invalidation(self.entries)?;
        let after = self.entries.iter().filter(|entry| entry.number > last.number);
        let mut changed = after.filter(|entry| !matches!(entry.outcome, Outcome::Refused(_)));
        let is_outdated = changed.any(|entry| match &entry.what {
            Do::CopyObject { .. } | Do::UpdateDistribution { .. } => true,
            // Of what is deleted, only pages are asked for by people.
            Do::DeleteObjects { ranges, .. } => places(ranges).any(|place| {
                let deletes = manifest.map(|manifest| manifest.deletes.as_slice()).unwrap_or_default();
                let delete = usize::try_from(place).ok().and_then(|place| deletes.get(place));
                delete.is_none_or(|delete| is_page(&delete.key))
            }),
            Do::CreateInvalidation { .. } => false,
        });
        (!is_outdated).then_some(last)
    }

    /// How many portions in a row failed in part.
    fn failed_in_a_row(self) -> usize {
        let newest = self.entries.iter().rev().filter(|entry| entry.attempt == self.journal.attempt);
        let failed = newest.take_while(|entry| match &entry.outcome {
            Outcome::Accepted(Receipt::Objects { undone, .. }) => !undone.is_nothing(),
            Outcome::Accepted(Receipt::Updated { .. } | Receipt::Invalidated { .. })
            | Outcome::Unknown
            | Outcome::Refused(_) => false,
        });
        failed.count()
    }
}

fn objects(
    work: &SiteWork,
    copies: &ObjectCopies,
    manifest: &Manifest,
    seen: &SiteSeen,
    past: Doings<'_>,
    now: Now,
) -> Judgement<Do> {
    let Some(live) = &seen.live else { return unlisted(work, manifest, seen, past) };
    let found = progress(manifest, live, past.since());
    if !found.foreign.is_empty() {
        return Judgement::Failed(written_by_others(work, copies, &found));
    }
    if let Some(failure) = stuck(manifest, past) {
        return Judgement::Failed(failure);
    }
    if let Some(waits) = pause(past, now) {
        return waits;
    }
    if !found.copies.is_empty() {
        return Judgement::Act(copy(manifest, &found.copies));
    }
    match invalidated(work, Some(manifest), seen, past, now) {
        Invalidated::Not(judgement) => judgement,
        Invalidated::Completed(_) if !found.deletes.is_empty() => Judgement::Act(delete(manifest, &found.deletes)),
        Invalidated::Completed(id) => Judgement::Done {
            evidence: proof::of_objects(work, manifest, live, &found, &id),
            output: json!({"manifest": copies.manifest, "invalidation": id}),
        },
    }
}

/// What is waited for before the next portion.
fn pause(past: Doings<'_>, now: Now) -> Option<Judgement<Do>> {
    let last = past.last()?;
    let is_portion = matches!(last.what, Do::CopyObject { .. } | Do::DeleteObjects { .. });
    let elapsed = now.elapsed(last.at);
    match &last.outcome {
        Outcome::Unknown if is_portion && elapsed < IN_FLIGHT => {
            Some(Judgement::Wait("looking how far the last portion came".to_owned()))
        }
        Outcome::Accepted(Receipt::Objects { undone, .. }) if undone.passing > 0 && elapsed < PAUSE => {
            let failed = count(usize::try_from(undone.passing).unwrap_or(usize::MAX));
            Some(Judgement::Wait(format!("S3 did not take {failed} objects of the last portion; they are tried again")))
        }
        Outcome::Unknown | Outcome::Accepted(_) | Outcome::Refused(_) => None,
    }
}

/// What follows where the objects were not listed, because the last act says enough.
fn unlisted(work: &SiteWork, manifest: &Manifest, seen: &SiteSeen, past: Doings<'_>) -> Judgement<Do> {
    let last = past.last().map(|last| &last.what);
    let rest = |ranges: &[(u32, u32)], all: usize| -> Vec<u32> {
        (upto(ranges)..u32::try_from(all).unwrap_or(u32::MAX)).collect()
    };
    match last {
        Some(Do::CopyObject { ranges, .. }) => Judgement::Act(copy(manifest, &rest(ranges, manifest.copies.len()))),
        Some(Do::DeleteObjects { ranges, .. }) => {
            Judgement::Act(delete(manifest, &rest(ranges, manifest.deletes.len())))
        }
        Some(Do::CreateInvalidation { .. } | Do::UpdateDistribution { .. }) | None => {
            let id = seen.invalidation.as_ref().map(|invalidation| invalidation.id.as_str());
            Judgement::Wait(being_invalidated(work, id.unwrap_or_default()))
        }
    }
}

fn copy(manifest: &Manifest, pending: &[u32]) -> Do {
    let batch = next_batch(manifest, pending);
    let all = manifest.copies.len();
    let progress = format!("copying: {} of {} objects are there", count(all - pending.len()), count(all));
    Do::CopyObject { ranges: ranges(&batch), progress }
}

fn delete(manifest: &Manifest, pending: &[u32]) -> Do {
    let batch: Vec<u32> = pending.iter().copied().take(DELETES).collect();
    let all = manifest.deletes.len();
    let progress = format!("deleting: {} of {} objects are gone", count(all - pending.len()), count(all));
    Do::DeleteObjects { ranges: ranges(&batch), progress }
}

fn count(objects: usize) -> String {
    number(objects as u64)
}

/// Why portions are not tried again: they were refused, or failed too often in a row.
fn stuck(manifest: &Manifest, past: Doings<'_>) -> Option<Failure> {
    let last = past.last()?;
    let Outcome::Accepted(Receipt::Objects { undone, .. }) = &last.outcome else { return None };
    let is_hopeless = undone.refused > 0 || past.failed_in_a_row() >= IN_A_ROW;
    is_hopeless.then(|| of_undone(manifest, &last.what, undone))
}

fn written_by_others(work: &SiteWork, copies: &ObjectCopies, found: &Progress) -> Failure {
    let shown: Vec<&str> = found.foreign.iter().take(5).map(String::as_str).collect();
    let noun = if found.foreign.len() == 1 { "object is" } else { "objects are" };
    let mut failure = failure(
        format!(
            "Somebody else wrote to {}/{} meanwhile: {} live {noun} neither as the plan found them nor as it wants them.",
            work.bucket,
            copies.live,
            count(found.foreign.len())
        ),
        Finding::Wrong,
        "Hold deployments back, then Stop and ask again: a new plan looks at what is live now.",
    );
    failure.details.push(format!("Among them: {}", shown.join(", ")));
    failure
}

/// Where an invalidation stands.
enum Invalidated {
    /// Everything that was changed is forgotten; the invalidation's id.
    Completed(String),
    /// Not yet.
    Not(Judgement<Do>),
}

fn invalidated(
    work: &SiteWork,
    manifest: Option<&Manifest>,
    seen: &SiteSeen,
    past: Doings<'_>,
    now: Now,
) -> Invalidated {
    let order = || {
        let reference = past.next_key();
        Invalidated::Not(Judgement::Act(Do::CreateInvalidation { paths: work.invalidate.clone(), reference }))
    };
    let Some(last) = past.invalidation(manifest) else { return order() };
    match (&last.outcome, &seen.invalidation) {
        (_, Some(invalidation)) if invalidation.is_completed() => Invalidated::Completed(invalidation.id.clone()),
        (_, Some(invalidation)) => Invalidated::Not(Judgement::Wait(being_invalidated(work, &invalidation.id))),
        (Outcome::Unknown, None) if now.elapsed(last.at) < SETTLE => {
            Invalidated::Not(Judgement::Wait("looking whether the invalidation was taken".to_owned()))
        }
        // The same reference with the same paths is the same invalidation, however often it is sent.
        (Outcome::Unknown, None) => Invalidated::Not(Judgement::Act(last.what.clone())),
        (Outcome::Accepted(_) | Outcome::Refused(_), None) => order(),
    }
}

fn being_invalidated(work: &SiteWork, id: &str) -> String {
    let paths = work.invalidate.join(", ");
    format!("everything is in its place; CloudFront is forgetting {paths} (invalidation {id})")
}

fn switch(work: &SiteWork, path: &OriginPath, seen: &SiteSeen, past: Doings<'_>, now: Now) -> Judgement<Do> {
    let Some(distribution) = &seen.distribution else {
        return Judgement::Wait("the distribution is being looked at".to_owned());
    };
    let Some(present) = distribution.origin_path(&path.origin) else {
        return Judgement::Failed(failure(
            format!("The distribution {} has no origin {} any more.", work.distribution, path.origin),
            Finding::Wrong,
            "Correct `origin` in rollbot.yml, then Stop and ask again.",
        ));
    };
    if present != path.to {
        return not_switched(work, path, distribution, present, past, now);
    }
    if distribution.status != "Deployed" {
        return Judgement::Wait(format!("CloudFront is bringing the origin path {} to all its places", path.to));
    }
    match invalidated(work, None, seen, past, now) {
        Invalidated::Not(judgement) => judgement,
        Invalidated::Completed(_) if distribution.enabled == Enabled::No => Judgement::Failed(failure(
            format!("The distribution {} is switched off, so nobody sees the site.", work.distribution),
            Finding::Wrong,
            "Enable it in the AWS console, then Retry.",
        )),
        Invalidated::Completed(id) => Judgement::Done {
            evidence: proof::of_switch(work, path, distribution, &id),
            output: json!({"origin_path": path.to, "invalidation": id}),
        },
    }
}

fn not_switched(
    work: &SiteWork,
    path: &OriginPath,
    distribution: &Distribution,
    present: &str,
    past: Doings<'_>,
    now: Now,
) -> Judgement<Do> {
    if present != path.from {
        return Judgement::Failed(failure(
            format!(
                "Somebody else changed the origin path of {} meanwhile: it is {} now, and was {} when the plan was made.",
                work.distribution,
                shown(present),
                shown(&path.from)
            ),
            Finding::Wrong,
            "Hold deployments back, then Stop and ask again: a new plan looks at what is live now.",
        ));
    }
    let switches = past.entries.iter().rev().filter(|entry| matches!(entry.what, Do::UpdateDistribution { .. }));
    let last = switches.into_iter().find(|entry| entry.attempt == past.journal.attempt);
    if let Some(last) = last
        && last.outcome == Outcome::Unknown
        && now.elapsed(last.at) < SETTLE
    {
        return Judgement::Wait("looking whether the distribution was changed".to_owned());
    }
    if let Some(last) = last
        && matches!(last.outcome, Outcome::Accepted(_))
    {
        return Judgement::Failed(failure(
            format!(
                "The distribution took the origin path {}, and somebody has set it back to {} since.",
                path.to,
                shown(present)
            ),
            Finding::Wrong,
            "Find out what sets it (a pipeline, Terraform), hold that back, then Retry.",
        ));
    }
    Judgement::Act(Do::UpdateDistribution {
        if_match: distribution.etag.clone(),
        origin: path.origin.clone(),
        path: path.to.clone(),
    })
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "empty" } else { path }
}
