//! Amplify Hosting through the whole bot: a branch taken back by a rebuild or from its files, a domain led back to the
//! standby, and automatic builds held back. What counts is what visitors get and which calls were made.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it saw and ends")]

mod support;

use rollbot::incident::due::{Phase, phase};
use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::SeedCommit;
use rollbot::sandbox::scenario::Scenario;
use rollbot::sandbox::wire::{Call, Fault, Moment};
use serde_json::{Value, json};
use support::{Play, calm, configure, verdict};

const APP: &str = "d1a2b3c4d5";

/// The commit of job `number`.
fn commit(number: u32) -> String {
    format!("{number}c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1")
}

/// An app with a repository: jobs 6, 7 and 8 of `main`, of which 8 answers 500.
fn shop() -> Value {
    let commits = (6..=9).map(|n| json!({ "id": commit(n), "summary": format!("Release v{n}") })).collect::<Vec<_>>();
    json!({
        "id": APP,
        "name": "shop-frontend",
        "repository": "https://github.com/example/shop",
        "commits": commits,
        "build_seconds": 60,
        "branches": [{
            "name": "main",
            "first_job": 6,
            "jobs": [
                { "commit": commit(6), "age": "240h" },
                { "commit": commit(7), "age": "74h" },
                { "commit": commit(8), "age": "19m" },
            ],
        }],
        "site": { commit(8): { "/health": { "status": 500, "body": "broken" } } },
    })
}

const BRANCH: &str = "- amplify: { name: frontend, app: shop-frontend, branch: main }";
const FROZEN: &str = "\n    freeze: [{ amplify_auto_build: { app: shop-frontend, branch: main } }]";

/// A service `web` with one target.
fn web(app: Value, target: &str, freeze: &str, site: &'static str) -> Scenario {
    let mut scenario = calm(None);
    scenario.seed.apps = vec![serde_json::from_value(app).expect("an app")];
    scenario.site_of = site;
    let (head, _) = scenario.configuration.split_once("services:").expect("services");
    let configuration = format!(
        "{head}services:\n  web:{freeze}\n    targets:\n      {target}\n    verify:\n      - http: {{ url: \
         \"${{site}}/health\", status: 200, passes: 3, every: 5s, within: 2h }}\n"
    );
    scenario.configuration = configuration.leak();
    scenario
}

fn branch(app: Value) -> Scenario {
    let mut scenario = web(app, BRANCH, "", "shop-frontend");
    configure(&mut scenario, "verify:\n", "verify:\n      - amplify: { of: frontend }\n");
    scenario
}

/// What was written to Amplify and taken, in order.
fn writes(play: &Play) -> Vec<String> {
    let taken = |call: &Call| call.operation != "AssumeRole" && (200..300).contains(&call.status);
    play.aws_writes().into_iter().filter(taken).map(|call| call.operation).collect()
}

fn one_line(text: &str) -> String {
    text.split(['│', ' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn card(play: &Play) -> String {
    one_line(&play.card_text())
}

fn thread(play: &Play) -> String {
    one_line(&play.thread().join("\n"))
}

fn published(play: &Play) -> Option<String> {
    play.stage.aws.published(APP, "main")
}

async fn rolled_back(play: &mut Play, command: &str) -> String {
    play.propose("dev", command).await;
    let card = card(play);
    play.approve("sre").await;
    let incident = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&incident), Some(Verdict::RolledBack), "{}", play.seen());
    card
}

