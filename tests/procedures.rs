//! Procedures of the runbook for ECS services, done from Slack: each test bears its procedure's id.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "what its tests share is a test too")]

mod support;

use rollbot::incident::due::{Phase, phase};
use rollbot::incident::incident::Verdict;
use rollbot::incident::step::StepState;
use rollbot::sandbox::aws::{Answer, Behaviour, Health};
use rstest::rstest;
use serde_json::{Value, json};
use support::{Play, calm, configure, scenario, verdict};

const V42: &str = "sha256:4242424242424242424242424242424242424242424242424242424242424242";

/// E1: what runs, since when and by whom, what is wrong, where it is rolled back and how far, who asked and who may approve:
/// all of it is there before anybody decides, and the scope can be narrowed.
#[tokio::test(flavor = "multi_thread")]
async fn e01_the_incident_is_confirmed_and_its_context_is_on_the_card() {
    let mut play = Play::of(&calm(None)).await;
    let status = play.ask("dev", "/rollback status prod api").await;
    assert!(status.contains("runs v43 (api:4)") && status.contains("by pipeline"), "{status}");
    let unknown = play.ask("dev", "/rollback prod api only frontend").await;
    assert!(unknown.contains("frontend") && unknown.contains("backend"), "{unknown}");
    play.propose("dev", "/rollback prod api only backend because checkout answers 500").await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    for context in [
        "prod api: waiting for approval",
        "@dev asks to roll api back to v42",
        "checkout answers 500",
        "ECS service shop-prod/api",
        "v43 (api:4)",
        "v42 (api:3)",
        "deployed 19 minutes ago by pipeline",
        "@sre-team or @lead",
    ] {
        assert!(card.contains(context), "{context} is not on the card: {card}");
    }
    assert_eq!(play.aws_writes(), [], "nothing is done before somebody approves");
    play.leave().await;
}

