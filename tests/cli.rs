//! The command line as a person meets it: what it prints, and its exit code. 0 fine, 1 the answer is no, 2 usage or
//! configuration.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, reason = "a test fails by it; clippy knows test functions only by their attribute")]

mod support;

use std::path::Path;

use assert_cmd::Command;
use rstest::rstest;
use support::{Play, program};

const CONFIGURATION: &str = "slack: { operations: C0OPS00001 }
people: { sre: S0SRE00001 }
store: { sled: { path: ./data } }
environments:
  prod: { aws: { region: eu-north-1 }, channels: [C0INC00001], may: { approve: [sre] } }
services:
  api: { targets: [{ ecs: { cluster: shop-prod, service: api } }] }
";

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs `rollbot` in `folder`, with nothing in its environment: neither Slack's secrets nor AWS's.
fn rollbot(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(program())
        .env_clear()
        .current_dir(folder)
        .args(arguments)
        .timeout(std::time::Duration::from_mins(1))
        .output()
        .expect("it runs");
    Said {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn folder(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("rollbot.yml"), configuration).expect("it is written");
    folder
}

#[test]
fn check_says_whether_the_configuration_is_right() {
    let right = rollbot(folder(CONFIGURATION).path(), &["check"]);
    assert_eq!(right.code, 0);
    assert!(right.out.starts_with("warning: ./rollbot.yml, line 7, column 8: `api` has no `verify`"), "{}", right.out);
    assert!(right.out.ends_with("The configuration is right: 1 environment, 1 service.\n"), "{}", right.out);

    let wrong = rollbot(folder(&CONFIGURATION.replace("cluster", "clutser")).path(), &["check"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.starts_with("rollbot: ./rollbot.yml, line 7"), "{}", wrong.err);
    assert!(wrong.err.contains("`clutser` is not a key") && wrong.err.contains("`cluster`"), "{}", wrong.err);

    let nothing = tempfile::tempdir().expect("a folder");
    let missing = rollbot(nothing.path(), &["check"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.starts_with("rollbot: there is no file ./rollbot.yml"), "{}", missing.err);
}

#[rstest]
#[case::no_command(&[], "Usage: rollbot")]
#[case::an_unknown_command(&["rolback"], "unrecognized subcommand")]
#[case::a_plan_of_nothing(&["plan", "prod"], "<SERVICE>")]
#[case::a_limit_that_is_no_number(&["history", "--limit", "many"], "invalid value 'many'")]
#[case::a_speed_of_nothing(&["sandbox", "--speed", "0"], "0 is not in 1..=1000")]
fn a_usage_error_exits_with_2(#[case] arguments: &[&str], #[case] part: &str) {
    let said = rollbot(folder(CONFIGURATION).path(), arguments);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains(part), "{}", said.err);
}

#[test]
fn where_no_server_runs_the_command_line_opens_the_store_itself() {
    let folder = folder(CONFIGURATION);
    let history = rollbot(folder.path(), &["history"]);
    assert_eq!((history.code, history.out.as_str()), (0, "No incidents.\n"), "{}", history.err);
    let show = rollbot(folder.path(), &["show", "rb-zzzzz"]);
    assert_eq!((show.code, show.err.as_str()), (1, "rollbot: There is no incident rb-zzzzz.\n"));
    let plan = rollbot(folder.path(), &["plan", "prod", "web"]);
    assert_eq!(
        (plan.code, plan.err.as_str()),
        (1, "rollbot: The configuration has no service or group `web` in prod.\n")
    );
    assert!(!folder.path().join("data").exists(), "a question makes no store");
    let elsewhere = rollbot(Path::new("/"), &["history"]);
    assert_eq!(elsewhere.code, 2, "{}", elsewhere.err);
}

#[test]
fn serve_says_everything_that_keeps_it_from_starting() {
    let said = rollbot(folder(CONFIGURATION).path(), &["serve"]);
    assert_eq!(said.code, 2);
    for variable in ["SLACK_BOT_TOKEN is not set", "SLACK_SIGNING_SECRET is not set"] {
        assert!(said.err.contains(variable), "{}", said.err);
    }
}

#[test]
fn the_sandbox_lists_its_scenarios_and_says_what_is_wrong_with_its_arguments() {
    let folder = folder("dev: hello\n");
    let list = rollbot(folder.path(), &["sandbox", "--list"]);
    assert_eq!(list.code, 0);
    assert!(list.out.contains("ecs-playbook in-flight"), "{}", list.out);
    for (arguments, sentence) in [
        (["--scenario", "nowhere"], "there is no scenario `nowhere`; there is ecs-playbook"),
        (["--variant", "nothing"], "ecs-playbook has no variant `nothing`"),
        (["--run", "nothing.txt"], "the script nothing.txt cannot be read: No such file"),
        (["--run", "rollbot.yml"], "rollbot.yml: line 1: what does dev do? Write a command that begins with /"),
        (["--fault", "explode:UpdateService"], "--fault explode:UpdateService cannot be read; write throttle"),
    ] {
        let said = rollbot(folder.path(), &[["sandbox"].as_slice(), &arguments].concat());
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.starts_with(&format!("rollbot: {sentence}")), "{}", said.err);
    }
}

#[test]
fn a_story_whose_wait_is_not_fulfilled_exits_with_1() {
    let folder = folder(CONFIGURATION);
    std::fs::write(folder.path().join("story.txt"), "dev: /rollback help\nwait: card \"Nonsense\"\n").expect("written");
    let said = rollbot(folder.path(), &["sandbox", "--run", "story.txt", "--patience", "2"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.err, "rollbot: `wait: card \"Nonsense\"`: not seen within 2 s\n");
    assert!(said.out.contains("@dev types /rollback help"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_show_and_plan_ask_a_running_server() {
    let mut play = Play::begin(None).await;
    play.type_command("dev", "/rollback prod api because checkout answers 500").await;
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let folder = play.stage.folder().to_owned();
    let run = |arguments: &[&str]| rollbot(&folder, arguments);

    let history = run(&["history", "prod", "api"]);
    assert_eq!((history.code, history.err.as_str()), (0, ""));
    assert!(history.out.contains("prod api to v42 (api:3)  waiting for approval  by dev"), "{}", history.out);
    let id = history.out.split_whitespace().next().expect("an id").to_owned();
    let records: serde_json::Value = serde_json::from_str(&run(&["history", "--json"]).out).expect("JSON");
    assert_eq!(records.pointer("/0/id"), Some(&serde_json::json!(id)));
    assert_eq!(run(&["history", "staging"]).out, "No incidents.\n");

    let show = run(&["show", &id]);
    assert!(
        show.out.contains("because checkout answers 500") && show.out.contains("v43 (api:4) -> v42 (api:3)"),
        "{}",
        show.out
    );
    let record: serde_json::Value = serde_json::from_str(&run(&["show", &id, "--json"]).out).expect("JSON");
    assert_eq!(record.pointer("/events/0/what/event"), Some(&serde_json::json!("requested")));
    assert_eq!(run(&["show", "rb-zzzzz"]).err, "rollbot: There is no incident rb-zzzzz.\n");

    let plan = run(&["plan", "prod", "api", "--to", "v41"]);
    assert_eq!(plan.code, 0, "{}", plan.err);
    for line in ["Roll back\n  ECS service shop-prod/api\n    v43 (api:4) -> v41 (api:2)\n", "Verify\n", "Watch\n"] {
        assert!(plan.out.contains(line), "{}", plan.out);
    }
    let digest: serde_json::Value = serde_json::from_str(&run(&["plan", "prod", "api", "--json"]).out).expect("JSON");
    assert_eq!(
        digest.pointer("/digest"),
        record.pointer("/incident/state/digest"),
        "the same planner gives the same plan"
    );
    let nothing = run(&["plan", "prod", "api", "--to", "v43"]);
    assert_eq!(nothing.code, 0);
    assert!(nothing.out.starts_with("Nothing to do. "), "{}", nothing.out);
    let refused = run(&["plan", "prod", "api", "--to", "v1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.starts_with("rollbot: ") && refused.err.lines().count() == 1, "{}", refused.err);

    play.stage.bot.terminate().await.expect("the bot ends");
    let after = run(&["history"]);
    assert!(after.out.starts_with(&id), "{} {}", after.out, after.err);
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_store_gets_one_clear_sentence() {
    let play = Play::begin(None).await;
    let output = Command::new(program())
        .env_clear()
        .current_dir(play.stage.folder())
        .args(["serve"])
        .envs([("SLACK_BOT_TOKEN", "xoxb-1-2-three"), ("SLACK_SIGNING_SECRET", "0123456789abcdef")])
        .envs([("ROLLBOT_LISTEN", "127.0.0.1:0"), ("ROLLBOT_ADMIN_LISTEN", "127.0.0.1:0")])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        err,
        "rollbot: the store in ./rollbot-data is open in another process; stop that one, or give this one a folder of its \
         own (store.sled.path)\n"
    );
    play.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_operators_ask_for() {
    let mut play = Play::begin(None).await;
    play.roll_back().await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let metrics = http.get(format!("{}/metrics", play.stage.bot.admin_url())).send().await.expect("an answer");
    let text = metrics.text().await.expect("text");
    for line in [
        "rollbot_incidents_opened_total 1",
        "rollbot_incidents_closed_total{end=\"rolled_back\"} 1",
        "rollbot_incidents_open 0",
        "rollbot_aws_acts_total{outcome=\"accepted\"} 1",
        "rollbot_slack_calls_total{method=\"chat.postMessage\",outcome=\"ok\"} ",
        "rollbot_store_writes_total{kind=\"commit\"} ",
        "rollbot_store_syncs_total ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    play.end().await;
}