/// A card, a line for each of its points, without what differs from one play to the next: times, ids and ports.
fn timeless(card: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let card = card.split_once("asks to roll").map_or(card, |(_, rest)| rest);
    let card = card.split_once("Needs 1 more").map_or(card, |(rest, _)| rest);
    let words: Vec<&str> = card.split(' ').collect();
    let is_day = |place: usize| words.get(place).is_some_and(|word| word.parse::<u8>().is_ok());
    let next = |place: usize| words.get(place + 1).map_or("", |next| next.trim_end_matches(['.', ')', ',']));
    let word = |(place, word): (usize, &&str)| {
        let is_time = word.len() == 5 && word.chars().all(|c| c.is_ascii_digit() || c == ':');
        if word.contains("127.0.0.1:") {
            "http://…/health".to_owned()
        } else if is_time
            || (is_day(place) && MONTHS.contains(&next(place)))
            || (MONTHS.contains(word) && place.checked_sub(1).is_some_and(is_day))
        {
            "…".to_owned()
        } else if ["min", "s", "minutes", "days"].contains(&next(place)) {
            "n".to_owned()
        } else {
            (*word).to_owned()
        }
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ").replace(" • ", "\n• ")
}

/// Asks for a rollback that comes to nothing; what the card says.
async fn ends_at_once(play: &mut Play, command: &str) -> String {
    play.type_command("dev", command).await;
    play.until_recorded("the end", Incident::is_closed).await;
    play.until("the end on the card", |play| !play.card_text().contains("looking for the way back")).await;
    card(play)
}

/// B3, B9, P3: the app is found by its name, its last good job is built again, and the page is looked at over HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn b03_the_last_good_job_is_built_again_and_proved() {
    let mut play = Play::of(&branch(shop())).await;
    let card = rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    for said in [
        "Amplify app shop-frontend, branch main",
        "8c9d5e71 (job 8: Release v8)",
        "7c9d5e71 (job 7: Release v7)",
        "Amplify has no instant rollback",
        "a job of main of shop-frontend that is under way is stopped",
    ] {
        assert!(card.contains(said), "{said} is not in {card}");
    }
    assert_eq!(writes(&play), ["StartJob"]);
    let start = play.calls_of("StartJob").remove(0).request;
    assert_eq!((&start["jobType"], &start["jobId"]), (&json!("RETRY"), &json!("7")));
    assert_eq!(published(&play), Some(commit(7)));
    play.until("the proof", |play| thread(play).contains("is the active one (activeJobId)")).await;
    let thread = thread(&play);
    assert!(thread.contains("job 9: BUILD succeeded"), "{thread}");
    assert!(thread.contains("it built"), "{thread}");
    // B9: the checks over HTTP have passed, and the status says what runs.
    assert!(thread.contains("/health answers 200") && thread.contains("passed"), "{thread}");
    let status = play.ask("dev", "/rollback status prod web").await;
    assert!(status.contains("runs 7c9d5e71 (job 9: Release v7)"), "{status}");
    insta::assert_snapshot!("branch", timeless(&card));
    play.leave().await;
}

/// Going back a second time leads to job 6, and neither to what was bad nor to what is live.
#[tokio::test(flavor = "multi_thread")]
async fn b03_going_back_twice_does_not_lead_into_the_bad_one() {
    let mut play = Play::of(&branch(shop())).await;
    rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    play.until_recorded("the end", Incident::is_closed).await;
    rolled_back(&mut play, "/rollback prod web because that was not enough").await;
    assert_eq!(published(&play), Some(commit(6)));
    play.leave().await;
}

/// B8: history and status.
#[tokio::test(flavor = "multi_thread")]
async fn b08_releases_and_status_are_told() {
    let mut app = shop();
    app["branches"][0]["jobs"][1]["ended"] = json!({ "failed": { "step": "BUILD", "reason": "npm ci failed" } });
    let mut play = Play::of(&branch(app)).await;
    let releases = one_line(&play.ask("dev", "/rollback releases prod web").await);
    assert!(releases.contains("8c9d5e71 (job 8: Release v8): runs now"), "{releases}");
    assert!(releases.contains("7c9d5e71 (job 7: Release v7): failed"), "{releases}");
    assert!(releases.contains("6c9d5e71 (job 6: Release v6): good, deployed 9 days ago"), "{releases}");
    let status = play.ask("dev", "/rollback status prod web").await;
    assert!(status.contains("runs 8c9d5e71 (job 8: Release v8)"), "{status}");
    play.leave().await;
}

/// B7: “No previous Amplify deployment found” is answered by why, and by what to do.
#[tokio::test(flavor = "multi_thread")]
async fn b07_no_previous_deployment_is_answered() {
    let mut app = shop();
    for number in 0..2 {
        app["branches"][0]["jobs"][number]["ended"] =
            json!({ "failed": { "step": "BUILD", "reason": "npm ci failed" } });
    }
    let mut play = Play::of(&branch(app)).await;
    let card = ends_at_once(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("No previous Amplify deployment found"), "{card}");
    assert!(card.contains("no job of main of shop-frontend succeeded before job 8 of 8c9d5e71"), "{card}");
    assert!(card.contains("Push a commit that is known to be good"), "{card}");
    assert_eq!(writes(&play), Vec::<String>::new());
    play.leave().await;
}

