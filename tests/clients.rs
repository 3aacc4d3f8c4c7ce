//! Other people's clients drive the stand-ins: boto3, the AWS command line and `slack_sdk`, by the scripts in
//! `tests/clients/`.
//!
//! Rollbot's own client and the stand-ins come from one house and could be wrong alike; these could not. They need a
//! Python with the packages of `tests/clients/requirements.txt`: the one that `ROLLBOT_TEST_PYTHON` names, else
//! `target/venv/bin/python`. Where there is none the tests say so on stderr and pass; `.ci/run` makes one.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use rollbot::clock::Clock;
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::AwsStandIn;
use rollbot::sandbox::scenario;
use rollbot::sandbox::slack::{MessageRef, Reply, SlackStandIn};
use rollbot::sandbox::wire::Wire;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A rollout of two minutes takes about a second; where somebody has to be quicker than AWS, as long as the scenario says.
const SPEED: u32 = 200;

/// How long a script may take, in real time: many times what it needs.
const PATIENCE: Duration = Duration::from_mins(3);

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// Whether it has been said that there is no Python: three tests would say it otherwise.
static SAID: Once = Once::new();

/// A Python that has the packages, or `None` after a word about it on stderr.
///
/// One that `ROLLBOT_TEST_PYTHON` names has to have them.
async fn python() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where Python is, is no configuration of Rollbot")]
    let named = std::env::var_os("ROLLBOT_TEST_PYTHON").filter(|named| !named.is_empty());
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let python = named.as_ref().map_or_else(usual, PathBuf::from);
    let imported = Command::new(&python).args(["-c", "import awscli, boto3, slack_sdk"]).output().await;
    let why = match imported {
        Ok(output) if output.status.success() => return Some(python),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    let why = format!("{} does not have awscli, boto3 and slack_sdk: {why}", python.display());
    assert!(named.is_none(), "{why}");
    // Once, and not by `eprintln`, which the test runner would keep to itself.
    SAID.call_once(|| {
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: boto3, the AWS command line and slack_sdk do not drive the stand-ins. {why}\n\
             To run this: python3 -m venv target/venv && \
             target/venv/bin/pip install -r tests/clients/requirements.txt && cargo test --test clients\n"
        );
    });
    None
}

