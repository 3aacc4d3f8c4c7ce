//! What a static site could go back to, and how a build or a point in time reads as a release. Pure.

use jiff::Timestamp;

use super::builds::{Build, commit};
use super::inventory::{Found, Layout, SiteInventory};
use super::versions::{self, Choice, Point};
use crate::incident::release::Release;
use crate::incident::site::{number, size};
use crate::systems::planned::{Ran, ReleaseLine, ReleaseStatus, Usable};

/// What is live where it is none of what could be gone back to.
const UNKNOWN: &str = "unknown build";

/// What could be gone back to and what is live, newest first.
pub fn releases(inventory: &SiteInventory) -> Vec<ReleaseLine> {
    let line = |release, is_live| ReleaseLine {
        release,
        status: if is_live { ReleaseStatus::RunsNow } else { ReleaseStatus::Good },
        usable: Usable::Yes,
    };
    match &inventory.found {
        Found::Builds(found) => {
            let prefix = prefix(inventory);
            let live = |build: &Build| found.live.as_deref() == Some(build.name.as_str());
            let unknown = found.live.is_none().then(|| line(unknown(prefix, found.changed_at), true));
            unknown
                .into_iter()
                .chain(found.builds.iter().map(|build| line(sized(build, prefix), live(build))))
                .collect()
        }
        Found::Versions(found) => {
            let present = versions::present(&found.points);
            let points = versions::releases(&found.points).into_iter();
            points.map(|point| line(of_point(point), present == Some(point))).collect()
        }
    }
}

/// What was live, newest first, as far as anybody remembers: of builds, when they were uploaded.
pub fn past(inventory: &SiteInventory) -> Vec<Ran> {
    match &inventory.found {
        Found::Builds(found) => {
            let prefix = prefix(inventory);
            let ran = found.builds.iter().map(|build| Some((of_build(build, prefix), build.uploaded_at?)));
            ran.flatten().map(|(release, since)| Ran { release, since }).collect()
        }
        Found::Versions(found) => {
            let points = found.points.iter().map(|point| Ran { release: of_point(point), since: point.from });
            points.collect()
        }
    }
}

fn prefix(inventory: &SiteInventory) -> &str {
    match &inventory.spec.layout {
        Layout::Releases { prefix, .. } | Layout::OriginPath { prefix, .. } => prefix,
        Layout::Versions => "",
    }
}

/// A build as a release.
pub fn of_build(build: &Build, prefix: &str) -> Release {
    Release {
        id: format!("{prefix}{}/", build.name),
        label: build.name.clone(),
        version: None,
        commit: commit(&build.name),
        images: Vec::new(),
        deployed_at: build.uploaded_at,
        deployed_by: None,
    }
}

/// A build as a release, with its size: for lists.
fn sized(build: &Build, prefix: &str) -> Release {
    let release = of_build(build, prefix);
    let label = match build.size {
        Some((objects, bytes)) => format!("{} ({} objects, {})", release.label, number(objects), size(bytes)),
        None => release.label.clone(),
    };
    Release { label, ..release }
}

/// What is live and nobody knows by a name.
pub fn unknown(place: &str, since: Option<Timestamp>) -> Release {
    Release {
        id: format!("{UNKNOWN} {place}").trim_end().to_owned(),
        label: UNKNOWN.to_owned(),
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: since,
        deployed_by: None,
    }
}

/// A point in time as a release.
pub fn of_point(point: &Point) -> Release {
    Release { deployed_at: Some(point.from), ..at(point.at) }
}

/// What was chosen as a release.
pub fn of_choice(choice: &Choice) -> Release {
    match &choice.point {
        Some(point) => Release { id: choice.at.to_string(), ..of_point(point) },
        None => at(choice.at),
    }
}

fn at(time: Timestamp) -> Release {
    Release {
        id: time.to_string(),
        label: time.strftime("%-d %b %H:%M:%S UTC").to_string(),
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}