/// B7: a deployment that failed was never live, so there is nothing to take back, and it says how to go further.
#[tokio::test(flavor = "multi_thread")]
async fn b07_a_failed_deployment_was_never_live() {
    let mut app = shop();
    app["branches"][0]["jobs"][2]["ended"] = json!({ "failed": { "step": "BUILD", "reason": "npm ci failed" } });
    let mut play = Play::of(&branch(app)).await;
    let card = ends_at_once(&mut play, "/rollback prod web because the deployment failed").await;
    assert!(card.contains("failed and was never live: visitors still get job 7 of 7c9d5e71"), "{card}");
    rolled_back(&mut play, "/rollback prod web to job-6 because 7 is bad too").await;
    assert_eq!(published(&play), Some(commit(6)));
    play.leave().await;
}

/// P-9: Amplify loses the commit and builds the newest one. That is stopped at once, said loudly, and never called
/// rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn peer_09_a_rebuild_of_head_is_stopped_and_reported() {
    let mut app = shop();
    app["branches"][0]["jobs"][1]["loses_commit"] = json!(true);
    app["build_seconds"] = json!(600);
    let mut play = Play::of(&branch(app)).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    play.approve("sre").await;
    play.until("the failure", |play| thread(play).contains("Amplify lost the commit")).await;
    let thread = thread(&play);
    assert!(
        thread.contains("job 9 of main of shop-frontend should have built 7c9d5e71 and began to build 9c9d5e71"),
        "{thread}"
    );
    assert!(thread.contains("stopped before it went live. Visitors get job 8"), "{thread}");
    assert_eq!(writes(&play), ["StartJob", "StopJob"]);
    assert_eq!(published(&play), Some(commit(8)), "nothing else went live");
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// P-9: a job that a webhook started names no commit, so it is no release to go back to.
#[tokio::test(flavor = "multi_thread")]
async fn peer_09_a_job_of_a_webhook_is_passed_over() {
    let mut app = shop();
    app["branches"][0]["jobs"][1]["kind"] = json!("web_hook");
    let mut play = Play::of(&branch(app)).await;
    let card = rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("Job 7 is passed over: Amplify does not say which commit it built"), "{card}");
    assert_eq!(published(&play), Some(commit(6)));
    play.leave().await;
}

/// A job under way is stopped first, and the plan says so.
#[tokio::test(flavor = "multi_thread")]
async fn b03_a_job_under_way_is_stopped_first() {
    let mut app = shop();
    app["branches"][0]["running"] = json!({ "commit": commit(9), "age": "30s" });
    app["build_seconds"] = json!(3600);
    let mut scenario = branch(app);
    scenario.fastest = 40;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    let card = card(&play);
    assert!(card.contains("Job 9 of 9c9d5e71 is under way (RUNNING) and is stopped first"), "{card}");
    play.approve("sre").await;
    play.until("the order", |play| writes(play).len() == 2).await;
    assert_eq!(writes(&play), ["StopJob", "StartJob"]);
    assert_eq!(play.calls_of("StopJob")[0].request["jobId"], json!("9"));
    play.leave().await;
}

