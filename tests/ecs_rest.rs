//! ECS services whose target has to be made first, played by the whole bot: a deregistered task definition, an image that no
//! task definition has, images that are gone.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them; clippy knows test functions only by their attribute"
)]

mod support;

use rollbot::sandbox::player::Player;
use rollbot::sandbox::script::FaultKind;
use rollbot::sandbox::wire::Call;
use rollbot::sandbox::{scenario, script};
use rstest::rstest;
use serde_json::{Value, json};
use support::{Play, calm};

const REGISTRY: &str = "123456789012.dkr.ecr.eu-north-1.amazonaws.com";

fn digest(digits: &str) -> String {
    format!("sha256:{}", digits.repeat(32))
}

fn operations(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.operation.as_str()).collect()
}

/// The request that registered a task definition.
fn registered(calls: &[Call]) -> &Value {
    let call = calls.iter().find(|call| call.operation == "RegisterTaskDefinition");
    &call.unwrap_or_else(|| panic!("nothing was registered: {calls:#?}")).request
}

/// What the seed says of the revision with this index, with images as the account names them.
fn seeded(play: &str, index: usize) -> Value {
    let seed = scenario::find("ecs-playbook", Some(play)).unwrap().seed;
    let request = seed.task_definitions["api"][index].request.to_string();
    serde_json::from_str(&request.replace("{registry}", REGISTRY)).unwrap()
}

fn tag(request: &Value, key: &str) -> Option<String> {
    let tags = request["tags"].as_array().unwrap();
    tags.iter().find(|tag| tag["key"] == key).map(|tag| tag["value"].as_str().unwrap().to_owned())
}

