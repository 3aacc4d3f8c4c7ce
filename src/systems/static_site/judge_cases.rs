//! What follows from what was seen of a static site.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::act::{Do, Receipt, Undone};
use super::distribution::SeenInvalidation;
use super::inventory::{Distribution, Enabled, Origin};
use super::judge::{SiteStep, judge};
use super::manifest::{Extra, Headers, Manifest, Places, Seal, Sealing, Wanted};
use super::object::{Listing, Object};
use super::observe::{Past, SiteSeen, goes_on};
use super::progress::progress;
use super::proof::of_objects;
use crate::incident::site::{ObjectCopies, OriginPath, SiteWay, SiteWork};
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, StepJournal, StepKind as _};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn listing(objects: &[(&str, &str)], second: i64) -> Listing {
    let object = |etag: &str| Object { etag: etag.to_owned(), size: 10, modified: at(second), class: None };
    objects.iter().map(|(key, etag)| ((*key).to_owned(), object(etag))).collect()
}

fn manifest() -> Manifest {
    let build = listing(&[("assets/a.js", "a1"), ("index.html", "i1"), ("same.css", "s")], 0);
    let wanted: BTreeMap<String, Wanted> = build
        .into_iter()
        .map(|(key, object)| (key, Wanted { etag: object.etag, size: object.size, class: None, version: None }))
        .collect();
    let places =
        Places { bucket: "web".to_owned(), source: "releases/1/".to_owned(), live: String::new(), except: None };
    Manifest::between(places, &wanted, &before(), &Headers::default(), Extra::Deleted)
}

fn before() -> Listing {
    listing(&[("assets/b.js", "b2"), ("bad.html", "x"), ("index.html", "i2"), ("same.css", "s")], -1_000)
}

fn work(way: SiteWay) -> SiteWork {
    SiteWork {
        bucket: "web".to_owned(),
        distribution: "E1".to_owned(),
        invalidate: vec!["/*".to_owned()],
        outlives: None,
        way,
    }
}

fn copies() -> SiteWork {
    let manifest = manifest();
    let copies = ObjectCopies { live: String::new(), manifest: manifest.digest(), counts: manifest.counts() };
    work(SiteWay::Objects(copies))
}

fn act(number: u32, what: &Do, outcome: ActOutcome) -> Act {
    Act { number, attempt: 1, what: json!(what), at: at(i64::from(number) * 10), outcome }
}

fn accepted(receipt: &Receipt) -> ActOutcome {
    ActOutcome::Accepted { receipt: json!(receipt), request_id: None }
}

fn all_done(done: u32) -> ActOutcome {
    accepted(&Receipt::Objects { done, undone: Undone::default() })
}

fn journal(acts: &[Act]) -> StepJournal<'_> {
    StepJournal { key: "rb-1-web", attempt: 1, began_at: at(0), acts, remedy: None }
}

