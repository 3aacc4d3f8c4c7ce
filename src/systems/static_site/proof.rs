//! What proves that a static site is back, and what is told on the way. Pure.

use super::act::{Do, Receipt};
use super::inventory::Distribution;
use super::manifest::Manifest;
use super::object::Listing;
use super::observe::Past;
use super::progress::{Progress, places, upto};
use crate::incident::site::{OriginPath, SiteWork, number, size};
use crate::incident::step::Evidence;
use crate::systems::step_kind::{News, Outcome, StepJournal};

/// Why `ETag`s are not always compared.
const OPAQUE: &str = "encryption with KMS and uploads in parts leave an ETag that says nothing of the bytes";

/// The proof that every object is live and `CloudFront` has forgotten the old ones.
pub fn of_objects(
    work: &SiteWork,
    manifest: &Manifest,
    live: &Listing,
    found: &Progress,
    invalidation: &str,
) -> Vec<Evidence> {
    let its_own = (manifest.copies.len() + manifest.same.len()) as u64;
    let place = format!("{}/{}", manifest.bucket, manifest.live);
    // What was copied under another ETag was told by its size, and by being written since.
    let by_time = manifest.copies.iter().filter(|copy| {
        manifest.changes_etag_of(copy) && live.get(&copy.key).is_some_and(|object| object.etag != copy.etag)
    });
    let by = match by_time.count() as u64 {
        0 => "by ETag and size".to_owned(),
        some if some == its_own => format!("by size and by the time of their copy: {OPAQUE}"),
        some => format!(
            "{} by ETag and size, {} by size and by the time of their copy: {OPAQUE}",
            number(its_own - some),
            number(some)
        ),
    };
    let mut lines = vec![format!(
        "All {} objects of the release are live in {place}, {by}; {} were copied ({}).",
        number(its_own),
        number(manifest.copies.len() as u64),
        size(manifest.copies.iter().map(|copy| copy.size).sum())
    )];
    if !manifest.deletes.is_empty() {
        lines.push(format!("{} that it does not have were deleted.", number(manifest.deletes.len() as u64)));
    }
    if found.extra > 0 {
        lines.push(format!(
            "{} of {} live objects are not of this release and stay.",
            number(found.extra),
            number(live.len() as u64)
        ));
    }
    lines.extend(forgotten(work, invalidation));
    lines.into_iter().map(Evidence::new).collect()
}

/// The proof that the distribution takes its objects from the release.
pub fn of_switch(work: &SiteWork, path: &OriginPath, distribution: &Distribution, invalidation: &str) -> Vec<Evidence> {
    let mut lines = vec![format!(
        "{} ({}) takes its objects from {} and is deployed to all places of CloudFront.",
        distribution.name(),
        work.distribution,
        path.to
    )];
    lines.extend(forgotten(work, invalidation));
    lines.into_iter().map(Evidence::new).collect()
}

fn forgotten(work: &SiteWork, invalidation: &str) -> Vec<String> {
    let paths = work.invalidate.join(", ");
    let mut lines = vec![format!("CloudFront has forgotten {paths}: invalidation {invalidation} is completed.")];
    if let Some(outlives) = work.outlives {
        lines.push(format!(
            "Browsers that have the earlier page may show it for up to {} (Cache-Control); a private window shows what is \
             live.",
            words(outlives)
        ));
    }
    lines
}

/// A time as people say it, in its largest whole unit.
pub fn words(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// What was copied and deleted so far, portion by portion.
pub fn news(manifest: &Manifest, journal: &StepJournal<'_>) -> Vec<News> {
    let entries: Vec<Past> = journal.entries().unwrap_or_default();
    let lines = entries.iter().filter_map(|entry| {
        let Outcome::Accepted(Receipt::Objects { done, undone }) = &entry.outcome else { return None };
        let line = match &entry.what {
            Do::CopyObject { ranges, .. } => {
                let bytes = places(ranges).filter_map(|place| manifest.copies.get(usize::try_from(place).ok()?));
                let bytes: u64 = bytes.map(|copy| copy.size).sum();
                let (upto, all) = (u64::from(upto(ranges)), manifest.copies.len() as u64);
                format!("{} copied ({}): {} of {} are there", objects(*done), size(bytes), number(upto), number(all))
            }
            Do::DeleteObjects { .. } => format!("{} deleted", objects(*done)),
            Do::UpdateDistribution { .. } | Do::CreateInvalidation { .. } => return None,
        };
        let failed = u64::from(undone.passing) + u64::from(undone.refused);
        let line = if failed > 0 { format!("{line}; {} did not succeed", number(failed)) } else { line };
        Some(News { id: format!("act-{}", entry.number), line })
    });
    lines.collect()
}

fn objects(count: u32) -> String {
    format!("{} {}", number(u64::from(count)), if count == 1 { "object" } else { "objects" })
}
