//! Makes the step that takes a static site back. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::builds::{self, Live};
use super::inventory::{
    Distribution, EntryPage, Found, FoundBuilds, FoundVersions, KeptFor, Layout, SiteInventory, SiteSpec, Untold,
    Versioning,
};
use super::manifest::{Manifest, Sealed};
use super::proof::words;
use super::releases::{self, unknown};
use super::versions;
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::site::{Counts, ObjectCopies, OriginPath, SiteWay, SiteWork, number, size};
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned};

/// How long an invalidation usually takes.
const INVALIDATION: Duration = Duration::from_mins(2);
/// How long a change of a distribution usually takes to reach every place.
const SPREADING: Duration = Duration::from_mins(5);
/// How long copying takes: `COPIED` objects in `COPYING`.
const COPYING: Duration = Duration::from_secs(1);
const COPIED: u64 = 500;
/// The least that a site is given: invalidations sometimes take a quarter of an hour.
const PATIENCE: Duration = Duration::from_mins(30);
/// `CopyObject` takes objects of up to 5 GB.
const LARGEST: u64 = 5_000_000_000;
/// How many keys a sentence names.
const NAMED: usize = 5;

/// What is to be done to go back to `to`, or to the release before.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &SiteInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let spec = &inventory.spec;
    match (&spec.layout, &inventory.found) {
        (Layout::Releases { prefix, .. }, Found::Builds(found)) => of_copies(inventory, found, prefix, to),
        (Layout::OriginPath { prefix, origin }, Found::Builds(found)) => {
            of_switch(inventory, found, (prefix, origin), to)
        }
        (Layout::Versions, Found::Versions(found)) => of_versions(inventory, found, to),
        (Layout::Releases { .. } | Layout::OriginPath { .. }, Found::Versions(_))
        | (Layout::Versions, Found::Builds(_)) => Err(PlanRefusal::new("Something else was looked at. Ask again.")),
    }
}

/// What is locked: the live objects, or the distribution.
pub fn resource(inventory: &SiteInventory) -> Resource {
    match &inventory.spec.layout {
        Layout::OriginPath { .. } => Resource::new(inventory.distribution.arn.clone()),
        Layout::Releases { live, .. } => Resource::new(format!("arn:aws:s3:::{}/{live}", inventory.spec.bucket)),
        Layout::Versions => {
            let folder = match &inventory.found {
                Found::Versions(found) => found.folder.as_deref().unwrap_or_default(),
                Found::Builds(_) => "",
            };
            Resource::new(format!("arn:aws:s3:::{}/{folder}", inventory.spec.bucket))
        }
    }
}

/// One release to another, before it is a step.
struct Course {
    from: Release,
    to: Release,
    how: String,
    verbs: Vec<&'static str>,
    loses: Vec<String>,
    warnings: Vec<String>,
    estimate: Duration,
    way: SiteWay,
}

fn step(inventory: &SiteInventory, way: Course) -> Planned {
    let spec = &inventory.spec;
    let outlives = inventory.entry.as_ref().and_then(|entry| match entry.kept {
        KeptFor::Time(time) => Some(time),
        KeptFor::Nothing | KeptFor::Unsaid => None,
    });
    let Course { from, to, how, verbs, loses, mut warnings, estimate, way } = way;
    warnings.extend(inventory.entry.as_ref().and_then(kept_by_browsers));
    warnings.extend(seen_as(&inventory.distribution, &spec.distribution));
    warnings.extend(not_invalidated(&spec.invalidate));
    let step = Step {
        id: StepId::new(&spec.name),
        title: spec.title(),
        resource: resource(inventory),
        from: Some(from),
        to: Some(to),
        chosen: Some(how),
        verbs: verbs.into_iter().map(str::to_owned).collect(),
        loses,
        need: Need::Required,
        deadline: PATIENCE.max(estimate * 3),
        estimate,
        work: Work::Site(SiteWork {
            bucket: spec.bucket.clone(),
            distribution: spec.distribution.clone(),
            invalidate: spec.invalidate.clone(),
            outlives,
            way,
        }),
    };
    Planned::Steps { steps: vec![step], warnings }
}

fn kept_by_browsers(entry: &EntryPage) -> Option<String> {
    match entry.kept {
        KeptFor::Nothing => None,
        KeptFor::Time(time) => Some(format!(
            "Browsers may show the present {} for up to {} after the rollback (Cache-Control: max-age={}): no invalidation \
             reaches them.",
            entry.name,
            words(time),
            time.as_secs()
        )),
        KeptFor::Unsaid => Some(format!(
            "The present {} has no Cache-Control, so browsers themselves decide for how long they show it.",
            entry.name
        )),
    }
}