fn judged(work: &SiteWork, seen: &SiteSeen, acts: &[Act], second: i64) -> Judgement<Do> {
    let manifest = manifest();
    let step = SiteStep { work, manifest: Some(&manifest) };
    judge(step, seen, &journal(acts), Now::real(at(second)))
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

fn live(listing: Listing) -> SiteSeen {
    SiteSeen { live: Some(listing), ..SiteSeen::default() }
}

fn copy(from: u32, end: u32, there: &str) -> Do {
    Do::CopyObject { ranges: vec![(from, end)], progress: format!("copying: {there} objects are there") }
}

fn invalidate(number: u32) -> Do {
    Do::CreateInvalidation { paths: vec!["/*".to_owned()], reference: format!("rb-1-web-{number}") }
}

#[expect(clippy::unnecessary_wraps, reason = "what is seen has it in an option")]
fn invalidation(status: &str) -> Option<SeenInvalidation> {
    Some(SeenInvalidation {
        id: "I1".to_owned(),
        status: status.to_owned(),
        at: None,
        paths: Vec::new(),
        reference: String::new(),
    })
}

fn with_assets() -> Listing {
    let mut live = before();
    live.extend(listing(&[("assets/a.js", "a1")], 11));
    live
}

fn all_copied() -> Listing {
    let mut live = with_assets();
    live.extend(listing(&[("index.html", "i1")], 21));
    live
}

fn copied_acts() -> Vec<Act> {
    vec![act(1, &copy(0, 1, "0 of 2"), all_done(1)), act(2, &copy(1, 2, "1 of 2"), all_done(1))]
}

#[test]
fn e04_assets_then_pages_then_the_cache_then_deletions() {
    let work = copies();
    assert_eq!(judged(&work, &live(before()), &[], 0), Judgement::Act(copy(0, 1, "0 of 2")));
    let assets = [act(1, &copy(0, 1, "0 of 2"), all_done(1))];
    // Between portions that went well nothing is listed.
    assert_eq!(judged(&work, &SiteSeen::default(), &assets, 11), Judgement::Act(copy(1, 2, "1 of 2")));
    let mut acts = copied_acts();
    assert_eq!(judged(&work, &live(all_copied()), &acts, 31), Judgement::Act(invalidate(3)));
    acts.push(act(3, &invalidate(3), accepted(&Receipt::Invalidated { id: "I1".to_owned() })));
    let going_on = SiteSeen { invalidation: invalidation("InProgress"), ..SiteSeen::default() };
    let Judgement::Wait(progress) = judged(&work, &going_on, &acts, 40) else { panic!("it waits") };
    assert_eq!(progress, "everything is in its place; CloudFront is forgetting /* (invalidation I1)");
    let completed = |live| SiteSeen { live: Some(live), distribution: None, invalidation: invalidation("Completed") };
    let deletes = Do::DeleteObjects { ranges: vec![(0, 2)], progress: "deleting: 0 of 2 objects are gone".to_owned() };
    assert_eq!(judged(&work, &completed(all_copied()), &acts, 60), Judgement::Act(deletes.clone()));
    // A page is among what was deleted, so CloudFront has to forget that too.
    acts.push(act(4, &deletes, all_done(2)));
    let mut end = all_copied();
    end.remove("assets/b.js");
    end.remove("bad.html");
    assert_eq!(judged(&work, &completed(end.clone()), &acts, 70), Judgement::Act(invalidate(5)));
    acts.push(act(5, &invalidate(5), accepted(&Receipt::Invalidated { id: "I2".to_owned() })));
    let Judgement::Done { evidence, .. } = judged(&work, &completed(end), &acts, 90) else { panic!("it is done") };
    let evidence: Vec<&str> = evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    assert_eq!(
        evidence,
        [
            "All 3 objects of the release are live in web/, by ETag and size; 2 were copied (20 bytes).",
            "2 that it does not have were deleted.",
            "CloudFront has forgotten /*: invalidation I1 is completed."
        ]
    );
}

#[test]
fn after_a_crash_only_what_is_not_there_is_copied() {
    let work = copies();
    let lost = [act(1, &copy(0, 1, "0 of 2"), ActOutcome::Unknown)];
    assert!(matches!(judged(&work, &live(before()), &lost, 11), Judgement::Wait(_)), "it may still arrive");
    assert_eq!(judged(&work, &live(with_assets()), &lost, 60), Judgement::Act(copy(1, 2, "1 of 2")));
    assert_eq!(judged(&work, &live(before()), &lost, 60), Judgement::Act(copy(0, 1, "0 of 2")));
}

#[test]
fn what_somebody_else_deploys_meanwhile_is_not_written_over() {
    let mut theirs = with_assets();
    theirs.extend(listing(&[("index.html", "i3")], 15));
    let acts = [act(1, &copy(0, 1, "0 of 2"), ActOutcome::Unknown)];
    let failure = fails(judged(&copies(), &live(theirs), &acts, 60));
    assert!(failure.why.starts_with("Somebody else wrote to web/ meanwhile: 1 live object is"), "{}", failure.why);
    assert_eq!(failure.details, ["Among them: index.html"]);
}

#[rstest]
#[case::denied(Some("AccessDenied"), 1, "Rollbot may not do it (s3:GetObject on the build and s3:PutObject")]
#[case::changed(Some("PreconditionFailed"), 1, "releases/1/ was changed since the plan was made")]
#[case::gone(Some("NoSuchKey"), 1, "releases/1/ was changed since the plan was made")]
#[case::archived(Some("InvalidObjectState"), 1, "releases/1/ is archived")]
#[case::other(Some("EntityTooLarge"), 1, "AWS refuses it (EntityTooLarge)")]
fn what_is_refused_waits_for_a_person(#[case] code: Option<&str>, #[case] refused: u32, #[case] words: &str) {
    let undone =
        Undone { passing: 0, refused, code: code.map(str::to_owned), examples: vec!["assets/a.js: no".to_owned()] };
    let acts = [act(1, &copy(0, 1, "0 of 2"), accepted(&Receipt::Objects { done: 0, undone }))];
    let failure = fails(judged(&copies(), &live(before()), &acts, 60));
    assert!(failure.why.contains(words) && failure.why.starts_with("1 object could not be copied"), "{}", failure.why);
    assert_eq!(failure.details, ["assets/a.js: no"]);
}

#[test]
fn what_s3_throttles_is_tried_again_and_not_for_ever() {
    let undone = Undone { passing: 3, ..Undone::default() };
    let throttled =
        |number| act(number, &copy(0, 1, "0 of 2"), accepted(&Receipt::Objects { done: 0, undone: undone.clone() }));
    let (work, seen) = (copies(), live(before()));
    assert!(matches!(judged(&work, &seen, &[throttled(1)], 11), Judgement::Wait(_)));
    assert_eq!(judged(&work, &seen, &[throttled(1)], 16), Judgement::Act(copy(0, 1, "0 of 2")));
    let four: Vec<Act> = (1..=4).map(throttled).collect();
    assert!(fails(judged(&work, &seen, &four, 60)).why.contains("S3 does not answer or throttles"));
}

#[test]
fn e06_an_invalidation_whose_reply_was_lost_is_found_or_sent_under_the_same_name() {
    let work = copies();
    let mut acts = copied_acts();
    acts.push(act(3, &invalidate(3), ActOutcome::Unknown));
    let seen = |invalidation| SiteSeen { live: Some(all_copied()), distribution: None, invalidation };
    assert!(matches!(judged(&work, &seen(None), &acts, 31), Judgement::Wait(_)));
    assert_eq!(judged(&work, &seen(None), &acts, 60), Judgement::Act(invalidate(3)), "the same reference");
    assert!(matches!(judged(&work, &seen(invalidation("InProgress")), &acts, 60), Judgement::Wait(_)));
    let refused = act(3, &invalidate(3), ActOutcome::Refused { why: "too many".to_owned() });
    acts.pop();
    acts.push(refused);
    assert_eq!(judged(&work, &seen(None), &acts, 60), Judgement::Act(invalidate(4)), "a refused one is ordered anew");
}

fn distribution(path: &str, etag: &str, status: &str) -> SiteSeen {
    let distribution = Distribution {
        arn: "arn:aws:cloudfront::1:distribution/E1".to_owned(),
        etag: etag.to_owned(),
        status: status.to_owned(),
        enabled: Enabled::Yes,
        names: vec!["app.example.com".to_owned()],
        origins: vec![Origin { id: "web".to_owned(), path: path.to_owned(), host: String::new() }],
        default: Some("web".to_owned()),
        root: None,
        changed_at: None,
    };
    SiteSeen { live: None, distribution: Some(distribution), invalidation: None }
}

fn switch() -> SiteWork {
    work(SiteWay::OriginPath(OriginPath {
        origin: "web".to_owned(),
        from: "/releases/2".to_owned(),
        to: "/releases/1".to_owned(),
    }))
}

fn update(etag: &str) -> Do {
    Do::UpdateDistribution { if_match: etag.to_owned(), origin: "web".to_owned(), path: "/releases/1".to_owned() }
}

#[test]
fn e05_the_origin_path_is_switched_spread_and_invalidated() {
    let work = switch();
    assert_eq!(judged(&work, &distribution("/releases/2", "ET1", "Deployed"), &[], 0), Judgement::Act(update("ET1")));
    let mut acts = vec![act(1, &update("ET1"), accepted(&Receipt::Updated { etag: "ET2".to_owned() }))];
    let Judgement::Wait(progress) = judged(&work, &distribution("/releases/1", "ET2", "InProgress"), &acts, 20) else {
        panic!("it waits")
    };
    assert_eq!(progress, "CloudFront is bringing the origin path /releases/1 to all its places");
    let deployed = distribution("/releases/1", "ET2", "Deployed");
    assert_eq!(judged(&work, &deployed, &acts, 60), Judgement::Act(invalidate(2)));
    acts.push(act(2, &invalidate(2), accepted(&Receipt::Invalidated { id: "I1".to_owned() })));
    let done = SiteSeen { invalidation: invalidation("Completed"), ..deployed };
    let Judgement::Done { evidence, .. } = judged(&work, &done, &acts, 90) else { panic!("it is done") };
    assert_eq!(
        evidence[0].text,
        "app.example.com (E1) takes its objects from /releases/1 and is deployed to all places of CloudFront."
    );
}

#[test]
fn a_lost_if_match_is_read_again_and_done_again_where_the_path_is_as_it_was() {
    let work = switch();
    let refused = [act(1, &update("ET1"), ActOutcome::Refused { why: "changed (PreconditionFailed)".to_owned() })];
    let again = judged(&work, &distribution("/releases/2", "ET9", "Deployed"), &refused, 20);
    assert_eq!(again, Judgement::Act(update("ET9")));
    let failure = fails(judged(&work, &distribution("/releases/3", "ET9", "Deployed"), &refused, 20));
    assert!(failure.why.contains("it is /releases/3 now, and was /releases/2"), "{}", failure.why);
    let lost = [act(1, &update("ET1"), ActOutcome::Unknown)];
    let unchanged = distribution("/releases/2", "ET1", "Deployed");
    assert!(matches!(judged(&work, &unchanged, &lost, 12), Judgement::Wait(_)));
    assert_eq!(judged(&work, &unchanged, &lost, 60), Judgement::Act(update("ET1")));
    let done = [act(1, &update("ET1"), accepted(&Receipt::Updated { etag: "ET2".to_owned() }))];
    let failure = fails(judged(&work, &distribution("/releases/2", "ET3", "Deployed"), &done, 60));
    assert!(failure.why.contains("somebody has set it back to /releases/2"), "{}", failure.why);
}

#[test]
fn a_step_without_its_list_does_nothing() {
    let work = copies();
    let step = SiteStep { work: &work, manifest: None };
    let failure = fails(judge(step, &live(before()), &journal(&[]), Now::real(at(0))));
    assert_eq!(failure.finding, Finding::Inconclusive);
}

#[test]
fn objects_are_listed_only_when_something_follows_from_it() {
    let manifest = manifest();
    let entries = |outcome| {
        let acts = [act(1, &copy(0, 1, "0 of 2"), outcome)];
        let entries: Vec<Past> = journal(&acts).entries().unwrap();
        entries
    };
    let goes_on = |outcome| goes_on(&manifest, &entries(outcome)[0], None);
    assert!(goes_on(all_done(1)), "one more portion is to come");
    assert!(!goes_on(ActOutcome::Unknown));
    let undone = Undone { passing: 1, ..Undone::default() };
    assert!(!goes_on(accepted(&Receipt::Objects { done: 0, undone })));
}

#[test]
fn a_stop_carries_a_copy_that_has_begun_to_its_end_and_begins_no_other() {
    let (work, manifest) = (copies(), manifest());
    let step = SiteStep { work: &work, manifest: Some(&manifest) };
    let completes =
        |step: SiteStep<'_>, what: &Do, acts: &[Act]| step.completes(what, &SiteSeen::default(), &journal(acts));
    let rest =
        [copy(1, 2, "1 of 2"), invalidate(3), Do::DeleteObjects { ranges: vec![(0, 2)], progress: String::new() }];
    for what in rest {
        assert!(!completes(step, &what, &[]), "nothing has begun: {what:?}");
        assert!(completes(step, &what, &[act(1, &copy(0, 1, "0 of 2"), all_done(1))]), "{what:?}");
        assert!(completes(step, &what, &[act(1, &copy(0, 1, "0 of 2"), ActOutcome::Unknown)]), "{what:?}");
        let refused = ActOutcome::Refused { why: "no".to_owned() };
        assert!(!completes(step, &what, &[act(1, &copy(0, 1, "0 of 2"), refused)]), "{what:?}");
        let before = Act { attempt: 0, ..act(1, &copy(0, 1, "0 of 2"), all_done(1)) };
        assert!(!completes(step, &what, &[before]), "another attempt is a new undertaking: {what:?}");
    }
    let switch = switch();
    let step = SiteStep { work: &switch, manifest: None };
    let switched = [act(1, &update("ET1"), accepted(&Receipt::Updated { etag: "ET2".to_owned() }))];
    assert!(completes(step, &invalidate(2), &switched));
    assert!(!completes(step, &update("ET2"), &[act(1, &update("ET1"), ActOutcome::Unknown)]));
}

#[test]
fn the_proof_says_by_what_objects_were_compared() {
    let line = |second: &str| {
        let build = listing(&[("assets/a.js", "a1"), ("index.html", "i1"), ("same.css", "s")], 0);
        let wanted = |object: Object| Wanted { etag: object.etag, size: object.size, class: None, version: None };
        let wanted = build.into_iter().map(|(key, object)| (key, wanted(object))).collect();
        let places =
            Places { bucket: "web".to_owned(), source: "releases/1/".to_owned(), live: String::new(), except: None };
        let seal = Seal { algorithm: "aws:kms".to_owned(), key: None };
        let headers = Headers { sealing: Sealing::Alike(seal), ..Headers::default() };
        let manifest = Manifest::between(places, &wanted, &before(), &headers, Extra::Left);
        let live = listing(&[("assets/a.js", second), ("index.html", "other"), ("same.css", "s")], 21);
        let found = progress(&manifest, &live, Some(at(5)));
        of_objects(&copies(), &manifest, &live, &found, "I1").remove(0).text
    };
    let why = "encryption with KMS and uploads in parts leave an ETag that says nothing of the bytes";
    assert_eq!(
        line("a1"),
        format!(
            "All 3 objects of the release are live in web/, 2 by ETag and size, 1 by size and by the time of their copy: \
             {why}; 2 were copied (20 bytes)."
        )
    );
    assert!(line("a9").contains("1 by ETag and size, 2 by size and by the time of their copy"), "{}", line("a9"));
}
