//! A static site in S3 behind CloudFront through the whole bot: the frontend half of the runbook ecs-playbook, with the
//! backend beside it. What a viewer gets follows from the objects, the origin path and what CloudFront has forgotten.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "these are tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rollbot::sandbox::aws::{SeedBucket, SeedObject};
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::wire::{Call, Fault, Moment};
use support::{Play, configure, scenario};

const SITE: &str = "E2SHOPWEB0001";
const GOOD: &str = "2026-11-17-77ab0d2";

/// What somebody who opens the site gets.
async fn page(play: &Play) -> String {
    let address = play.stage.aws.site(SITE).expect("there is a site");
    reqwest::get(format!("{address}/")).await.expect("it answers").text().await.expect("it is text")
}

/// A message on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "·")).collect::<Vec<_>>().join(" ")
}

fn thread(play: &Play) -> String {
    flat(&play.thread().join("\n"))
}

/// The writes to S3 and CloudFront, in order: the verb, and the key where it is one of an object.
fn writes(play: &Play) -> Vec<(String, String)> {
    let calls = play.aws_writes().into_iter();
    let calls = calls.filter(|call| ["s3", "cloudfront"].contains(&call.service.as_str()));
    calls
        .map(|call| {
            (call.operation, call.request.get("Key").and_then(|key| key.as_str()).unwrap_or_default().to_owned())
        })
        .collect()
}

fn verbs(play: &Play) -> Vec<String> {
    writes(play).into_iter().map(|(verb, _)| verb).collect()
}

fn bucket(scenario: &mut Scenario) -> &mut SeedBucket {
    scenario.seed.buckets.get_mut("shop-web").expect("the world has a bucket")
}

/// `CloudFront` forgets within a minute, where a test is about something else.
fn quickly_forgotten(scenario: &mut Scenario) {
    scenario.seed.distributions.get_mut(SITE).expect("there is a distribution").invalidates_for =
        Duration::from_mins(1);
}

async fn story(variant: &str) -> Play {
    let scenario = scenario(Some(variant));
    let mut play = Play::of(&scenario).await;
    assert!(page(&play).await.contains("blank"), "the bad page is live");
    play.tell(scenario.story).await;
    play
}

async fn proposed(scenario: &Scenario, command: &str) -> Play {
    let mut play = Play::of(scenario).await;
    play.propose("dev", command).await;
    play
}