/// A build that fails names the step and where its log is.
#[tokio::test(flavor = "multi_thread")]
async fn b03_a_build_that_fails_names_the_step_and_its_log() {
    let mut app = shop();
    app["fails"] = json!({ commit(7): { "step": "BUILD", "reason": "npm ci: package left-pad is gone" } });
    let mut play = Play::of(&branch(app)).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    play.approve("sre").await;
    play.until("the failure", |play| thread(play).contains("npm ci: package left-pad is gone")).await;
    let thread = thread(&play);
    assert!(thread.contains("failed in BUILD") && thread.contains("Log of BUILD:"), "{thread}");
    assert!(thread.contains("Visitors get job 8 of 8c9d5e71"), "{thread}");
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// B3: a push begins while the checks run. What visitors get is still right, so nothing else “has been deployed”; and
/// it is not called rolled back, because that job would take it away. Retry stops the job and proves the release
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn b03_a_push_during_the_checks_is_told_as_a_job_that_runs() {
    let mut app = shop();
    app["build_seconds"] = json!(600);
    let mut scenario = branch(app);
    configure(&mut scenario, "passes: 3, every: 5s", "passes: 40, every: 5s");
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    play.approve("sre").await;
    // What is pushed before, the step itself stops.
    play.until("the checks", |play| thread(play).contains("runs 7c9d5e71 after")).await;
    let push = SeedCommit { id: commit(5), summary: "One more".to_owned() };
    assert_eq!(play.stage.aws.push_to_app(APP, "main", push).expect("a push"), Some(10));
    play.until_recorded("a failed step", |incident| matches!(phase(incident), Phase::Blocked(_))).await;
    play.until("the reason", |play| thread(play).contains("has begun on main of shop-frontend")).await;
    let said = thread(&play);
    assert!(
        said.contains("Job 10 of 5c9d5e71 (“One more”)") && said.contains("visitors get it and not 7c9d5e71"),
        "{said}"
    );
    assert!(!said.contains("something else has been deployed"), "{said}");
    play.assert_never_called_rolled_back();
    assert_eq!(writes(&play), ["StartJob"]);
    play.click("sre", "Retry frontend").await;
    let incident = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&incident), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!((writes(&play), published(&play)), (vec!["StartJob".to_owned(), "StopJob".to_owned()], Some(commit(7))));
    play.leave().await;
}

/// The reply of `StartJob` is lost: the job is found again, and no second one is begun.
#[tokio::test(flavor = "multi_thread")]
async fn b03_a_lost_reply_starts_no_second_job() {
    let mut play = Play::of(&branch(shop())).await;
    play.on_wire(|call, moment| (call.operation == "StartJob" && moment == Moment::After).then_some(Fault::Drop));
    rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    assert_eq!(play.calls_of("StartJob").len(), 1);
    assert_eq!(published(&play), Some(commit(7)));
    play.leave().await;
}

/// Two apps of one name: nobody guesses.
#[tokio::test(flavor = "multi_thread")]
async fn b03_two_apps_of_one_name_are_refused() {
    let mut scenario = branch(shop());
    let mut other = shop();
    other["id"] = json!("d9z8y7");
    scenario.seed.apps.push(serde_json::from_value(other).expect("an app"));
    let mut play = Play::of(&scenario).await;
    let card = ends_at_once(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("2 Amplify apps are called shop-frontend") && card.contains("Write the id of one"), "{card}");
    play.leave().await;
}

/// An app without a repository, deployed from S3.
fn uploads() -> Value {
    let place = |number: u32| format!("s3://shop-builds/{number}/");
    let job = |number: u32, age: &str| json!({ "kind": "manual", "files": { "url": place(number), "kind": "bucket_prefix" }, "age": age });
    let mut app = shop();
    app["repository"] = Value::Null;
    app["commits"] = json!([]);
    app["branches"][0]["jobs"] = json!([job(6, "240h"), job(7, "74h"), job(8, "19m")]);
    app["site"] = json!({ place(8): { "/health": { "status": 500, "body": "broken" } } });
    app
}

/// P3: an app that is deployed by hand gets the files of its last good job again, without a build.
#[tokio::test(flavor = "multi_thread")]
async fn p03_an_app_without_a_repository_is_deployed_from_the_same_place() {
    let mut play = Play::of(&branch(uploads())).await;
    let card = rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("without a build (StartDeployment)"), "{card}");
    assert_eq!(writes(&play), ["StartDeployment"]);
    let request = play.calls_of("StartDeployment").remove(0).request;
    assert_eq!(
        (&request["sourceUrl"], &request["sourceUrlType"]),
        (&json!("s3://shop-builds/7/"), &json!("BUCKET_PREFIX"))
    );
    assert_eq!(published(&play).as_deref(), Some("s3://shop-builds/7/"));
    play.leave().await;
}