/// Every member of `wanted` is in `found`, at any depth.
fn assert_kept(found: &Value, wanted: &Value, path: &str) {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            for (name, value) in wanted {
                let kept = found.get(name).unwrap_or_else(|| panic!("{path}.{name} was lost"));
                assert_kept(kept, value, &format!("{path}.{name}"));
            }
        }
        (Value::Array(found), Value::Array(wanted)) => {
            assert_eq!(found.len(), wanted.len(), "{path}");
            for (at, value) in wanted.iter().enumerate() {
                assert_kept(&found[at], value, &format!("{path}[{at}]"));
            }
        }
        (found, wanted) => assert_eq!(found, wanted, "{path}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_03_a_deregistered_target_is_registered_again_whole() {
    let mut play = Play::begin(Some("target-inactive")).await;
    play.roll_back().await;
    assert!(play.card_text().contains("rolled back"), "{}", play.seen());
    let writes = play.aws_writes();
    assert_eq!(operations(&writes), ["RegisterTaskDefinition", "UpdateService"]);
    let request = registered(&writes);
    let mut wanted = seeded("target-inactive", 2);
    let exact = format!("{REGISTRY}/shop/api@{}", digest("42"));
    wanted["containerDefinitions"][0]["image"] = json!(exact);
    // The SDK of this build knows no trustedExecutionConfiguration; it is kept all the same.
    assert_eq!(wanted["trustedExecutionConfiguration"], json!({"isolationMode": "ISOLATED_SANDBOX"}));
    assert_kept(request, &wanted, "request");
    assert_eq!(request["family"], "api");
    for own in ["taskDefinitionArn", "revision", "status", "registeredAt", "deregisteredAt", "compatibilities"] {
        assert!(request.get(own).is_none(), "{own} was sent");
    }
    assert_eq!(tag(request, "team").as_deref(), Some("shop"));
    assert_eq!(tag(request, "aws:cloudformation:stack-name"), None);
    assert!(tag(request, "rollbot:act").unwrap().starts_with("rb-"), "{request}");
    assert!(writes[1].request["taskDefinition"].as_str().unwrap().ends_with("task-definition/api:5"));
    let running = play.stage.aws.running("shop-prod", "api");
    assert!(running.iter().all(|task| task.digests["app"] == digest("42")), "{running:?}");
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_03_a_registration_whose_reply_was_lost_is_found_and_not_repeated() {
    let mut play = Play::begin(Some("target-inactive")).await;
    play.stage.faults.add("RegisterTaskDefinition", FaultKind::Lose, 1);
    play.roll_back().await;
    assert!(play.card_text().contains("rolled back"), "{}", play.seen());
    assert_eq!(operations(&play.aws_writes()), ["RegisterTaskDefinition", "UpdateService"]);
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_03_a_rollback_by_a_registration_is_not_taken_back_unasked() {
    let mut play = Play::begin(Some("target-inactive")).await;
    play.roll_back().await;
    play.type_command("dev", "/rollback prod api because it is still slow").await;
    play.until("the refusal", |play| play.card_text().contains("already the result of a rollback")).await;
    assert_eq!(operations(&play.aws_writes()), ["RegisterTaskDefinition", "UpdateService"]);
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e03_an_image_is_pinned_in_a_new_revision_and_everything_else_stays() {
    let mut play = Play::begin(Some("pin-image")).await;
    play.type_command("dev", "/rollback prod api to v43-fixed because only the image is broken").await;
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let card = play.card_text();
    assert!(card.contains("secrets and the image of proxy."), "{card}");
    play.approve("sre").await;
    play.until("the end of the incident", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back"), "{}", play.seen());
    let writes = play.aws_writes();
    assert_eq!(operations(&writes), ["RegisterTaskDefinition", "UpdateService"]);
    let mut wanted = seeded("pin-image", 3);
    let exact = format!("{REGISTRY}/shop/api@{}", digest("44"));
    wanted["containerDefinitions"][0]["image"] = json!(exact);
    assert_eq!(wanted["containerDefinitions"][0]["secrets"][0]["name"], "DATABASE_URL");
    assert_kept(registered(&writes), &wanted, "request");
    let running = play.stage.aws.running("shop-prod", "api");
    assert!(running.iter().all(|task| task.digests["app"] == digest("44")), "{running:?}");
    assert!(running.iter().all(|task| task.digests["proxy"] == digest("70")), "{running:?}");
    play.end().await;
}

#[rstest]
#[case::tag("v99")]
#[case::digest("sha256:9999999999999999999999999999999999999999999999999999999999999999")]
#[tokio::test(flavor = "multi_thread")]
async fn e03_an_image_that_is_not_there_is_refused_with_what_ecr_says(#[case] to: &str) {
    let mut play = Play::begin(Some("pin-image")).await;
    play.type_command("dev", &format!("/rollback prod api to {to} because only the image is broken")).await;
    play.until("the refusal", |play| play.card_text().contains("ended, nothing was changed")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(&format!("No release of api is called {to}.")), "{card}");
    assert!(card.contains("does not exist within the repository with name 'shop/api'"), "{card}");
    assert!(play.aws_writes().is_empty(), "{:?}", play.aws_writes());
    play.end().await;
}

/// ECS remembers nothing before the bad release, and what goes by Rollbot's own record is looked at like anything else.
#[tokio::test(flavor = "multi_thread")]
async fn peer_02_the_image_of_a_release_that_only_rollbot_remembers_is_asked_for_before_the_card() {
    let mut scenario = calm(None);
    let history = &mut scenario.seed.services[0].history;
    history.drain(..history.len() - 1);
    let images = scenario.seed.repositories.get_mut("shop/api").unwrap();
    images.retain(|image| !image.tags.contains(&"v41".to_owned()));
    let mut play = Play::of(&scenario).await;
    let told = json!({
        "id": "run-1", "environment": "prod", "service": "api", "status": "succeeded", "stage": "smoke-tests",
        "revision": "v41", "branch": "main", "author": "dev", "url": "https://ci.example.com/1", "reason": "",
    });
    play.pipeline_tells(&told.to_string()).await;
    play.type_command("dev", "/rollback prod api because checkout answers 500").await;
    play.until("an answer", |play| {
        play.with_button("Approve").is_some() || play.card_text().contains("nothing was changed")
    })
    .await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("shop/api:v41 of api:2 is gone"), "{card}");
    assert!(play.with_button("Approve").is_none(), "{card}");
    assert!(play.aws_writes().is_empty(), "{:?}", play.aws_writes());
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_17_status_says_which_image_runs_since_when_and_by_whom() {
    let mut play = Play::begin(Some("target-inactive")).await;
    let told = |play: &Play| {
        let words = play.alone("dev").join(" ").replace('\u{200b}', "");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    play.type_command("dev", "/rollback status prod api").await;
    play.until("the bad release", |play| told(play).contains("runs v43 (api:4), sha256:434343434343, since ")).await;
    assert!(told(&play).contains("by pipeline"), "{}", told(&play));
    play.roll_back().await;
    play.type_command("dev", "/rollback status prod api").await;
    // It was registered again with its digest alone, and still goes by its version. The session bears the incident's name.
    play.until("the good release", |play| told(play).contains("runs v42 (api:5), sha256:424242424242, since ")).await;
    assert!(told(&play).contains("by rb-"), "{}", told(&play));
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_waits_at_a_hook_is_told_to_roll_back() {
    let mut play = Play::begin(Some("hook-paused")).await;
    play.roll_back().await;
    assert!(play.card_text().contains("rolled back"), "{}", play.seen());
    let writes = play.aws_writes();
    assert_eq!(operations(&writes), ["ContinueServiceDeployment"]);
    assert_eq!(writes[0].request["action"], "ROLLBACK");
    assert_eq!(writes[0].request["hookId"], "hook-0f1e2d3c");
    let running = play.stage.aws.running("shop-prod", "api");
    assert!(running.iter().all(|task| task.versions["app"] == "v42"), "{running:?}");
    play.end().await;
}

#[rstest]
#[case::hook("hook-paused")]
#[case::inactive("target-inactive")]
#[case::gone("image-gone")]
#[case::archived("image-archived")]
#[case::pin("pin-image")]
#[tokio::test(flavor = "multi_thread")]
async fn a_shipped_story_ends_as_it_is_written(#[case] variant: &str) {
    let mut play = Play::begin(Some(variant)).await;
    let story = scenario::find("ecs-playbook", Some(variant)).unwrap().story;
    let mut printed = Vec::new();
    let mut print = |line: &str| printed.push(line.to_owned());
    let mut player = Player::new(&mut play.stage, &mut print);
    let mut broken = None;
    for line in script::read(story).unwrap() {
        if let Err(why) = player.play(&line).await {
            broken = Some(why.to_string());
            break;
        }
    }
    assert!(broken.is_none(), "{}\n{}\n{}", broken.unwrap_or_default(), printed.join("\n"), play.seen());
    play.end().await;
}