fn seen_as(distribution: &Distribution, id: &str) -> Option<String> {
    match distribution.enabled {
        super::inventory::Enabled::Yes => None,
        super::inventory::Enabled::No => {
            Some(format!("The distribution {id} is switched off, so nobody sees this site now."))
        }
    }
}

fn not_invalidated(paths: &[String]) -> Option<String> {
    (!paths.iter().any(|path| path == "/*")).then(|| {
        format!(
            "CloudFront is told to forget only {}; what it keeps of other paths stays until that expires.",
            paths.join(", ")
        )
    })
}

fn of_copies(
    inventory: &SiteInventory,
    found: &FoundBuilds,
    prefix: &str,
    to: Option<&str>,
) -> Result<Planned, PlanRefusal> {
    let choice = builds::choose(&found.builds, found.live(), prefix, to)?;
    let release = releases::of_build(choice.build, prefix);
    let Some(manifest) = &found.manifest else { return Err(not_prepared()) };
    whole(inventory, manifest, &format!("The build {}", choice.build.name))?;
    let (warned, loses) = losses(inventory, manifest, found.live(), &choice.build.name);
    if manifest.is_empty() && is_forgotten(inventory, found.changed_at) {
        let place = inventory.spec.title();
        return Ok(Planned::NothingToDo { why: already(inventory, &choice.build.name, manifest, &place), release });
    }
    let how = how(choice.how.clone(), manifest, &found.untold);
    let from = match found.live.as_ref().and_then(|live| found.builds.iter().find(|build| build.name == *live)) {
        Some(build) => Release { deployed_at: found.changed_at, ..releases::of_build(build, prefix) },
        None => unknown(prefix, found.changed_at),
    };
    let counts = manifest.counts();
    Ok(step(
        inventory,
        Course {
            from,
            to: release,
            how,
            verbs: verbs(&counts),
            loses,
            warnings: warned,
            estimate: takes(&counts),
            way: objects(manifest, inventory.spec.live(), counts),
        },
    ))
}

fn of_versions(inventory: &SiteInventory, found: &FoundVersions, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let bucket = &inventory.spec.bucket;
    match inventory.versioning {
        Versioning::Enabled => {}
        Versioning::Suspended => {
            return Err(PlanRefusal::new(format!(
                "Versioning of {bucket} is suspended, so what is written now keeps no earlier version. Enable it, or keep \
                 builds under a prefix of their own and configure `releases`."
            )));
        }
        Versioning::Off => {
            return Err(PlanRefusal::new(format!(
                "{bucket} keeps no versions, so there is nothing to go back to. Enable versioning, or keep builds under a \
                 prefix of their own and configure `releases`."
            )));
        }
        Versioning::Unknown => {
            return Err(PlanRefusal::new(format!(
                "Rollbot may not ask whether {bucket} keeps versions. Give its role s3:GetBucketVersioning, then ask again."
            )));
        }
    }
    let Some(folder) = &found.folder else { return Err(no_folder(inventory)) };
    let choice = versions::choose(&found.points, to)?;
    let Some(manifest) = &found.manifest else { return Err(not_prepared()) };
    let release = releases::of_choice(&choice);
    whole(inventory, manifest, &format!("What the bucket keeps of {}", release.label))?;
    let from = versions::present(&found.points).map_or_else(|| unknown(folder, None), releases::of_point);
    if manifest.is_empty() && is_forgotten(inventory, found.changed_at) {
        let why = already(inventory, &release.label, manifest, &inventory.spec.title());
        return Ok(Planned::NothingToDo { release, why });
    }
    let counts = manifest.counts();
    let way = Course {
        from,
        to: release,
        how: how(choice.how, manifest, &found.untold),
        verbs: verbs(&counts),
        // The bucket keeps what is written over and deleted.
        loses: Vec::new(),
        warnings: deleted(manifest, "were not there then").into_iter().chain(beside(inventory, folder)).collect(),
        estimate: takes(&counts),
        way: objects(manifest, folder, counts),
    };
    Ok(step(inventory, way))
}

/// That nothing says which objects of the bucket are the site.
fn no_folder(inventory: &SiteInventory) -> PlanRefusal {
    let SiteSpec { bucket, distribution, .. } = &inventory.spec;
    let origins = inventory.distribution.origins.iter();
    let of_bucket: Vec<String> = origins
        .clone()
        .filter(|origin| origin.is_of(bucket))
        .map(|origin| format!("{} (path {})", origin.id, if origin.path.is_empty() { "/" } else { &origin.path }))
        .collect();
    PlanRefusal::new(if of_bucket.is_empty() {
        let hosts: Vec<&str> = origins.map(|origin| origin.host.as_str()).collect();
        format!(
            "The distribution {distribution} takes no objects from the bucket {bucket}; it takes them from {}. Correct \
             `bucket` or `distribution` in rollbot.yml.",
            hosts.join(", ")
        )
    } else {
        format!(
            "Which folder of {bucket} is the site cannot be told: the default behaviour of the distribution {distribution} \
             takes its objects from elsewhere, and its origins {} differ. Keep builds under a prefix of their own and \
             configure `releases` with the folder that is live.",
            of_bucket.join(", ")
        )
    })
}

