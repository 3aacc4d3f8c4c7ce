//! Looks at a static site for planning. Reads only.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::builds::{self, Build, Likeness, Opaque, likeness};
use super::distribution;
use super::heads::{self, Which};
use super::inventory::{
    Distribution, EntryPage, Found, FoundBuilds, FoundVersions, Layout, SiteInventory, SiteSpec, Untold, Versioning,
    folder,
};
use super::list;
use super::manifest::{Headers, Manifest, Places, Sealing, Wanted};
use super::object::{Listing, measure, newest};
use super::order::is_page;
use super::versions;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many builds are listed whole, newest first: their sizes are told, and one of them is live as a rule.
const LISTED: usize = 10;
/// Up to how many are compared where none of those is live.
const COMPARED: usize = 40;
/// How many builds are listed at once.
const AT_ONCE: usize = 4;
/// How many objects are looked at one by one, for what a listing does not tell. Pages come first: their headers say how
/// long browsers keep them.
const LOOKS: usize = 500;

/// A fresh look, for planning.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such bucket or distribution.
pub async fn look(aws: &Aws, spec: &SiteSpec) -> Result<SiteInventory, AwsError> {
    let distribution = distribution::look(aws, &spec.distribution).await?;
    let invalidated_at = distribution::invalidated_at(aws, &spec.distribution, &spec.invalidate).await?;
    let versioning = versioning(aws, &spec.bucket).await?;
    let served = match &spec.layout {
        Layout::Releases { live, .. } => Some(live.clone()),
        Layout::OriginPath { origin, .. } => distribution.origin_path(origin).map(folder),
        Layout::Versions => distribution.folder_of(&spec.bucket),
    };
    let entry = match &served {
        Some(folder) => heads::entry(aws, &spec.bucket, folder, distribution.entry()).await?,
        None => None,
    };
    let found = match &spec.layout {
        Layout::Releases { prefix, live } => {
            Found::Builds(copied_builds(aws, spec, (prefix, live), &distribution, entry.as_ref()).await?)
        }
        Layout::OriginPath { prefix, origin } => {
            Found::Builds(switched_builds(aws, spec, prefix, origin, &distribution).await?)
        }
        Layout::Versions => {
            let versions = match (versioning, &served) {
                (Versioning::Enabled | Versioning::Unknown, Some(folder)) => {
                    list::versions(aws, &spec.bucket, folder).await?
                }
                (Versioning::Suspended | Versioning::Off, _) | (_, None) => versions::Versions::new(),
            };
            let points = versions::points(&versions);
            let changed_at = versions::changed_at(&versions);
            Found::Versions(FoundVersions { folder: served, points, changed_at, versions, ..FoundVersions::default() })
        }
    };
    Ok(SiteInventory { spec: spec.clone(), distribution, entry, versioning, found, invalidated_at })
}

async fn versioning(aws: &Aws, bucket: &str) -> Result<Versioning, AwsError> {
    let answer = aws.reads().s3.get_bucket_versioning().bucket(bucket).send().await;
    let answer = match answer.map_err(|error| AwsError::of("s3", "GetBucketVersioning", &error)) {
        Ok(answer) => answer,
        // It only says what would be lost; not being told is treated as if everything would be.
        Err(error) if error.class == ErrorClass::Denied => return Ok(Versioning::Unknown),
        Err(mut error) => {
            if error.code.as_deref() == Some("NoSuchBucket") {
                error.message = format!("there is no bucket {bucket}. Correct `bucket` in rollbot.yml");
            }
            return Err(error);
        }
    };
    Ok(match answer.status.as_ref().map(aws_sdk_s3::types::BucketVersioningStatus::as_str) {
        Some("Enabled") => Versioning::Enabled,
        Some(_) => Versioning::Suspended,
        None => Versioning::Off,
    })
}

/// Every build, newest first, by when its first object was uploaded.
async fn all_builds(aws: &Aws, spec: &SiteSpec, prefix: &str) -> Result<Vec<Build>, AwsError> {
    let names = list::folders(aws, &spec.bucket, prefix).await?;
    let uploads = list::first_uploads(aws, &spec.bucket, prefix, names).await?;
    let build = |(name, uploaded_at)| Build { name, uploaded_at, size: None };
    let mut builds: Vec<Build> = uploads.into_iter().map(build).collect();
    builds.sort_by(|one, other| (other.uploaded_at, &other.name).cmp(&(one.uploaded_at, &one.name)));
    Ok(builds)
}

