//! Looks at a static site while it is taken back. Reads only.
//!
//! Ten thousand objects are ten calls to list. So they are listed when something follows from it: when an attempt begins,
//! after an act of unknown or incomplete outcome, and before it is said that something is there. Between two portions that
//! went well, and while an invalidation is waited for, they are not.

use jiff::SignedDuration;

use super::act::{Do, Receipt, needed};
use super::distribution::{self, SeenInvalidation};
use super::inventory::Distribution;
use super::list;
use super::manifest::Manifest;
use super::object::Listing;
use super::progress::upto;
use crate::aws::{Aws, AwsError};
use crate::incident::site::{SiteWay, SiteWork};
use crate::systems::step_kind::{Entry, Outcome, StepJournal};

/// How far AWS's clock may be behind ours.
pub const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// An act of this kind of step.
pub type Past = Entry<Do, Receipt>;

/// What a look finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteSeen {
    /// What is live; `None` where it was not listed.
    pub live: Option<Listing>,
    /// The distribution; `None` where nothing follows from it.
    pub distribution: Option<Distribution>,
    /// The invalidation that was ordered last, if it is there.
    pub invalidation: Option<SeenInvalidation>,
}

/// Looks.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn observe(
    aws: &Aws,
    work: &SiteWork,
    manifest: Option<&Manifest>,
    journal: &StepJournal<'_>,
) -> Result<SiteSeen, AwsError> {
    // What cannot be read is judged by `judge`, which acts on nothing then.
    let entries: Vec<Past> = journal.entries().unwrap_or_default();
    let invalidation = match last_invalidation(&entries) {
        Some(last) => invalidation(aws, work, last).await?,
        None => None,
    };
    match &work.way {
        SiteWay::OriginPath(_) => {
            let distribution = distribution::look(aws, &work.distribution).await?;
            Ok(SiteSeen { live: None, distribution: Some(distribution), invalidation })
        }
        SiteWay::Objects(_) => {
            let manifest = needed(manifest)?;
            let last = entries.iter().rev().find(|entry| entry.attempt == journal.attempt);
            let live = if last.is_some_and(|last| goes_on(manifest, last, invalidation.as_ref())) {
                None
            } else {
                Some(list::objects(aws, &manifest.bucket, &manifest.live, manifest.except.as_deref()).await?)
            };
            Ok(SiteSeen { live, distribution: None, invalidation })
        }
    }
}

/// Whether what follows is known without a look at the objects.
pub fn goes_on(manifest: &Manifest, last: &Past, invalidation: Option<&SeenInvalidation>) -> bool {
    let Outcome::Accepted(receipt) = &last.outcome else { return false };
    match (&last.what, receipt) {
        (Do::CopyObject { ranges, .. }, Receipt::Objects { undone, .. }) => {
            undone.is_nothing() && usize::try_from(upto(ranges)).is_ok_and(|upto| upto < manifest.copies.len())
        }
        (Do::DeleteObjects { ranges, .. }, Receipt::Objects { undone, .. }) => {
            undone.is_nothing() && usize::try_from(upto(ranges)).is_ok_and(|upto| upto < manifest.deletes.len())
        }
        (Do::CreateInvalidation { .. }, _) => invalidation.is_some_and(|seen| !seen.is_completed()),
        (Do::CopyObject { .. } | Do::DeleteObjects { .. } | Do::UpdateDistribution { .. }, _) => false,
    }
}

/// The invalidation that was ordered last and not refused.
pub fn last_invalidation(entries: &[Past]) -> Option<&Past> {
    entries.iter().rev().find(|entry| {
        matches!(entry.what, Do::CreateInvalidation { .. }) && !matches!(entry.outcome, Outcome::Refused(_))
    })
}

async fn invalidation(aws: &Aws, work: &SiteWork, last: &Past) -> Result<Option<SeenInvalidation>, AwsError> {
    match (&last.what, &last.outcome) {
        (_, Outcome::Accepted(Receipt::Invalidated { id })) => {
            distribution::invalidation(aws, &work.distribution, id).await
        }
        (Do::CreateInvalidation { reference, .. }, _) => {
            let earliest = last.at.checked_sub(SKEW).unwrap_or(last.at);
            distribution::invalidation_by_reference(aws, &work.distribution, reference, earliest).await
        }
        (Do::CopyObject { .. } | Do::DeleteObjects { .. } | Do::UpdateDistribution { .. }, _) => Ok(None),
    }
}