/// E13: why the new tasks do not come up, as AWS says it of tasks, events and targets; and whether what they need is there.
#[rstest]
#[case::tasks("fails-to-start", "unable to retrieve secret")]
#[case::secrets("secret-gone", "the secret shop/payments-AbCdEf (PAYMENTS of app)")]
#[tokio::test(flavor = "multi_thread")]
async fn e13_what_keeps_the_target_from_running_is_said_in_awss_own_words(#[case] variant: &str, #[case] words: &str) {
    let mut play = Play::of(&scenario(Some(variant))).await;
    play.type_command("dev", "/rollback prod api because checkout answers 500").await;
    play.until("a plan or its refusal", |play| {
        play.card_text().contains("[ Approve ]")
            || play.card_text().contains("secret-")
            || play.card_text().contains(words)
    })
    .await;
    if play.with_button("Approve").is_some() {
        play.approve("sre").await;
    }
    let said = |play: &Play| {
        let all: Vec<String> = play.thread().into_iter().chain([play.card_text()]).collect();
        all.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    play.until("the reason", |play| said(play).replace(['│', ' '], "").contains(&words.replace(' ', ""))).await;
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// E13: the log group that the target writes to was deleted. ECS would start no task of it, so there is no plan to
/// approve.
#[tokio::test(flavor = "multi_thread")]
async fn e13_a_log_group_that_is_gone_is_refused_before_anybody_approves() {
    let mut scenario = scenario(Some("secret-gone"));
    scenario.seed.secrets = vec!["shop/payments-AbCdEf".to_owned()];
    // One whose name begins alike is another one.
    scenario.seed.log_groups = vec!["/ecs/shop-api-canary".to_owned()];
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod api because checkout answers 500").await;
    play.until("the end", |play| play.card_text().contains("nothing was changed")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = "api:3 needs what is gone: the log group /ecs/shop-api (the log of app): CloudWatch Logs has none of this name.";
    assert!(card.contains(reason), "{card}");
    assert!(play.with_button("Approve").is_none(), "{card}");
    assert_eq!(play.aws_writes(), []);
    // Another release that needs none is still to be had.
    play.propose("dev", "/rollback prod api to v41 because checkout answers 500").await;
    play.leave().await;
}

/// E13: the target's tasks run, and the load balancer does not find them healthy.
#[tokio::test(flavor = "multi_thread")]
async fn e13_targets_that_are_not_healthy_are_told_with_the_load_balancers_reason() {
    let mut scenario = scenario(None);
    let images = scenario.seed.repositories.get_mut("shop/api").unwrap();
    let target = images.iter_mut().find(|image| image.digest == V42).unwrap();
    let health = Health::Unhealthy {
        reason: "Target.ResponseCodeMismatch".to_owned(),
        description: "Health checks failed with these codes: [500]".to_owned(),
    };
    target.behaviour = Behaviour { health, ..Behaviour::default() };
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until_recorded("a failed step", |incident| matches!(phase(incident), Phase::Blocked(_))).await;
    let codes =
        |play: &Play| play.thread().iter().any(|post| post.replace(['│', '\n', ' '], "").contains("thesecodes:[500]"));
    play.until("the reason", codes).await;
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// E2: the runbook lists task definitions, picks one, updates the service to it and waits for it to be stable.
#[tokio::test(flavor = "multi_thread")]
async fn e02_an_ecs_service_goes_back_to_the_task_definition_that_was_named() {
    let mut play = Play::of(&calm(None)).await;
    let named = "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:2";
    play.propose("dev", &format!("/rollback prod api to {named} because v42 and v43 are suspected")).await;
    let card = play.card_text();
    assert!(card.contains("v43") && card.contains("v41 (api:2)"), "{card}");
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    let [update] = play.aws_writes().try_into().expect("one write");
    assert_eq!(update.operation, "UpdateService");
    let request = |key: &str| update.request[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(request("taskDefinition"), named);
    assert!(request("service").ends_with("api") && request("cluster").ends_with("shop-prod"), "{update:?}");
    assert_eq!(play.running(), ["v41", "v41"], "new tasks run and serve, old ones are gone");
    play.until("the card", |play| play.card_text().contains("api runs v41 again")).await;
    play.leave().await;
}

/// E7: what `/health` and `/ready` answer decides, and they answer by the version that runs.
#[tokio::test(flavor = "multi_thread")]
async fn e07_a_release_that_answers_health_and_ready_is_proved() {
    let mut play = Play::of(&calm(None)).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    for check in ["verify/http", "verify/http-2"] {
        let run = proved.run().unwrap();
        let record = run.steps.iter().find(|(step, _)| step.as_str() == check).map(|(_, record)| record);
        let record = record.unwrap_or_else(|| panic!("no {check} in {:?}", run.steps.keys()));
        assert_eq!(record.state, StepState::Done);
        assert!(record.evidence.iter().any(|seen| seen.text.contains("200")), "{record:?}");
    }
    play.leave().await;
}

/// E7, the other way: the version runs, ECS is content, and one of the two does not answer.
#[rstest]
#[case::health("/health", 500, "database: connection refused")]
#[case::ready("/ready", 503, "warming up")]
#[tokio::test(flavor = "multi_thread")]
async fn e07_a_release_that_does_not_answer_is_never_called_rolled_back(
    #[case] path: &str,
    #[case] status: u16,
    #[case] body: &str,
) {
    let mut scenario = scenario(None);
    let images = scenario.seed.repositories.get_mut("shop/api").unwrap();
    let target = images.iter_mut().find(|image| image.digest == V42).unwrap();
    let answer = Answer { status, body: body.to_owned() };
    target.behaviour = Behaviour { paths: [(path.to_owned(), answer)].into(), ..Behaviour::default() };
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until_recorded("a failed check", |incident| matches!(phase(incident), Phase::Blocked(_))).await;
    play.until("a card that asks", |play| play.card_text().contains("a person has to decide")).await;
    let card = play.card_text();
    assert!(card.contains(&format!("{path} answers 200")) && card.contains(&format!("answered {status}")), "{card}");
    assert!(card.contains("runs v42"), "which release runs now: {card}");
    assert_eq!(play.running(), ["v42", "v42"]);
    play.click("sre", "Stop").await;
    play.until("the end", |play| play.card_text().contains("ended with something changed")).await;
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// E10: times, the version restored, the symptoms, who asked and who approved: on the card, and on the command line
/// while the server runs and after it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn e10_the_evidence_is_on_the_card_and_on_the_command_line_with_and_without_a_server() {
    let mut scenario = calm(None);
    configure(&mut scenario, "    watch: { for: 5m, every: 15s }\n", "");
    let mut play = Play::of(&scenario).await;
    play.roll_back().await;
    let card = play.card_text();
    let card = card.split_whitespace().collect::<Vec<_>>().join(" ");
    for evidence in [
        "api runs v42 again, proved after",
        "checkout answers 500",
        "asked by @dev at",
        "approved by @sre",
        "ended",
        "2 of 2 tasks run",
        // A card has the short form of a digest; the record has the whole.
        "sha256:424242424242",
    ] {
        assert!(card.contains(evidence), "{evidence} is not on the card: {card}");
    }
    let id = play.incidents().await.remove(0).id.to_string();
    while_the_server(&play, &id).await;
    play.stage.bot.terminate().await.expect("it ends in order");
    while_the_server(&play, &id).await;
    play.leave().await;
}

/// What the command line shows of incident `id`, whoever answers.
async fn while_the_server(play: &Play, id: &str) {
    let (code, story, errors) = play.command_line(&["show", id]).await;
    assert_eq!((code, errors.as_str()), (0, ""));
    for evidence in [
        "prod api  rolled_back",
        "asked by dev at 20",
        "because checkout answers 500",
        "v43 (api:4) -> v42 (api:3)",
        "2 of 2 tasks run",
        V42,
        "approved by",
        "verdict: rolled_back",
        "until the verdict",
    ] {
        assert!(story.contains(evidence), "{evidence} is not in\n{story}");
    }
    let (code, history, errors) = play.command_line(&["history", "prod", "api"]).await;
    assert_eq!((code, errors.as_str()), (0, ""));
    let line = history.lines().next().unwrap_or_default();
    for part in [id, "prod api to v42", "rolled_back", "by dev"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let (code, shown, errors) = play.command_line(&["show", id, "--json"]).await;
    assert_eq!((code, errors.as_str()), (0, ""));
    let shown: Value = serde_json::from_str(&shown).expect("it prints JSON");
    assert_eq!(shown["incident"]["request"]["reason"], json!("checkout answers 500"));
    assert_eq!(shown["incident"]["request"]["by"], json!("U0DEV00001"));
    let events = shown["events"].as_array().expect("all events");
    let named = |name: &str| events.iter().find(|event| event["what"]["event"] == json!(name));
    for event in
        ["requested", "proposed", "approved", "started", "acting", "accepted", "finished", "verdict_reached", "closed"]
    {
        let event = named(event).unwrap_or_else(|| panic!("no {event} in {events:?}"));
        assert!(event["at"].as_str().is_some_and(|at| at.starts_with("20")), "{event}");
    }
    assert_eq!(named("approved").map(|event| event["by"]["user"].clone()), Some(json!("U0SRE00001")));
    let (code, _, errors) = play.command_line(&["show", "rb-22222"]).await;
    assert_eq!((code, errors.trim()), (1, "rollbot: There is no incident rb-22222."));
}
