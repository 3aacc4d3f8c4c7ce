//! What is planned for a static site, and what is refused.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;

use super::builds::{Build, Opaque};
use super::inventory::{
    Distribution, Enabled, EntryPage, Found, FoundBuilds, FoundVersions, KeptFor, Layout, Origin, SiteInventory,
    SiteSpec, Untold, Versioning,
};
use super::manifest::{Extra, Headers, Manifest, Places, Seal, Wanted};
use super::object::{Listing, Object};
use super::plan::plan;
use super::releases::releases;
use super::versions::Point;
use crate::incident::ids::Digest;
use crate::incident::plan::Step;
use crate::incident::site::SiteWay;
use crate::incident::work::Work;
use crate::systems::planned::{Planned, ReleaseStatus};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap()
}

fn listing(objects: &[(&str, &str)]) -> Listing {
    let object = |etag: &str| Object { etag: etag.to_owned(), size: 1_000, modified: at(0), class: None };
    objects.iter().map(|(key, etag)| ((*key).to_owned(), object(etag))).collect()
}

const GOOD: &[(&str, &str)] = &[("assets/a.js", "a1"), ("index.html", "i1"), ("logo.svg", "l")];
const LIVE: &[(&str, &str)] = &[("assets/b.js", "b2"), ("index.html", "i2"), ("logo.svg", "l")];

fn manifest(build: &[(&str, &str)], live: &[(&str, &str)], extra: Extra, class: Option<&str>) -> Manifest {
    let wanted = |object: Object| Wanted {
        etag: object.etag,
        size: object.size,
        class: class.map(str::to_owned),
        version: None,
    };
    let build = listing(build).into_iter().map(|(key, object)| (key, wanted(object))).collect();
    let places = Places {
        bucket: "shop-web".to_owned(),
        source: "releases/41/".to_owned(),
        live: String::new(),
        except: Some("releases/".to_owned()),
    };
    Manifest::between(places, &build, &listing(live), &Headers::default(), extra)
}

fn origin(id: &str, path: &str) -> Origin {
    let host = "shop-web.s3.eu-north-1.amazonaws.com".to_owned();
    Origin { id: id.to_owned(), path: path.to_owned(), host }
}

fn inventory(manifest: Manifest) -> SiteInventory {
    let build = |name: &str, hour| Build { name: name.to_owned(), uploaded_at: Some(at(hour)), size: Some((3, 3_000)) };
    SiteInventory {
        spec: SiteSpec {
            name: "frontend".to_owned(),
            bucket: "shop-web".to_owned(),
            distribution: "E1".to_owned(),
            layout: Layout::Releases { prefix: "releases/".to_owned(), live: String::new() },
            invalidate: vec!["/*".to_owned()],
            extra: Extra::Deleted,
        },
        distribution: Distribution {
            arn: "arn:aws:cloudfront::1:distribution/E1".to_owned(),
            etag: "ET1".to_owned(),
            status: "Deployed".to_owned(),
            enabled: Enabled::Yes,
            names: vec!["app.example.com".to_owned()],
            origins: vec![origin("web", "/releases/42")],
            default: Some("web".to_owned()),
            root: None,
            changed_at: Some(at(5)),
        },
        entry: Some(EntryPage {
            name: "index.html".to_owned(),
            kept: KeptFor::Time(Duration::from_mins(5)),
            seal: Seal::plain(),
        }),
        versioning: Versioning::Off,
        found: Found::Builds(FoundBuilds {
            builds: vec![build("42", 4), build("41", 2)],
            live: Some("42".to_owned()),
            changed_at: Some(at(5)),
            manifest: Some(manifest),
            ..FoundBuilds::default()
        }),
        invalidated_at: Some(at(6)),
    }
}