/// Starts a script. A proxy of the machine has no business between it and loopback.
fn start(python: &Path, script: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(python);
    command.arg("-u").arg(Path::new(SCRIPTS).join(script)).args(arguments);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("PYTHONDONTWRITEBYTECODE", "1");
    for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(file, OsString::from("/dev/null"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("Python starts")
}

/// Reads a script to its end, does what it asks for, and prints what it said.
async fn follow(mut script: Child, mut asked: impl AsyncFnMut(&str)) {
    let mut lines = BufReader::new(script.stdout.take().expect("stdout is piped")).lines();
    let mut complaints = script.stderr.take().expect("stderr is piped");
    let mut said = String::new();
    let listening = async {
        while let Some(line) = lines.next_line().await.expect("the script writes text") {
            said.push_str(&line);
            said.push('\n');
            if let Some(what) = line.strip_prefix("> ") {
                asked(what).await;
            }
        }
    };
    let mut complained = String::new();
    let both = async { tokio::join!(listening, complaints.read_to_string(&mut complained)) };
    let in_time = tokio::time::timeout(PATIENCE, both).await.is_ok();
    assert!(in_time, "the script does not end:\n{said}");
    let status = script.wait().await.expect("the script ends");
    assert!(status.success() && said.ends_with("done\n"), "{status}\n{said}\n{complained}");
    println!("{said}");
}

/// `script` drives an account that begins as the scenario says.
async fn drive_aws(script: &str, scenario: &str, variant: Option<&str>, story: &str) {
    let Some(python) = python().await else { return };
    let scenario = scenario::find(scenario, variant).expect("the scenario is shipped");
    let clock = Clock::start(Pace::new(SPEED.min(scenario.fastest)));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let aws = AwsStandIn::start(scenario.seed, clock, Wire::default(), &tasks, stop.clone())
        .await
        .expect("the stand-in starts");
    follow(start(&python, script, &[&aws.endpoint(), story]), async |_| {}).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_rolls_a_finished_deployment_back() {
    drive_aws("drive_aws.py", "ecs-playbook", None, "finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_stops_a_deployment_under_way() {
    drive_aws("drive_aws.py", "ecs-playbook", Some("in-flight"), "in-flight").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_command_line_rolls_a_finished_deployment_back() {
    drive_aws("drive_cli.py", "ecs-playbook", None, "finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_command_line_stops_a_deployment_under_way() {
    // It waits at a hook, so it is still under way however long the commands take.
    drive_aws("drive_cli.py", "ecs-playbook", Some("hook-paused"), "in-flight").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_moves_an_alias_and_gives_a_function_its_code_back() {
    drive_aws("drive_aws.py", "cira-invoice", Some("lambda-canary"), "lambda").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_rolls_a_stage_of_a_pipeline_back_and_starts_a_build() {
    drive_aws("drive_aws.py", "apgms", None, "pipeline").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_takes_a_stack_back_by_a_change_set_and_reads_alarms() {
    drive_aws("drive_stacks.py", "cira-invoice", None, "finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_cancels_the_update_of_a_stack() {
    drive_aws("drive_stacks.py", "cira-invoice", Some("update-in-flight"), "in-flight").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_continues_a_rollback_that_is_stuck() {
    drive_aws("drive_stacks.py", "cira-invoice", Some("update-rollback-failed"), "stuck").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_deploys_an_earlier_build_of_an_app_again() {
    drive_aws("drive_amplify.py", "prop-ie", None, "connected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_hands_files_over_to_an_app_without_a_repository() {
    drive_aws("drive_amplify.py", "bayon-coagent", Some("manual-app"), "manual").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_and_the_aws_command_line_take_a_static_site_back() {
    let Some(python) = python().await else { return };
    let build = |release: &str, page: &str| {
        serde_json::json!([
            {"key": format!("{release}/index.html"), "body": format!("<h1>{page}</h1>"), "age": "48h",
                "content_type": "text/html", "cache_control": "max-age=300", "metadata": {"release": page}},
            {"key": format!("{release}/assets/a b+c&é.js"), "body": page, "age": "48h", "content_encoding": "gzip",
                "content_disposition": "inline", "content_type": "text/javascript"},
        ])
    };
    let builds = [build("releases/v41", "v41"), build("releases/v42", "v42"), build("live", "v42")];
    let mut objects: Vec<serde_json::Value> =
        builds.iter().filter_map(|build| build.as_array()).flatten().cloned().collect();
    for key in ["live/assets/new.js", "live/.well-known/kept.txt"] {
        objects.push(serde_json::json!({"key": key, "body": "x", "age": "1h"}));
    }
    let seed = serde_json::from_value(serde_json::json!({
        "account": "123456789012", "region": "eu-north-1",
        "buckets": {"shop-site": {"versioning": "enabled", "objects": objects, "locked": ["live/.well-known/"]}},
        "distributions": {"E2SHOPSITE0001": {
            "origins": [{"id": "site", "bucket": "shop-site", "path": "/live"}], "warm": ["/", "/assets/a%20b%2Bc&%C3%A9.js"],
        }},
    }))
    .expect("the seed is one");
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let aws = AwsStandIn::start(seed, Clock::start(Pace::new(SPEED)), Wire::default(), &tasks, stop.clone())
        .await
        .expect("the stand-in starts");
    let viewers = aws.site("E2SHOPSITE0001").expect("it has viewers");
    follow(start(&python, "drive_site.py", &[&aws.endpoint(), "E2SHOPSITE0001", &viewers]), async |_| {}).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_sdk_posts_reads_waits_and_verifies() {
    let Some(python) = python().await else { return };
    let workspace = scenario::find("ecs-playbook", None).expect("the scenario is shipped").workspace;
    let (token, secret) = (workspace.bot_token.clone(), workspace.signing_secret.clone());
    let (tasks, stop, clock) = (TaskTracker::new(), CancellationToken::new(), Clock::start(Pace::REAL));
    let slack = SlackStandIn::start(workspace, Wire::default(), clock, &tasks, stop.clone());
    let slack = slack.await.expect("the stand-in starts");
    let script = start(&python, "drive_slack.py", &[&slack.api_url(), &token, &secret]);
    follow(script, async |what| {
        let reply = serve(&slack, what).await;
        assert!(reply.is_acknowledged(), "{what}: {reply:?}");
    })
    .await;
    assert_eq!(slack.rate_limited(), 2, "the posts that were told to wait");
    let whispers = slack.messages("incidents").into_iter().filter_map(|message| message.visible_to);
    assert_eq!(whispers.collect::<Vec<_>>(), ["U0DEV00001"; 2], "an ephemeral message, and one by the response_url");
    stop.cancel();
}

/// What the script needs a person for: `command URL TEXT`, `click CHANNEL TS LABEL`, `submit FIELD=VALUE`.
async fn serve(slack: &SlackStandIn, what: &str) -> Reply {
    let (verb, rest) = what.split_once(' ').expect("a verb and what it is for");
    match verb {
        "command" => {
            let (app, text) = rest.split_once(' ').expect("an address and a text");
            slack.connect_app(app);
            slack.type_command("dev", "incidents", &format!("/rollback {text}")).await
        }
        "click" => {
            let [channel, ts, label] =
                rest.splitn(3, ' ').collect::<Vec<_>>().try_into().expect("a channel, a ts, a label");
            slack.click("dev", &MessageRef { channel: str::to_owned(channel), ts: str::to_owned(ts) }, label).await
        }
        "submit" => {
            let (field, value) = rest.split_once('=').expect("a field and a value");
            slack.submit("dev", &[(field, value)]).await
        }
        _ => panic!("the script asks for {what}"),
    }
}