/// P3: where Amplify keeps no place, it says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn p03_files_that_were_uploaded_by_hand_are_refused_with_what_to_do() {
    let mut app = uploads();
    app["branches"][0]["jobs"][1] = json!({ "kind": "manual", "commit": "v7", "age": "74h" });
    let mut play = Play::of(&branch(app)).await;
    let card = ends_at_once(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("The files of job 7 of main of shop-frontend were uploaded by hand"), "{card}");
    assert!(card.contains("Upload that build once more in the Amplify console"), "{card}");
    let releases = one_line(&play.ask("dev", "/rollback releases prod web").await);
    assert!(releases.contains("it cannot be deployed again"), "{releases}");
    play.leave().await;
}

/// Blue and green: `www` leads to green, which is bad.
fn blue_green() -> Value {
    let mut app = shop();
    let shows = |name: &str, number: u32, age: &str| json!({ "name": name, "jobs": [{ "commit": commit(number), "age": age }] });
    app["branches"] = json!([shows("green", 8, "19m"), shows("blue", 7, "74h"), shows("next", 9, "5m")]);
    app["domains"] = json!([{
        "name": "example.com",
        "sub_domains": [
            { "prefix": "", "branch": "green" },
            { "prefix": "beta", "branch": "next" },
            { "prefix": "www", "branch": "green" },
        ],
        "auto_sub_domain": true,
        "auto_patterns": ["feature/*"],
        "auto_role": "arn:aws:iam::123456789012:role/names",
        "custom_certificate": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    }]);
    app
}

fn domain(app: Value, prefix: &str) -> Scenario {
    let target = format!(
        "- amplify_domain: {{ name: traffic, app: {APP}, domain: example.com, prefix: {prefix}, branch: blue }}"
    );
    web(app, &target, "", "www.example.com")
}