async fn rolled_back(play: &mut Play) {
    play.approve("sre").await;
    play.until("the verdict", |play| thread(play).contains("is rolled back")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e04_both_halves_go_back_side_by_side_and_the_build_is_synced_with_delete() {
    let mut play = story("frontend").await;
    assert!(page(&play).await.contains("shop v42"));
    assert_eq!(play.running(), ["v42", "v42"]);
    let text = |verb: &str, key: &str| (verb.to_owned(), key.to_owned());
    assert_eq!(
        writes(&play),
        [
            text("CopyObject", "live/assets/app-77ab0d2.js"),
            text("CopyObject", "live/index.html"),
            text("CreateInvalidation", ""),
            text("DeleteObjects", ""),
        ],
        "{}",
        play.seen()
    );
    // The thread is told after the record: Slack takes a post a second.
    play.until("the proof", |play| thread(play).contains("All 3 objects of the release are live in shop-web/live/"))
        .await;
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e08_critical_flows_are_tried_by_a_person_before_the_checks() {
    let mut play = story("frontend").await;
    play.until("what is asked", |play| thread(play).contains("log in, open Discover, open a profile with photos"))
        .await;
    play.until("the note", |play| thread(play).contains("all three work")).await;
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e06_an_invalidation_that_takes_its_time_is_waited_for_and_ordered_once() {
    let mut play = story("frontend-only").await;
    assert!(page(&play).await.contains("shop v42"), "CloudFront has forgotten the bad page");
    assert_eq!(play.calls_of("CreateInvalidation").len(), 1, "{}", play.seen());
    play.until("the proof", |play| thread(play).contains("a private window shows what is live")).await;
    assert_eq!(play.running(), ["v43", "v43"], "the backend was left alone");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e06_nothing_is_called_done_while_cloudfront_still_shows_the_bad_page() {
    let scenario = scenario(Some("frontend-only"));
    let mut play = proposed(&scenario, "/rollback prod app only frontend because it is blank").await;
    play.approve("sre").await;
    play.until("the copies", |play| thread(play).contains("CreateInvalidation")).await;
    assert!(page(&play).await.contains("blank"), "its caches have the bad page");
    play.assert_never_called_rolled_back();
    play.until("the wait", |play| thread(play).contains("CloudFront is forgetting")).await;
    play.until("the verdict", |play| play.card_text().contains("rolled back")).await;
    assert!(page(&play).await.contains("shop v42"));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e05_the_origin_path_is_switched_though_somebody_else_was_quicker_once() {
    let play = story("frontend-origin-path").await;
    assert!(page(&play).await.contains("shop v42"));
    assert_eq!(verbs(&play), ["UpdateDistribution", "UpdateDistribution", "CreateInvalidation"], "{}", play.seen());
    let updates = play.calls_of("UpdateDistribution");
    assert_eq!(updates.iter().map(|call| call.status).collect::<Vec<_>>(), [412, 200]);
    assert_eq!(
        updates[1].request.pointer("/DistributionConfig/Comment").and_then(|comment| comment.as_str()),
        Some("changed by hand, 0 to go"),
        "what somebody else changed is kept"
    );
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e05_a_point_in_time_is_restored_from_the_buckets_versions() {
    let play = story("frontend-versions").await;
    assert!(page(&play).await.contains("shop v42"));
    let copies = play.calls_of("CopyObject");
    assert_eq!(copies.len(), 2, "{}", play.seen());
    let is_version = |call: &Call| call.request["CopySource"].as_str().is_some_and(|from| from.contains("versionId="));
    assert!(copies.iter().all(is_version));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_04_any_build_can_be_named_and_one_that_is_not_there_is_refused_with_those_that_are() {
    let scenario = scenario(Some("frontend-only"));
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod app to v99 only frontend because it is blank").await;
    play.until("a refusal", |play| play.card_text().contains("There is no build")).await;
    assert!(flat(&play.card_text()).contains("2026-11-20-0badc0d, 2026-11-17-77ab0d2, 2026-11-10-9f3c1ab"));
    play.propose("dev", "/rollback prod app to 9f3c1ab only frontend because it is blank").await;
    rolled_back(&mut play).await;
    assert!(page(&play).await.contains("shop v41"));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_are_listed_with_age_and_size_and_the_live_one_is_told() {
    let mut play = Play::of(&scenario(Some("frontend-only"))).await;
    let listed = flat(&play.ask("dev", "/rollback releases prod app").await);
    assert!(listed.contains("2026-11-17-77ab0d2 (3 objects, "), "{listed}");
    assert!(listed.contains("2026-11-20-0badc0d") && listed.contains("runs now"), "{listed}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_build_is_live_after_half_a_deployment() {
    let mut scenario = scenario(Some("frontend-only"));
    let objects = &mut bucket(&mut scenario).objects;
    objects.retain(|object| object.key != "live/assets/app-0badc0d.js");
    let mut play = Play::of(&scenario).await;
    let listed = flat(&play.ask("dev", "/rollback releases prod app").await);
    assert!(listed.contains("unknown build"), "{listed}");
    play.type_command("dev", "/rollback prod app only frontend because it is blank").await;
    play.until("a refusal", |play| play.card_text().contains("none of the builds under builds/")).await;
    play.propose("dev", &format!("/rollback prod app to {GOOD} only frontend because it is blank")).await;
    rolled_back(&mut play).await;
    assert!(page(&play).await.contains("shop v42"));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e01_the_backend_alone_goes_back() {
    let mut scenario = scenario(Some("frontend"));
    // The UI loads: what is live is the good build.
    for object in &mut bucket(&mut scenario).objects {
        if object.key == "live/index.html" {
            object.body = object.body.replace("<!-- blank -->", "<main id=app>shop v43</main>");
        }
    }
    let mut play = proposed(&scenario, "/rollback prod app only backend because checkout answers 500").await;
    rolled_back(&mut play).await;
    assert_eq!(play.running(), ["v42", "v42"]);
    assert!(verbs(&play).is_empty(), "the frontend was left alone");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frontend_looks_unchanged_after_rollback_is_answered() {
    let scenario = scenario(Some("frontend-only"));
    // The build is live, and CloudFront was never told: asked for, only that is done.
    let play = proposed(&scenario, "/rollback prod app to 0badc0d only frontend because it looks unchanged").await;
    let card = flat(&play.card_text());
    assert!(card.contains("CloudFront was not told since, so only that is done"), "{card}");
    assert!(card.contains("Browsers may show the present index.html for up to 60 minutes"), "{card}");
    play.leave().await;

    let mut play = story("frontend-only").await;
    play.type_command("dev", &format!("/rollback prod app to {GOOD} only frontend because it looks unchanged")).await;
    play.until("an answer", |play| play.card_text().contains("CloudFront has forgotten the ones before")).await;
    let card = flat(&play.card_text());
    assert!(card.contains("all 3 objects are its own"), "{card}");
    assert!(card.contains("a private window shows what is live"), "{card}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_08_headers_go_back_with_the_content_and_what_no_build_has_stays() {
    let mut scenario = scenario(Some("frontend-only"));
    configure(&mut scenario, "deletes: last", "deletes: never");
    let objects = &mut bucket(&mut scenario).objects;
    for object in objects.iter_mut().filter(|object| object.key == "live/favicon.svg") {
        object.cache_control = Some("max-age=31536000".to_owned());
    }
    objects.push(SeedObject {
        key: "live/config.json".to_owned(),
        body: "{\"api\": \"https://api.example.com\"}".to_owned(),
        age: Duration::from_hours(900),
        ..SeedObject::default()
    });
    let mut play = proposed(&scenario, "/rollback prod app only frontend because it is blank").await;
    assert!(flat(&play.card_text()).contains("copy 3 objects"), "{}", play.card_text());
    rolled_back(&mut play).await;
    let copied: Vec<String> = writes(&play).into_iter().map(|(_, key)| key).collect();
    assert!(copied.contains(&"live/favicon.svg".to_owned()), "{copied:?}");
    assert!(play.calls_of("DeleteObjects").is_empty());
    let address = play.stage.aws.site(SITE).expect("there is a site");
    let config = reqwest::get(format!("{address}/config.json")).await.expect("it answers");
    assert_eq!(config.status(), 200, "what no build has is still there");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_16_no_viewer_meets_a_page_without_its_assets() {
    let mut scenario = scenario(Some("frontend-only"));
    scenario.seed.distributions.get_mut(SITE).expect("there is a distribution").warm.clear();
    let mut play = proposed(&scenario, "/rollback prod app only frontend because it is blank").await;
    let aws = play.stage.aws.clone();
    let broken = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&broken);
    // Whenever an object is about to be written or has been, somebody opens the page past every cache.
    play.stage.wire.interfere(Some(Arc::new(move |call: &Call, _: Moment| {
        let (aws, seen) = (aws.clone(), Arc::clone(&seen));
        let is_write = call.writes && call.service == "s3";
        Box::pin(async move {
            if is_write {
                let address = aws.site(SITE)?;
                let page = reqwest::get(format!("{address}/index.html")).await.ok()?.text().await.ok()?;
                let asset = page.split("src=").nth(1)?.split('>').next()?.to_owned();
                let status = reqwest::get(format!("{address}{asset}")).await.ok()?.status();
                if status != 200 {
                    seen.lock().ok()?.push(format!("{asset} answers {status}"));
                }
            }
            None::<Fault>
        })
    })));
    rolled_back(&mut play).await;
    assert!(broken.lock().expect("it can be read").is_empty(), "{broken:?}");
    assert!(page(&play).await.contains("shop v42"));
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_failures_of_deletions_are_read_and_a_person_decides() {
    let mut scenario = scenario(Some("frontend-only"));
    bucket(&mut scenario).locked.push("live/assets/app-0badc0d.js".to_owned());
    let mut play = proposed(&scenario, "/rollback prod app only frontend because it is blank").await;
    play.approve("sre").await;
    play.until("the failure", |play| play.card_text().contains("could not be deleted")).await;
    let card = flat(&play.card_text());
    assert!(card.contains("1 object could not be deleted: Rollbot may not do it (s3:DeleteObject)"), "{card}");
    assert!(page(&play).await.contains("shop v42"), "everything else is in its place");
    play.click("dev", "Stop").await;
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    let card = flat(&play.card_text());
    let parts = format!("frontend may have parts of 2026-11-20-0badc0d and parts of {GOOD}");
    assert!(card.contains(&parts) && !card.contains("on its way"), "{card}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_and_the_thread_read_well() {
    let scenario = scenario(Some("frontend"));
    let mut play = proposed(&scenario, "/rollback prod app because the page is blank and checkout answers 500").await;
    let card = play.card_text();
    let wanted = [
        "*frontend*, static site shop-web/live: 2026-11-20-0badc0d → 2026-11-17-77ab0d2",
        "Changes of shop-web",
        "copy 2 objects (1",
        "delete 1, leave 1",
        "1 live object is deleted: it is not in 2026-11-17-77ab0d2 (assets/app-0badc0d.js).",
        "no invalidation reaches them",
        "Matched by commit: all of these were built from 77ab0d2.",
    ];
    let flat = flat(&card).replace('*', "");
    for part in wanted {
        assert!(flat.contains(&part.replace('*', "")), "{part}\n{card}");
    }
    rolled_back(&mut play).await;
    for part in [
        "1 object copied (",
        "All 3 objects of the release are live in shop-web/live/, by ETag and size; 2 were copied",
        "1 that it does not have were deleted.",
        ": invalidation I",
        "Browsers that have the earlier page may show it for up to 60 minutes",
    ] {
        play.until(part, |play| thread(play).contains(part)).await;
    }
    play.leave().await;
}

/// The site that keeps versions, moved into the folder `live/` of its bucket, with other things beside it that were written
/// to after the bad deployment.
fn in_a_folder() -> Scenario {
    let mut scenario = scenario(Some("frontend-versions"));
    let distribution = scenario.seed.distributions.get_mut(SITE).expect("there is a distribution");
    "/live".clone_into(&mut distribution.origins.first_mut().expect("it has an origin").path);
    let objects = &mut bucket(&mut scenario).objects;
    for object in objects.iter_mut() {
        object.key = format!("live/{}", object.key);
    }
    let foreign = |key: &str, body: &str, minutes: u64| SeedObject {
        key: key.to_owned(),
        body: body.to_owned(),
        age: Duration::from_mins(minutes),
        ..SeedObject::default()
    };
    objects.push(foreign("logs/today.log", "started", 9_000));
    objects.push(foreign("logs/today.log", "started, and more", 5));
    objects.push(foreign("logs/new.log", "new", 4));
    objects.push(foreign("other/index.html", "another site", 18));
    scenario
}

#[tokio::test(flavor = "multi_thread")]
async fn e05_versions_of_other_things_in_the_bucket_stay_as_they_are() {
    let mut play = proposed(&in_a_folder(), "/rollback prod app only frontend because it is blank").await;
    let card = flat(&play.card_text());
    assert!(card.contains("copy 2 objects"), "{card}");
    assert!(card.contains("Browsers may show the present index.html for up to 60 minutes"), "{card}");
    rolled_back(&mut play).await;
    assert!(page(&play).await.contains("shop v42"));
    let written: Vec<String> = writes(&play).into_iter().map(|(_, key)| key).filter(|key| !key.is_empty()).collect();
    assert!(written.len() == 2 && written.iter().all(|key| key.starts_with("live/")), "{written:?}");
    let deleted = play.calls_of("DeleteObjects").into_iter().map(|call| call.request.to_string()).collect::<String>();
    assert!(deleted.contains("live/assets/app-0badc0d.js") && !deleted.contains("logs/"), "{deleted}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_in_time_that_looks_unchanged_after_rollback_is_answered_too() {
    let unchanged = |play: &Play| {
        let now = play.stage.clock.now().at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        format!("/rollback prod app to {now} only frontend because it looks unchanged")
    };
    let mut play = Play::of(&scenario(Some("frontend-versions"))).await;
    let command = unchanged(&play);
    play.propose("dev", &command).await;
    let card = flat(&play.card_text());
    assert!(card.contains("CloudFront was not told since, so only that is done"), "{card}");
    play.leave().await;

    let mut play = story("frontend-versions").await;
    let command = unchanged(&play);
    play.type_command("dev", &command).await;
    play.until("an answer", |play| play.card_text().contains("CloudFront has forgotten the ones before")).await;
    assert!(flat(&play.card_text()).contains("a private window shows what is live"), "{}", play.card_text());
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_copy_leaves_no_half_of_a_site() {
    let mut scenario = scenario(Some("frontend-only"));
    quickly_forgotten(&mut scenario);
    let mut play = proposed(&scenario, "/rollback prod app only frontend because it is blank").await;
    play.stop_during("CopyObject").await;
    assert_eq!(verbs(&play), ["CopyObject", "CopyObject", "CreateInvalidation", "DeleteObjects"], "{}", play.seen());
    assert!(page(&play).await.contains("shop v42"));
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    let card = flat(&play.card_text());
    assert!(card.contains(&format!("not proved: frontend runs {GOOD}")), "{card}");
    assert!(!card.contains("on its way"), "{card}");
    play.assert_never_called_rolled_back();
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_that_kms_encrypts_are_not_guessed_at_and_each_copy_is_encrypted_as_its_source() {
    let mut scenario = scenario(Some("frontend-only"));
    for object in &mut bucket(&mut scenario).objects {
        let is_plain = object.key.split('.').next_back() == Some("svg");
        object.kms_key = (!is_plain).then(|| "arn:aws:kms:eu-north-1:123456789012:key/web".to_owned());
        // Its name and its size are those of the build's; only what is in it differs.
        if is_plain && object.key.starts_with("live/") {
            "<SVG/>".clone_into(&mut object.body);
        }
        if object.key == "builds/2026-11-17-77ab0d2/favicon.svg" {
            object.key = "builds/2026-11-17-77ab0d2/about".to_owned();
        }
    }
    quickly_forgotten(&mut scenario);
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod app only frontend because it is blank").await;
    play.until("a refusal", |play| play.card_text().contains("cannot be told")).await;
    let card = flat(&play.card_text());
    assert!(card.contains("encrypted with a key of KMS, so an ETag says nothing"), "{card}");
    assert!(card.contains("to <build>") && card.contains(GOOD), "{card}");
    play.propose("dev", &format!("/rollback prod app to {GOOD} only frontend because it is blank")).await;
    let card = flat(&play.card_text());
    assert!(card.contains("each copy is encrypted as its source is"), "{card}");
    rolled_back(&mut play).await;
    assert!(page(&play).await.contains("shop v42"));
    let mut sealed: Vec<(String, String)> = play
        .calls_of("CopyObject")
        .into_iter()
        .map(|call| {
            let said = |member: &str| call.request[member].as_str().unwrap_or_default().to_owned();
            (said("Key"), said("ServerSideEncryption"))
        })
        .collect();
    sealed.sort();
    let sealed: Vec<(&str, &str)> = sealed.iter().map(|(key, how)| (key.as_str(), how.as_str())).collect();
    assert_eq!(
        sealed,
        [("live/about", "AES256"), ("live/assets/app-77ab0d2.js", "aws:kms"), ("live/index.html", "aws:kms")]
    );
    play.until("the proof", |play| {
        thread(play).contains("1 by ETag and size, 2 by size and by the time of their copy")
    })
    .await;
    play.leave().await;
}

/// How many objects the large site has: 10,000 take some minutes of a build for tests, so that many are asked for.
fn objects() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test reads how much it is asked for")]
    let asked = std::env::var("ROLLBOT_SITE_OBJECTS");
    asked.ok().and_then(|number| number.parse().ok()).unwrap_or(2_500)
}

/// A site of so many objects, all of which differ between its builds.
fn large(objects: usize) -> Scenario {
    let mut scenario = scenario(Some("frontend-only"));
    let bucket = bucket(&mut scenario);
    let seeded = bucket.objects.clone();
    for object in seeded {
        let Some((place, "index.html")) = object.key.rsplit_once('/') else { continue };
        for number in 0..objects {
            bucket.objects.push(SeedObject {
                key: format!("{place}/assets/{number:05}.js"),
                body: format!("{}{number}", object.body),
                cache_control: None,
                content_type: Some("text/javascript".to_owned()),
                ..object.clone()
            });
        }
    }
    // Ten thousand objects take real time, however fast the clock runs.
    scenario.fastest = 10;
    scenario
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_many_objects_killed_in_the_middle_goes_on_and_copies_nothing_twice() {
    let objects = objects();
    let mut play = Play::staged(&large(objects)).await;
    play.patience = Duration::from_mins(20);
    play.stage.begin().await.expect("the bot starts");
    // The journal is long: it is read once, at the end.
    let copies = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&copies);
    play.on_wire(move |call, moment| {
        if call.operation == "CopyObject" && moment == Moment::After {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        None
    });
    play.propose("dev", "/rollback prod app only frontend because it is blank").await;
    play.approve("sre").await;
    while copies.load(Ordering::Relaxed) <= objects / 3 {
        play.stage.clock.sleep_really(Duration::from_millis(5)).await;
    }
    play.stage.bot.kill().await.expect("it is killed");
    let before = copies.load(Ordering::Relaxed);
    assert!(before < objects, "it was killed in the middle, after {before}");
    play.stage.bot.start().await.expect("it starts again");
    play.until("the verdict", |play| play.card_text().contains("rolled back")).await;
    assert!(page(&play).await.contains("shop v42"));
    let mut keys: Vec<String> =
        writes(&play).into_iter().filter(|(verb, _)| verb == "CopyObject").map(|of| of.1).collect();
    assert_eq!(keys.last().map(String::as_str), Some("live/index.html"), "the page comes last");
    let copied = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), objects + 2, "every object was copied");
    assert_eq!(copied - keys.len(), 0, "none twice");
    let incident = play.incidents().await.remove(0);
    let record = serde_json::to_string(&incident).expect("it has a JSON form");
    assert!(record.len() < 40_000, "the record has {} bytes", record.len());
    let posts = play.thread().len();
    assert!(posts < 25, "{posts} posts");
    play.leave().await;
}