/// Lists some builds whole, and says of each how like the live site it is.
async fn list_whole(
    aws: &Aws,
    spec: &SiteSpec,
    prefix: &str,
    builds: &mut [Build],
    live: Option<&Listing>,
) -> Result<Vec<Likeness>, AwsError> {
    let places: Vec<String> = builds.iter().map(|build| format!("{prefix}{}/", build.name)).collect();
    let looks = places.into_iter().map(|place| async move {
        let listing = list::objects(aws, &spec.bucket, &place, None).await?;
        let like = live.map_or(Likeness::Other, |live| likeness(&listing, live));
        Ok::<_, AwsError>((measure(&listing), newest(&listing), like))
    });
    let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let mut likenesses = Vec::with_capacity(found.len());
    for (build, (size, uploaded_at, like)) in builds.iter_mut().zip(found) {
        build.size = Some(size);
        build.uploaded_at = uploaded_at.or(build.uploaded_at);
        likenesses.push(like);
    }
    Ok(likenesses)
}

async fn copied_builds(
    aws: &Aws,
    spec: &SiteSpec,
    (prefix, live): (&str, &str),
    distribution: &Distribution,
    entry: Option<&EntryPage>,
) -> Result<FoundBuilds, AwsError> {
    let mut builds = all_builds(aws, spec, prefix).await?;
    let except = prefix.starts_with(live).then_some(prefix);
    let present = list::objects(aws, &spec.bucket, live, except).await?;
    let mut best: Option<(Likeness, String)> = None;
    // The best of those that are told by size alone.
    let mut vague: Option<(Likeness, String)> = None;
    for portion in builds.chunks_mut(LISTED).take(COMPARED / LISTED) {
        let likenesses = list_whole(aws, spec, prefix, portion, Some(&present)).await?;
        for (build, like) in portion.iter().zip(likenesses) {
            let (found, least) = match like {
                Likeness::Other => continue,
                Likeness::OfSize | Likeness::InParts => (&mut vague, Likeness::Other),
                Likeness::Within | Likeness::Exact => (&mut best, Likeness::InParts),
            };
            if like > found.as_ref().map_or(least, |(so_far, _)| *so_far) {
                *found = Some((like, build.name.clone()));
            }
        }
        if best.is_some() {
            break;
        }
    }
    let changed_at = newest(&present);
    let opaque = match (&best, vague) {
        (Some(_), _) | (None, None) => None,
        (None, Some((Likeness::InParts, _))) => Some(Opaque::InParts),
        (None, Some((_, name))) => {
            let source = format!("{prefix}{name}/");
            let of_build = heads::entry(aws, &spec.bucket, &source, distribution.entry()).await?;
            let mut pages = entry.into_iter().chain(of_build.as_ref());
            pages.any(|page| page.seal.is_of_kms()).then_some(Opaque::Sealed)
        }
    };
    let live = best.map(|(_, name)| name);
    Ok(FoundBuilds { builds, live, opaque, changed_at, present, ..FoundBuilds::default() })
}

async fn switched_builds(
    aws: &Aws,
    spec: &SiteSpec,
    prefix: &str,
    origin: &str,
    distribution: &Distribution,
) -> Result<FoundBuilds, AwsError> {
    let mut builds = all_builds(aws, spec, prefix).await?;
    if let Some(portion) = builds.chunks_mut(LISTED).next() {
        list_whole(aws, spec, prefix, portion, None).await?;
    }
    let path = folder(distribution.origin_path(origin).unwrap_or_default());
    let name = path.strip_prefix(prefix).map(|name| name.trim_end_matches('/'));
    let live = name.filter(|name| builds.iter().any(|build| build.name == *name)).map(str::to_owned);
    let changed_at = distribution.changed_at;
    Ok(FoundBuilds { builds, live, changed_at, ..FoundBuilds::default() })
}