/// P1: the domain is led back to the standby with everything else kept, waited for and verified; and led forth again.
#[tokio::test(flavor = "multi_thread")]
async fn p01_the_domain_is_led_back_and_forth() {
    let mut play = Play::of(&domain(blue_green(), "www")).await;
    let card = rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    for said in [
        "www.example.com (domain of Amplify app shop-frontend)",
        "8c9d5e71 (branch green)",
        "7c9d5e71 (branch blue)",
        "Only www.example.com moves. The rest stays: example.com to green, beta.example.com to next",
        "The way back is the same 'to green'",
    ] {
        assert!(card.contains(said), "{said} is not in {card}");
    }
    insta::assert_snapshot!("domain", timeless(&card));
    assert_eq!(writes(&play), ["UpdateDomainAssociation"]);
    let request = play.calls_of("UpdateDomainAssociation").remove(0).request;
    let mut names: Vec<(String, String)> = request["subDomainSettings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| (support::strings(&name["prefix"]).join(""), support::strings(&name["branchName"]).join("")))
        .collect();
    names.sort();
    let name = |prefix: &str, branch: &str| (prefix.to_owned(), branch.to_owned());
    assert_eq!(names, [name("", "green"), name("beta", "next"), name("www", "blue")]);
    assert_eq!(request["enableAutoSubDomain"], json!(true));
    assert_eq!(request["autoSubDomainCreationPatterns"], json!(["feature/*"]));
    assert_eq!(request["autoSubDomainIAMRole"], json!("arn:aws:iam::123456789012:role/names"));
    assert_eq!(
        request["certificateSettings"],
        json!({ "type": "CUSTOM", "customCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1" })
    );
    play.until("the proof", |play| thread(play).contains("www.example.com leads to branch blue, which shows job 1"))
        .await;
    play.until_recorded("the end", Incident::is_closed).await;
    let status = play.ask("dev", "/rollback status prod web").await;
    assert!(status.contains("leads to branch blue"), "{status}");
    play.propose("dev", "/rollback prod web to next because that has the fix").await;
    play.approve("sre").await;
    play.until("the second", |play| writes(play).len() == 2).await;
    play.leave().await;
}

/// P1: a standby that shows nothing gets no traffic.
#[tokio::test(flavor = "multi_thread")]
async fn p01_a_standby_that_shows_nothing_is_refused() {
    let mut app = blue_green();
    app["branches"][1]["jobs"] = json!([]);
    let mut play = Play::of(&domain(app, "www")).await;
    let card = ends_at_once(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("Branch blue of Amplify app shop-frontend shows nothing"), "{card}");
    assert_eq!(writes(&play), Vec::<String>::new());
    play.leave().await;
}

/// P1: what the standby shows changes between plan and approval: the plan is made anew and says why.
#[tokio::test(flavor = "multi_thread")]
async fn p01_what_changes_between_plan_and_act_is_seen() {
    let mut play = Play::of(&domain(blue_green(), "www")).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    play.stage.aws.push_to_app(APP, "blue", push()).expect("a push").expect("it is built");
    let aws = play.stage.aws.clone();
    play.until("the push", move |_| aws.published(APP, "blue") == Some(commit(5))).await;
    play.approve("sre").await;
    play.until("the drift", |play| thread(play).contains("The plan no longer fitted")).await;
    assert!(thread(&play).contains("what the branch shows have changed"), "{}", thread(&play));
    assert_eq!(writes(&play), Vec::<String>::new());
    play.leave().await;
}

fn push() -> SeedCommit {
    SeedCommit { id: commit(5), summary: "The bad one again".to_owned() }
}

/// B10, A2: automatic builds are held back first of all, so the next push does not undo the rollback, and given back
/// exactly.
#[tokio::test(flavor = "multi_thread")]
async fn b10_pushes_are_not_deployed_until_the_freeze_is_lifted() {
    let mut play = Play::of(&web(shop(), BRANCH, FROZEN, "shop-frontend")).await;
    let card = rolled_back(&mut play, "/rollback prod web because checkout answers 500").await;
    assert!(card.contains("Hold back: branch main of Amplify app shop-frontend"), "{card}");
    assert_eq!(writes(&play), ["UpdateBranch", "StartJob"]);
    let request = play.calls_of("UpdateBranch").remove(0).request;
    assert_eq!(request["enableAutoBuild"], json!(false));
    play.until("the thread", |play| thread(play).contains("automatic builds are off")).await;
    assert_eq!(play.stage.aws.push_to_app(APP, "main", push()).expect("a push"), None, "it is not built");
    play.until_recorded("the end", Incident::is_closed).await;
    play.until("an offer to lift", |play| play.with_button("Lift the freeze").is_some()).await;
    assert!(play.with_button("Lift and rerun last good").is_none(), "there is nothing to run again");
    let status = play.ask("dev", "/rollback status").await;
    assert!(status.contains("Nothing is deployed by pushes to branch main of Amplify app shop-frontend"), "{status}");
    let lifted = play.ask("sre", "/rollback unfreeze prod web").await;
    assert!(lifted.contains("are deployed again: automatic builds are on, as before"), "{lifted}");
    assert_eq!(writes(&play), ["UpdateBranch", "StartJob", "UpdateBranch"]);
    assert!(play.stage.aws.push_to_app(APP, "main", push()).expect("a push").is_some(), "pushes are built again");
    play.leave().await;
}

/// E12: by command; what somebody else turned off is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn e12_automatic_builds_that_somebody_else_turned_off_stay_off() {
    let mut app = shop();
    app["branches"][0]["auto_build"] = json!(false);
    let mut play = Play::of(&web(app, BRANCH, FROZEN, "shop-frontend")).await;
    let held = play.ask("sre", "/rollback freeze prod web because the audit is on").await;
    assert!(held.contains("were off before. They stay off when this freeze is lifted"), "{held}");
    let lifted = play.ask("sre", "/rollback unfreeze prod web").await;
    assert!(lifted.contains("stay off, because somebody else turned them off before"), "{lifted}");
    assert_eq!(writes(&play), Vec::<String>::new());
    play.leave().await;
}

/// E12: Freeze now, ahead of the approval.
#[tokio::test(flavor = "multi_thread")]
async fn e12_freeze_now_turns_automatic_builds_off_ahead_of_the_approval() {
    let mut play = Play::of(&web(shop(), BRANCH, FROZEN, "shop-frontend")).await;
    play.propose("dev", "/rollback prod web because checkout answers 500").await;
    play.click("dev", "Freeze now").await;
    play.until("it is held", |play| play.card_text().contains("Deployments are held back already, says @dev")).await;
    assert_eq!(writes(&play), ["UpdateBranch"]);
    assert!(play.with_button("Approve").is_some(), "the plan is the same");
    play.leave().await;
}
