//! Lambda functions taken back from Slack, through the whole bot: scenario 3 of the runbook cira-invoice, and what else
//! can be in the way. Each test bears its procedure's id.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "what its tests share is a test too")]

mod support;

use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::{SeedFunction, SeedProvisioned, SeedState};
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::wire::{Call, Fault, Moment};
use rstest::rstest;
use serde_json::json;
use support::{Play, verdict};

const FUNCTION: &str = "CiraInvoice-JobManagement-prod";

fn invoice(variant: &str) -> Scenario {
    scenario::find("cira-invoice", Some(variant)).expect("the scenario is shipped")
}

fn function(scenario: &mut Scenario) -> &mut SeedFunction {
    scenario.seed.functions.get_mut(FUNCTION).expect("the function is there")
}

/// Every write to Lambda that took effect, in order.
fn writes(play: &Play) -> Vec<Call> {
    let calls = play.stage.wire.calls().into_iter();
    calls.filter(|call| call.writes && call.service == "lambda" && call.status == 200).collect()
}

fn verbs(play: &Play) -> Vec<String> {
    writes(play).into_iter().map(|call| call.operation).collect()
}

async fn health(play: &Play) -> (u16, String) {
    play.get(FUNCTION, "/health").await
}

/// Asks, approves, and waits for the verdict.
async fn taken_back(play: &mut Play, command: &str) -> Incident {
    play.propose("dev", command).await;
    play.approve("sre").await;
    play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await
}

/// The card on one line.
fn card(play: &Play) -> String {
    flat(&play.card_text())
}

/// The card and its thread on one line.
fn everything(play: &Play) -> String {
    flat(&format!("{}\n{}", play.card_text(), play.thread().join("\n")))
}

/// A text without the breaks of its lines.
fn flat(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || matches!(c, '│' | '·'))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[rstest]
#[case::timeout("lambda-timeout")]
#[case::canary("lambda-canary")]
#[case::unused("alias-unused")]
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_story_of_the_function_ends_as_it_is_written(#[case] variant: &str) {
    let scenario = invoice(variant);
    let mut play = Play::of(&scenario).await;
    play.tell(scenario.story).await;
    play.end().await;
}

/// What whoever approves reads, without what differs from play to play.
fn read_before_approval(play: &Play) -> String {
    let text = play.card_text();
    let site = play.stage.aws.site(FUNCTION).expect("the function has users");
    let lines = text
        .lines()
        .filter(|line| !line.contains("#incidents") && !line.contains("rb-") && !line.contains("Expires at"));
    let lines: Vec<String> = lines.map(|line| line.replace(&site, "https://jobs.example.com")).collect();
    lines.join("\n") + "\n"
}

/// C18: what the card says before anybody approves.
#[rstest]
#[case::timeout("lambda-timeout", "/rollback prod jobs with more-time because calls time out")]
#[case::code("lambda-timeout", "/rollback prod jobs because calls time out")]
#[case::canary("lambda-canary", "/rollback prod jobs because one call in ten fails")]
#[case::unused("alias-unused", "/rollback prod jobs because calls time out")]
#[tokio::test(flavor = "multi_thread")]
async fn c18_the_card_before_approval(#[case] variant: &str, #[case] command: &str) {
    let mut play = Play::of(&invoice(variant)).await;
    play.propose("dev", command).await;
    let name = if command.contains("with") { "more-time" } else { variant };
    insta::assert_snapshot!(format!("card_{name}"), read_before_approval(&play));
    assert_eq!(verbs(&play), [] as [&str; 0]);
    play.leave().await;
}

/// The scenario in which `CodeDeploy` drives the alias, also where it has shifted nothing yet.
fn driven(has_shifted: bool) -> Scenario {
    let mut scenario = invoice("lambda-canary");
    let live = function(&mut scenario).aliases.get_mut("live").expect("there is an alias");
    live.shifted_by = Some("d-1A2B3C4D5".to_owned());
    if !has_shifted {
        "3".clone_into(&mut live.version);
        live.weights.clear();
    }
    scenario
}

/// C18: what `CodeDeploy` is shifting is left to `CodeDeploy`: it would go on. Before its first shift, and where it
/// moves everything at once, the alias has no weights; and there may be many deployments of others before it.
#[rstest]
#[case::shifting(true, 0)]
#[case::in_a_hook_before_the_first_shift(false, 0)]
#[case::behind_a_page_of_others(false, 30)]
#[tokio::test(flavor = "multi_thread")]
async fn c18_an_alias_that_codedeploy_is_shifting_is_refused_with_the_way_to_stop_it(
    #[case] has_shifted: bool,
    #[case] others: usize,
) {
    let mut scenario = driven(has_shifted);
    for other in 0..others {
        let mut seed = function(&mut scenario).clone();
        seed.aliases.get_mut("live").expect("there is an alias").shifted_by = Some(format!("d-OTHER{other:04}"));
        scenario.seed.functions.insert(format!("Another-{other:02}"), seed);
    }
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod jobs because one call in ten fails").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    let said = card(&play);
    assert!(said.contains("CodeDeploy is shifting the traffic") && said.contains("d-1A2B3C4D5"), "{said}");
    assert_eq!(verbs(&play), [] as [&str; 0]);
    play.leave().await;
}