/// Finds out what going to `to` takes, object by object. What cannot be chosen is refused when the plan is made.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn prepare(aws: &Aws, inventory: &mut SiteInventory, to: Option<&str>) -> Result<(), AwsError> {
    let spec = inventory.spec.clone();
    let entry = inventory.distribution.entry().to_owned();
    match (&spec.layout, &mut inventory.found) {
        (Layout::Releases { prefix, live }, Found::Builds(found)) => {
            let Ok(choice) = builds::choose(&found.builds, found.live(), prefix, to) else { return Ok(()) };
            let source = format!("{prefix}{}/", choice.build.name);
            let listing = list::objects(aws, &spec.bucket, &source, None).await?;
            let except = prefix.starts_with(live.as_str()).then(|| prefix.clone());
            let places = Places { bucket: spec.bucket.clone(), source, live: live.clone(), except };
            let wanted = wanted(&listing);
            let (headers, untold) = headers(aws, &places, &wanted, &found.present, &entry, |_, _| false).await?;
            found.untold = untold;
            found.manifest = Some(Manifest::between(places, &wanted, &found.present, &headers, spec.extra));
        }
        (Layout::OriginPath { prefix, .. }, Found::Builds(found)) => {
            let chosen = builds::choose(&found.builds, found.live(), prefix, to);
            let Ok(name) = chosen.map(|choice| choice.build.name.clone()) else { return Ok(()) };
            let source = format!("{prefix}{name}/");
            let listing = list::objects(aws, &spec.bucket, &source, None).await?;
            if let Some(build) = found.builds.iter_mut().find(|build| build.name == name) {
                build.size = Some(measure(&listing));
            }
            // Nothing is copied: the list says what the build has, so that half a build is not gone back to.
            let places = Places { bucket: spec.bucket.clone(), source: source.clone(), live: source, except: None };
            let (wanted, headers) = (wanted(&listing), Headers::default());
            found.manifest = Some(Manifest::between(places, &wanted, &listing, &headers, spec.extra));
        }
        (Layout::Versions, Found::Versions(found)) => {
            let Ok(choice) = versions::choose(&found.points, to) else { return Ok(()) };
            let wanted = versions::state_at(&found.versions, choice.at);
            let present = versions::live(&found.versions);
            let Some(folder) = found.folder.clone() else { return Ok(()) };
            let places = Places { bucket: spec.bucket.clone(), source: folder.clone(), live: folder, except: None };
            let is_live = |key: &str, wanted: &Wanted| {
                let newest = found.versions.get(key).and_then(|versions| versions.first());
                newest.map(|newest| &newest.id) == wanted.version.as_ref()
            };
            let (headers, untold) = headers(aws, &places, &wanted, &present, &entry, is_live).await?;
            found.untold = untold;
            found.manifest = Some(Manifest::between(places, &wanted, &present, &headers, spec.extra));
        }
        // A look has found what the layout keeps.
        (Layout::Releases { .. } | Layout::OriginPath { .. }, Found::Versions(_))
        | (Layout::Versions, Found::Builds(_)) => {}
    }
    Ok(())
}

fn wanted(listing: &Listing) -> BTreeMap<String, Wanted> {
    let wanted = listing.iter().map(|(key, object)| {
        let wanted =
            Wanted { etag: object.etag.clone(), size: object.size, class: object.class.clone(), version: None };
        (key.clone(), wanted)
    });
    wanted.collect()
}

/// The headers of what is the same on both sides, as far as [`LOOKS`] goes, and of how many they were not compared. Of what
/// is copied, pages and empty objects are looked at: those may redirect, and a copy does not keep that. `is_itself` says of
/// which nothing has to be compared, because it is the live one.
async fn headers(
    aws: &Aws,
    places: &Places,
    wanted: &BTreeMap<String, Wanted>,
    present: &Listing,
    entry: &str,
    is_itself: impl Fn(&str, &Wanted) -> bool,
) -> Result<(Headers, Untold), AwsError> {
    let is_same = |key: &str, wanted: &Wanted| {
        present.get(key).is_some_and(|object| object.etag == wanted.etag && object.size == wanted.size)
    };
    let which = |key: &String, wanted: &Wanted| -> Which { (key.clone(), wanted.version.clone()) };
    let mut pairs: Vec<Which> = Vec::new();
    let mut alone: Vec<Which> = Vec::new();
    for (key, wanted) in wanted {
        if key == entry && present.contains_key(key) {
            pairs.insert(0, which(key, wanted));
        } else if is_same(key, wanted) {
            if !is_itself(key, wanted) {
                pairs.push(which(key, wanted));
            }
        } else if wanted.size == 0 || is_page(key) {
            alone.push(which(key, wanted));
        }
    }
    pairs.sort_by_key(|(key, _)| (key != entry, !is_page(key)));
    let mut untold = Untold { headers: cut(&mut pairs), redirects: cut(&mut alone), seals: 0 };
    let sides = (places.source.as_str(), places.live.as_str());
    let mut found = heads::compare(aws, &places.bucket, sides, pairs, alone).await?;
    if let Sealing::AsItsSource(seals) = &mut found.sealing {
        let is_copied = |key: &str, wanted: &Wanted| !is_same(key, wanted) && !seals.contains_key(key);
        let copied = wanted.iter().filter(|(key, wanted)| is_copied(key, wanted));
        let mut rest: Vec<Which> = copied.map(|(key, wanted)| which(key, wanted)).collect();
        untold.seals = cut(&mut rest);
        seals.extend(heads::seals(aws, &places.bucket, &places.source, rest).await?);
    }
    Ok((found, untold))
}

/// Leaves as many as are looked at, and says how many are not.
fn cut(which: &mut Vec<Which>) -> u64 {
    let more = which.len().saturating_sub(LOOKS) as u64;
    which.truncate(LOOKS);
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_looks_is_counted() {
        let which = |many: usize| -> Vec<Which> { (0..many).map(|number| (number.to_string(), None)).collect() };
        let (mut few, mut many) = (which(3), which(LOOKS + 12));
        assert_eq!((cut(&mut few), cut(&mut many)), (0, 12));
        assert_eq!((few.len(), many.len()), (3, LOOKS));
    }
}