/// That other folders of the bucket, which the distribution has as well, stay as they are.
fn beside(inventory: &SiteInventory, folder: &str) -> Option<String> {
    let named = |folder: &str| if folder.is_empty() { "the whole bucket".to_owned() } else { folder.to_owned() };
    let others: BTreeSet<String> =
        inventory.distribution.folders_beside(&inventory.spec.bucket, folder).map(|other| named(&other)).collect();
    (!others.is_empty()).then(|| {
        format!(
            "Only {} goes back. The distribution has another origin of this bucket ({}), and nothing of that is changed.",
            named(folder),
            others.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

/// How a release was found, and what of it was not looked at.
fn how(chosen: String, manifest: &Manifest, untold: &Untold) -> String {
    let only = "It is live already; CloudFront was not told since, so only that is done.";
    let only = manifest.is_empty().then(|| only.to_owned());
    let encrypted = "Objects are not all encrypted alike, so each copy is encrypted as its source is.";
    let encrypted = (manifest.each == Sealed::AsItsSource).then(|| encrypted.to_owned());
    let all = std::iter::once(chosen).chain(only).chain(untold.sentences()).chain(encrypted);
    all.collect::<Vec<_>>().join(" ")
}

fn of_switch(
    inventory: &SiteInventory,
    found: &FoundBuilds,
    (prefix, origin): (&str, &str),
    to: Option<&str>,
) -> Result<Planned, PlanRefusal> {
    let id = &inventory.spec.distribution;
    let Some(present) = inventory.distribution.origin_path(origin) else {
        let known: Vec<&str> = inventory.distribution.origins.iter().map(|origin| origin.id.as_str()).collect();
        return Err(PlanRefusal::new(format!(
            "The distribution {id} has no origin {origin}; it has {}. Correct `origin` in rollbot.yml.",
            known.join(", ")
        )));
    };
    let choice = builds::choose(&found.builds, found.live(), prefix, to)?;
    let release = releases::of_build(choice.build, prefix);
    let Some(manifest) = &found.manifest else { return Err(not_prepared()) };
    whole(inventory, manifest, &format!("The build {}", choice.build.name))?;
    let is_live = found.live.as_deref() == Some(choice.build.name.as_str());
    if is_live && is_forgotten(inventory, found.changed_at) {
        let why =
            already(inventory, &choice.build.name, manifest, &format!("{} ({id})", inventory.distribution.name()));
        return Ok(Planned::NothingToDo { release, why });
    }
    let from = match found.live.as_ref().and_then(|live| found.builds.iter().find(|build| build.name == *live)) {
        Some(build) => Release { deployed_at: found.changed_at, ..releases::of_build(build, prefix) },
        None => unknown(present, found.changed_at),
    };
    let mut warnings = vec![
        "Whatever keeps this distribution in code (CloudFormation, Terraform) sets the origin path again when it is applied."
            .to_owned(),
    ];
    if inventory.distribution.status != "Deployed" {
        warnings
            .push("An earlier change of the distribution is still on its way to all places of CloudFront.".to_owned());
    }
    let verbs = if is_live { vec!["CreateInvalidation"] } else { vec!["UpdateDistribution", "CreateInvalidation"] };
    let how = if is_live {
        format!("{} It is live already; CloudFront was not told since, so only that is done.", choice.how)
    } else {
        choice.how.clone()
    };
    let path = OriginPath {
        origin: origin.to_owned(),
        from: present.to_owned(),
        to: format!("/{prefix}{}", choice.build.name),
    };
    let way = Course {
        from,
        to: release,
        how,
        verbs,
        loses: Vec::new(),
        warnings,
        estimate: SPREADING + INVALIDATION,
        way: SiteWay::OriginPath(path),
    };
    Ok(step(inventory, way))
}

fn not_prepared() -> PlanRefusal {
    PlanRefusal::new("The objects of that release were not looked at. Ask again.")
}

fn objects(manifest: &Manifest, live: &str, counts: Counts) -> SiteWay {
    SiteWay::Objects(ObjectCopies { live: live.to_owned(), manifest: manifest.digest(), counts })
}

fn verbs(counts: &Counts) -> Vec<&'static str> {
    let copy = (counts.copied > 0).then_some("CopyObject");
    let delete = (counts.deleted > 0).then_some("DeleteObjects");
    copy.into_iter().chain(delete).chain(std::iter::once("CreateInvalidation")).collect()
}

fn takes(counts: &Counts) -> Duration {
    let portions = counts.copied.saturating_add(counts.deleted) / COPIED;
    INVALIDATION + COPYING * u32::try_from(portions).unwrap_or(u32::MAX)
}

/// Whether `CloudFront` was told to forget everything after the live objects were last changed.
fn is_forgotten(inventory: &SiteInventory, changed_at: Option<Timestamp>) -> bool {
    match (inventory.invalidated_at, changed_at) {
        (Some(invalidated), Some(changed)) => invalidated >= changed,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn already(inventory: &SiteInventory, release: &str, manifest: &Manifest, place: &str) -> String {
    let objects = number((manifest.same.len() + manifest.copies.len()) as u64);
    let at = inventory.invalidated_at.map(|at| at.strftime("%-d %b %H:%M UTC").to_string()).unwrap_or_default();
    let mut why = format!(
        "{release} is live in {place} already: all {objects} objects are its own, and CloudFront has forgotten the ones \
         before (invalidation of {at} completed)."
    );
    if let Some(EntryPage { kept: KeptFor::Time(time), .. }) = &inventory.entry {
        why = format!(
            "{why} A browser that still shows another may keep it for {}; a private window shows what is live.",
            words(*time)
        );
    }
    why
}

/// Refuses what is not a whole site, or cannot be copied.
fn whole(inventory: &SiteInventory, manifest: &Manifest, what: &str) -> Result<(), PlanRefusal> {
    let entry = inventory.distribution.entry();
    if manifest.copies.is_empty() && manifest.same.is_empty() {
        return Err(PlanRefusal::new(format!("{what} has no objects. Name another release.")));
    }
    if inventory.entry.is_some() && !manifest.has(entry) {
        return Err(PlanRefusal::new(format!(
            "{what} has no {entry}, so it is not a whole site: it was not uploaded to its end, or a lifecycle rule removed \
             a part of it. Name another release."
        )));
    }
    let archived = |copy: &&super::manifest::Copy| {
        copy.class.as_deref().is_some_and(|class| matches!(class, "GLACIER" | "DEEP_ARCHIVE"))
    };
    let found: Vec<&super::manifest::Copy> = manifest.copies.iter().filter(archived).collect();
    if let Some(first) = found.first() {
        return Err(PlanRefusal::new(format!(
            "{what} is archived ({} objects, {} among them), and S3 does not copy that. Restore it in S3, or name another \
             release.",
            number(found.len() as u64),
            first.key
        )));
    }
    if let Some(large) = manifest.copies.iter().find(|copy| copy.size > LARGEST) {
        return Err(PlanRefusal::new(format!(
            "{} has {}, and S3 copies no more than 5 GB at once. Copy it by hand, then ask again.",
            large.key,
            size(large.size)
        )));
    }
    Ok(())
}

/// What whoever approves should know of what is deleted or written over, and what of it is lost for good.
fn losses(inventory: &SiteInventory, manifest: &Manifest, live: Live<'_>, release: &str) -> (Vec<String>, Vec<String>) {
    let deleted = deleted(manifest, &format!("are not in {release}"));
    let overwrites = manifest.copies.iter().any(|copy| copy.was.is_some());
    let unknown = match live {
        Live::Build(_) => None,
        Live::NoneOfThem => {
            Some("What is live is none of the builds; what is written over cannot be brought back from one.")
        }
        Live::Untold(_) => Some(
            "Which build is live cannot be told; what is written over may be none, and could not be brought back from one.",
        ),
    };
    let unknown = unknown.filter(|_| overwrites).map(str::to_owned);
    let all = deleted.into_iter().chain(unknown).collect();
    match inventory.versioning {
        // The bucket keeps what is written over and deleted.
        Versioning::Enabled => (all, Vec::new()),
        Versioning::Suspended | Versioning::Off | Versioning::Unknown => (Vec::new(), all),
    }
}

fn deleted(manifest: &Manifest, why: &str) -> Option<String> {
    let keys: Vec<&str> = manifest.deletes.iter().take(NAMED).map(|delete| delete.key.as_str()).collect();
    let more = manifest.deletes.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {} more", number(more as u64)) } else { String::new() };
    let all = number(manifest.deletes.len() as u64);
    let noun = if manifest.deletes.len() == 1 { "object is deleted: it" } else { "objects are deleted: they" };
    let why = if manifest.deletes.len() == 1 {
        why.replacen("are ", "is ", 1).replacen("were ", "was ", 1)
    } else {
        why.to_owned()
    };
    (!keys.is_empty()).then(|| format!("{all} live {noun} {why} ({}{more}).", keys.join(", ")))
}