fn planned(inventory: &SiteInventory, to: Option<&str>) -> (Step, Vec<String>) {
    match plan(inventory, to).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

#[test]
fn e04_the_plan_counts_what_is_copied_and_deleted_before_anybody_approves() {
    let (step, warnings) = planned(&inventory(manifest(GOOD, LIVE, Extra::Deleted, None)), None);
    assert_eq!(step.to.as_ref().unwrap().id, "releases/41/");
    assert_eq!(step.verbs, ["CopyObject", "DeleteObjects", "CreateInvalidation"]);
    assert_eq!(step.loses, ["1 live object is deleted: it is not in 41 (assets/b.js)."]);
    assert_eq!(
        warnings,
        [
            "Browsers may show the present index.html for up to 5 minutes after the rollback (Cache-Control: max-age=300): no \
          invalidation reaches them."
        ]
    );
    let Work::Site(work) = &step.work else { panic!("it is a site") };
    assert_eq!(work.preview().unwrap(), "copy 2 objects (2.0 kB), delete 1, leave 1");
}

#[test]
fn peer_08_what_no_build_has_stays_unless_deletions_are_asked_for() {
    let (step, _) = planned(&inventory(manifest(GOOD, LIVE, Extra::Left, None)), None);
    assert_eq!(step.verbs, ["CopyObject", "CreateInvalidation"]);
    assert!(step.loses.is_empty());
}

#[test]
fn a_bucket_that_keeps_versions_loses_nothing() {
    let mut inventory = inventory(manifest(GOOD, LIVE, Extra::Deleted, None));
    inventory.versioning = Versioning::Enabled;
    let (step, warnings) = planned(&inventory, None);
    assert!(step.loses.is_empty());
    assert_eq!(warnings[0], "1 live object is deleted: it is not in 41 (assets/b.js).");
}

#[test]
fn e06_what_is_live_and_not_forgotten_is_only_invalidated() {
    let same = || manifest(LIVE, LIVE, Extra::Left, None);
    let Planned::NothingToDo { why, .. } = plan(&inventory(same()), Some("42")).unwrap() else { panic!("it is live") };
    assert!(why.starts_with("42 is live in static site shop-web already: all 3 objects are its own"), "{why}");
    assert!(why.ends_with("may keep it for 5 minutes; a private window shows what is live."), "{why}");
    let mut stale = inventory(same());
    stale.invalidated_at = Some(at(3));
    let (step, _) = planned(&stale, Some("42"));
    assert_eq!(step.verbs, ["CreateInvalidation"]);
}

#[test]
fn an_unknown_build_is_said_to_be_one() {
    let mut inventory = inventory(manifest(GOOD, LIVE, Extra::Left, None));
    if let Found::Builds(found) = &mut inventory.found {
        found.live = None;
    }
    let refusal = plan(&inventory, None).unwrap_err().sentence;
    assert!(refusal.starts_with("What is live is none of the builds under releases/"), "{refusal}");
    let (step, _) = planned(&inventory, Some("41"));
    assert_eq!(step.from.unwrap().label, "unknown build");
    assert_eq!(
        step.loses,
        ["What is live is none of the builds; what is written over cannot be brought back from one."]
    );
    let lines = releases(&inventory);
    assert_eq!((lines[0].release.label.as_str(), lines[0].status), ("unknown build", ReleaseStatus::RunsNow));
    assert_eq!(lines[1].release.label, "42 (3 objects, 3.0 kB)");
}

#[rstest]
#[case::half_a_build(&[("assets/a.js", "a1")], None, "The build 41 has no index.html, so it is not a whole site")]
#[case::empty(&[], None, "The build 41 has no objects")]
#[case::archived(GOOD, Some("DEEP_ARCHIVE"), "The build 41 is archived (2 objects, assets/a.js among them)")]
fn what_is_no_whole_site_is_refused(#[case] build: &[(&str, &str)], #[case] class: Option<&str>, #[case] words: &str) {
    let refusal = plan(&inventory(manifest(build, LIVE, Extra::Left, class)), None).unwrap_err().sentence;
    assert!(refusal.starts_with(words), "{refusal}");
}

#[test]
fn e05_an_origin_path_is_switched_without_touching_an_object() {
    let mut inventory = inventory(manifest(GOOD, GOOD, Extra::Left, None));
    let layout = |origin: &str| Layout::OriginPath { prefix: "releases/".to_owned(), origin: origin.to_owned() };
    inventory.spec.layout = layout("web");
    let (step, warnings) = planned(&inventory, None);
    assert_eq!(step.verbs, ["UpdateDistribution", "CreateInvalidation"]);
    assert_eq!(step.resource.as_str(), "arn:aws:cloudfront::1:distribution/E1");
    assert!(warnings[0].contains("sets the origin path again"), "{warnings:?}");
    let Work::Site(work) = &step.work else { panic!("it is a site") };
    let SiteWay::OriginPath(path) = &work.way else { panic!("it switches") };
    assert_eq!((path.from.as_str(), path.to.as_str()), ("/releases/42", "/releases/41"));
    inventory.spec.layout = layout("api");
    let refusal = plan(&inventory, None).unwrap_err().sentence;
    assert_eq!(refusal, "The distribution E1 has no origin api; it has web. Correct `origin` in rollbot.yml.");
}

/// The same bucket in the layout that goes by its versions: it was written to at `hours`, newest first.
fn kept(manifest: Manifest, hours: &[i64]) -> SiteInventory {
    let mut inventory = inventory(manifest);
    let point = |hour: &i64| Point {
        from: at(*hour),
        at: at(*hour),
        writes: 3,
        size: (3, 3_000),
        state: Digest::of(hour.to_string().as_bytes()),
    };
    inventory.spec.layout = Layout::Versions;
    inventory.versioning = Versioning::Enabled;
    inventory.distribution.origins = vec![origin("web", "/live")];
    let manifest = match inventory.found {
        Found::Builds(found) => found.manifest,
        Found::Versions(found) => found.manifest,
    };
    let (folder, changed_at) = (Some("live/".to_owned()), hours.first().map(|hour| at(*hour)));
    let points = hours.iter().map(point).collect();
    inventory.found =
        Found::Versions(FoundVersions { folder, points, changed_at, manifest, ..FoundVersions::default() });
    inventory
}

#[test]
fn e06_a_point_in_time_that_is_live_and_not_forgotten_is_only_invalidated() {
    let same = || manifest(LIVE, LIVE, Extra::Left, None);
    let now = at(5).to_string();
    let forgotten = kept(same(), &[5, 2]);
    let Planned::NothingToDo { why, .. } = plan(&forgotten, Some(&now)).unwrap() else { panic!("it is live") };
    assert!(why.contains("is live in static site shop-web already: all 3 objects are its own"), "{why}");
    assert!(why.ends_with("may keep it for 5 minutes; a private window shows what is live."), "{why}");
    let mut stale = forgotten;
    stale.invalidated_at = Some(at(4));
    let (step, warnings) = planned(&stale, Some(&now));
    assert_eq!(step.verbs, ["CreateInvalidation"]);
    assert!(step.chosen.unwrap().ends_with("CloudFront was not told since, so only that is done."));
    assert!(warnings[0].contains("Browsers may show the present index.html for up to 5 minutes"), "{warnings:?}");
}

#[test]
fn only_the_folder_that_visitors_see_goes_back() {
    let mut inventory = kept(manifest(GOOD, LIVE, Extra::Deleted, None), &[5, 2]);
    inventory.distribution.origins.push(origin("old", "/old"));
    let (step, warnings) = planned(&inventory, None);
    assert_eq!(step.resource.as_str(), "arn:aws:s3:::shop-web/live/");
    let Work::Site(work) = &step.work else { panic!("it is a site") };
    let SiteWay::Objects(copies) = &work.way else { panic!("it copies") };
    assert_eq!(copies.live, "live/");
    assert!(
        warnings.contains(
            &"Only live/ goes back. The distribution has another origin of this bucket (old/), and nothing of that is changed."
                .to_owned()
        ),
        "{warnings:?}"
    );
    if let Found::Versions(found) = &mut inventory.found {
        found.folder = None;
    }
    let refusal = plan(&inventory, None).unwrap_err().sentence;
    assert!(refusal.contains("its origins web (path /live), old (path /old) differ"), "{refusal}");
    inventory.distribution.origins.iter_mut().for_each(|origin| origin.host = "www.example.com".to_owned());
    let refusal = plan(&inventory, None).unwrap_err().sentence;
    assert!(refusal.starts_with("The distribution E1 takes no objects from the bucket shop-web"), "{refusal}");
}

#[test]
fn what_was_not_looked_at_is_said() {
    let untold = Untold { headers: 7, redirects: 1_200, seals: 3 };
    let sentences = "Of 7 unchanged objects, the headers were not compared. Of 1,200 pages and empty objects that are \
                     copied, it was not looked whether they redirect; a copy does not keep that. Of 3 objects that are \
                     copied, it was not looked how they are encrypted; the copies are encrypted as the bucket does it.";
    let mut copies = inventory(manifest(GOOD, LIVE, Extra::Left, None));
    if let Found::Builds(found) = &mut copies.found {
        found.untold = untold;
    }
    let mut versions = kept(manifest(GOOD, LIVE, Extra::Left, None), &[5, 2]);
    if let Found::Versions(found) = &mut versions.found {
        found.untold = untold;
    }
    for inventory in [copies, versions] {
        let chosen = planned(&inventory, None).0.chosen.unwrap();
        assert!(chosen.contains(sentences), "{chosen}");
    }
}

#[test]
fn where_etags_say_nothing_no_build_is_called_live_and_none_is_called_lost() {
    let mut inventory = inventory(manifest(GOOD, LIVE, Extra::Left, None));
    if let Found::Builds(found) = &mut inventory.found {
        (found.live, found.opaque) = (None, Some(Opaque::Sealed));
    }
    let refusal = plan(&inventory, None).unwrap_err().sentence;
    assert!(refusal.contains("encrypted with a key of KMS") && refusal.contains("`to <build>`: 42, 41"), "{refusal}");
    let (step, _) = planned(&inventory, Some("41"));
    assert!(step.loses[0].starts_with("Which build is live cannot be told"), "{:?}", step.loses);
}