/// C18: a deployment that begins after the approval is seen before the alias is moved.
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_deployment_that_begins_after_the_approval_is_not_moved_over() {
    let mut scenario = driven(false);
    function(&mut scenario).aliases.get_mut("live").expect("there is an alias").shifted_by = None;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod jobs because calls fail").await;
    let aws = play.stage.aws.clone();
    play.on_wire(move |call, moment| {
        if call.operation == "ListDeployments" && moment == Moment::After {
            aws.drive_alias(FUNCTION, "live", "d-1A2B3C4D5").expect("the alias is there");
        }
        None
    });
    play.approve("sre").await;
    play.until("why not", |play| everything(play).contains("d-1A2B3C4D5), and would go on after Rollbot")).await;
    assert_eq!(verbs(&play), [] as [&str; 0]);
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// C18: more time at once, then the code and the settings of the version before; nothing is sent twice, and no value of
/// an environment variable is shown or kept.
#[tokio::test(flavor = "multi_thread")]
async fn c18_more_time_then_the_code_before() {
    let mut play = Play::of(&invoice("lambda-timeout")).await;
    assert_eq!(health(&play).await, (502, "2.14.0".to_owned()), "ten seconds do not fit into three");
    let proved = taken_back(&mut play, "/rollback prod jobs with more-time because calls time out").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    let orders = ["UpdateFunctionConfiguration", "UpdateFunctionCode", "UpdateFunctionConfiguration"];
    assert_eq!(verbs(&play), orders, "{}", play.seen());
    assert_eq!(writes(&play)[0].request["Timeout"], 30);
    assert_eq!(writes(&play)[0].request.get("Environment"), None, "what is not to change is not sent");
    assert!(writes(&play).iter().all(|call| call.request["RevisionId"].is_string()), "each for what was seen");
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    let (code, settings) = play.stage.aws.latest_of(FUNCTION).expect("the function is there");
    assert_eq!((code.as_str(), &settings["Timeout"]), ("2.13.0", &json!(3)));
    assert_eq!(settings["Environment"]["Variables"].as_object().map(serde_json::Map::len), Some(2));
    let said = everything(&play);
    assert!(!said.contains("whsec-example"), "no value is shown: {said}");
    let record = serde_json::to_string(&proved).expect("it is JSON");
    assert!(!record.contains("whsec-example") && !record.contains("fast"), "the record has no value");
    play.leave().await;
}

/// P-8: what a version has as settings goes back with its code; the quick fix alone is no rollback.
#[tokio::test(flavor = "multi_thread")]
async fn peer_08_settings_go_back_with_the_code() {
    let mut play = Play::of(&invoice("lambda-timeout")).await;
    let proved = taken_back(&mut play, "/rollback prod jobs because calls time out").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(verbs(&play), ["UpdateFunctionCode", "UpdateFunctionConfiguration"]);
    let (_, settings) = play.stage.aws.latest_of(FUNCTION).expect("the function is there");
    assert_eq!(settings["Environment"]["Variables"].get("PDF_ENGINE"), None, "what 2.14.0 had brought is gone");
    play.leave().await;
}

/// C18: a stop between the code and the settings does not leave the code of one version with the settings of another.
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_stop_between_code_and_settings_leaves_no_half_of_a_version() {
    let mut play = Play::of(&invoice("lambda-timeout")).await;
    play.propose("dev", "/rollback prod jobs because calls time out").await;
    play.stop_during("UpdateFunctionCode").await;
    assert_eq!(verbs(&play), ["UpdateFunctionCode", "UpdateFunctionConfiguration"]);
    let (code, settings) = play.stage.aws.latest_of(FUNCTION).expect("the function is there");
    assert_eq!((code.as_str(), &settings["Timeout"]), ("2.13.0", &json!(3)));
    play.until("the end", |play| card(play).contains("ended with something changed")).await;
    assert!(!card(&play).contains("on its way"), "{}", card(&play));
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// C18: the tenth of the calls that a bad version had is taken away; the routing is emptied in so many words.
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_canary_loses_its_calls() {
    let mut play = Play::of(&invoice("lambda-canary")).await;
    let proved = taken_back(&mut play, "/rollback prod jobs because one call in ten fails").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(verbs(&play), ["UpdateAlias"]);
    let request = &writes(&play)[0].request;
    assert_eq!(request["RoutingConfig"], json!({"AdditionalVersionWeights": {}}), "left out, it would stay");
    assert_eq!(request["FunctionVersion"], "2");
    assert_eq!(
        play.stage.aws.alias_of(FUNCTION, "live").map(|(version, weights)| (version, weights.len())),
        Some(("2".to_owned(), 0))
    );
    for _ in 0..20 {
        assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    }
    play.leave().await;
}

/// C18: a version that gets ready is waited for; what is kept warm is waited for too, and both are said.
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_version_that_gets_ready_and_warm_instances_are_waited_for() {
    let mut scenario = invoice("lambda-canary");
    let seed = function(&mut scenario);
    seed.versions[1].state = Some(SeedState {
        status: "Pending".to_owned(),
        code: Some("Restoring".to_owned()),
        reason: Some("The function is being restored.".to_owned()),
        seconds: Some(900),
    });
    let live = seed.aliases.get_mut("live").expect("there is an alias");
    "3".clone_into(&mut live.version);
    live.weights.clear();
    live.provisioned = Some(SeedProvisioned { instances: 5, seconds: 90, fails: None });
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod jobs because calls fail").await;
    assert!(card(&play).contains("5 instances are kept warm for live"), "{}", play.card_text());
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    play.until("the instances", |play| everything(play).contains("5 instances are kept warm.")).await;
    play.leave().await;
}

/// C18: a version that cannot be called is refused, with AWS's reason, before anybody could approve.
#[rstest]
#[case::runtime("InvalidRuntime", "AWS does not run its runtime any more")]
#[case::image("ImageDeleted", "its container image was deleted from ECR")]
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_version_that_cannot_be_called_is_refused(#[case] code: &str, #[case] words: &str) {
    let mut scenario = invoice("alias-unused");
    function(&mut scenario).versions[1].state = Some(SeedState {
        status: "Failed".to_owned(),
        code: Some(code.to_owned()),
        reason: Some("It cannot be called.".to_owned()),
        seconds: None,
    });
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod jobs because calls time out").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    assert!(card(&play).contains(words), "{}", play.card_text());
    assert_eq!(verbs(&play), [] as [&str; 0]);
    play.leave().await;
}

/// C18: an alias that somebody moves after the plan was made is drift, and proposed anew.
#[tokio::test(flavor = "multi_thread")]
async fn c18_an_alias_that_was_moved_while_people_voted_is_proposed_anew() {
    let mut scenario = invoice("alias-unused");
    function(&mut scenario).calls = Some("live".to_owned());
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod jobs because calls time out").await;
    play.stage.aws.point_alias(FUNCTION, "live", "1").expect("somebody moves it");
    play.approve("sre").await;
    play.until("the refusal", |play| play.card_text().contains("ended")).await;
    assert!(card(&play).contains("no published version before what runs now"), "{}", play.card_text());
    assert_eq!(verbs(&play), [] as [&str; 0]);
    play.leave().await;
}

/// C18: a lost reply is looked for; the alias is written once.
#[rstest]
#[case::before(Moment::Before)]
#[case::after(Moment::After)]
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_lost_reply_does_nothing_twice(#[case] moment: Moment) {
    let mut play = Play::of(&invoice("lambda-canary")).await;
    let done = std::sync::atomic::AtomicBool::new(false);
    play.on_wire(move |call, at| {
        let is_it = call.operation == "UpdateAlias" && at == moment;
        (is_it && !done.swap(true, std::sync::atomic::Ordering::SeqCst)).then_some(Fault::Drop)
    });
    let proved = taken_back(&mut play, "/rollback prod jobs because one call in ten fails").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    // What took effect has an answer, lost or not.
    let effective = play.calls_of("UpdateAlias").into_iter().filter(|call| call.reply["AliasArn"].is_string()).count();
    assert_eq!(effective, 1, "{:?}", play.calls_of("UpdateAlias"));
    play.leave().await;
}

/// C18: where a function is busy with another update, Rollbot waits and tries again; it never sends over it.
#[tokio::test(flavor = "multi_thread")]
async fn c18_a_busy_function_is_waited_for() {
    let mut scenario = invoice("lambda-timeout");
    function(&mut scenario).update_seconds = 200;
    let mut play = Play::of(&scenario).await;
    play.stage.aws.configure_function(FUNCTION, &json!({"MemorySize": 512})).expect("somebody changes it");
    play.propose("dev", "/rollback prod jobs because calls time out").await;
    assert!(card(&play).contains("memory 256 MB → 512 MB"), "what is lost is said: {}", play.card_text());
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    let (code, settings) = play.stage.aws.latest_of(FUNCTION).expect("the function is there");
    assert_eq!((code.as_str(), &settings["MemorySize"]), ("2.13.0", &json!(256)), "that change goes back as well");
    play.leave().await;
}

/// C18: versions are listed as releases, and any of them can be named.
#[tokio::test(flavor = "multi_thread")]
async fn c18_versions_are_releases() {
    let mut play = Play::of(&invoice("lambda-canary")).await;
    let listed = play.ask("dev", "/rollback releases prod jobs").await;
    assert!(listed.contains("2.14.0") && listed.contains("version 2"), "{listed}");
    let proved = taken_back(&mut play, "/rollback prod jobs to 2.12.0 because 2.13.0 is bad too").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack), "{}", play.seen());
    assert_eq!(writes(&play)[0].request["FunctionVersion"], "1");
    assert_eq!(health(&play).await, (200, "2.12.0".to_owned()));
    play.leave().await;
}
