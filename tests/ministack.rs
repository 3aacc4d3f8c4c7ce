//! The real bot takes stacks of MiniStack back: a CloudFormation that somebody else wrote, on loopback.
//!
//! Rollbot's own stand-in and Rollbot come from one house and could be wrong alike; this one could not. It needs a
//! Python with `tests/ministack/requirements.txt`: the one that `ROLLBOT_TEST_MINISTACK` names, else
//! `target/ministack/bin/python`. Where there is none the test says so on stderr and passes; `.ci/run` makes one.
//!
//! Of a template's address in S3 MiniStack 1.5.33 takes the path for bucket and key, also where the bucket is in the
//! host's name, as CloudFormation wants it. So the template lies there twice, once for each of them.
//!
//! MiniStack runs in real time, so what it does is kept short: a `WaitCondition` that nobody signals holds an update
//! up, and fails it.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests")]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_cloudformation::types::Parameter;
use aws_types::region::Region;
use rollbot::clock::Clock;
use rollbot::incident::due::{Phase, phase};
use rollbot::incident::incident::Verdict;
use rollbot::incident::time::Pace;
use rollbot::sandbox::scenario::{self, Scenario};
use serde_json::{Value, json};
use support::{Play, verdict};
use tokio::process::{Child, Command};

const REGION: &str = "us-east-1";
/// Where earlier templates lie.
const BUCKET: &str = "drill";
/// How long anything of MiniStack may take, in real time.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Python that has MiniStack, or `None` after a word about it on stderr. One that is named has to have it.
async fn python() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where Python is, is no configuration of Rollbot")]
    let named = std::env::var_os("ROLLBOT_TEST_MINISTACK").filter(|named| !named.is_empty());
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ministack/bin/python");
    let python = named.as_ref().map_or_else(usual, PathBuf::from);
    let imported = Command::new(&python).args(["-c", "import ministack"]).output().await;
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(named.is_none(), "{} does not have ministack", python.display());
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED: MiniStack does not stand in for CloudFormation; {} does not have it.\n\
         To run this: python3 -m venv target/ministack && \
         target/ministack/bin/pip install -r tests/ministack/requirements.txt && cargo test --test ministack\n",
        python.display()
    );
    None
}

/// MiniStack as a process, ended with this value.
struct MiniStack {
    _process: Child,
    endpoint: String,
    cfn: aws_sdk_cloudformation::Client,
    secrets: aws_sdk_secretsmanager::Client,
    s3: aws_sdk_s3::Client,
    clock: Clock,
}

impl MiniStack {
    async fn start() -> Option<Self> {
        let python = python().await?;
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            free.local_addr().expect("it has an address").port()
        };
        let mut command = Command::new(&python);
        command.args(["-m", "ministack"]).env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("Python starts");
        let endpoint = format!("http://127.0.0.1:{port}");
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(&endpoint)
            .load()
            .await;
        let mini = Self {
            _process: process,
            endpoint,
            cfn: aws_sdk_cloudformation::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            clock: Clock::start(Pace::REAL),
        };
        let since = mini.clock.reading();
        while mini.cfn.describe_stacks().send().await.is_err() {
            mini.patiently(since, "MiniStack answers").await;
        }
        Some(mini)
    }

    async fn patiently(&self, since: std::time::Instant, what: &str) {
        assert!(since.elapsed() < PATIENCE, "not seen: {what}");
        self.clock.sleep_really(Duration::from_millis(200)).await;
    }

    async fn status(&self, stack: &str) -> String {
        let answer = self.cfn.describe_stacks().stack_name(stack).send().await.expect("the stack is there");
        answer.stacks()[0].stack_status().expect("a status").as_str().to_owned()
    }

    async fn until(&self, stack: &str, status: &str) {
        let since = self.clock.reading();
        loop {
            let now = self.status(stack).await;
            if now == status {
                return;
            }
            self.patiently(since, &format!("{stack} is {status}, not {now}")).await;
        }
    }

    /// The release that the secret of `stack` bears; `None` where the secret is gone.
    async fn release(&self, stack: &str) -> Option<String> {
        let answer = self.secrets.describe_secret().secret_id(stack).send().await.ok()?;
        answer.description
    }

    async fn create(&self, stack: &str) {
        let call = self.cfn.create_stack().stack_name(stack).template_body(template(stack, None).to_string());
        call.parameters(release("v1")).send().await.expect("it is created");
        self.until(stack, "CREATE_COMPLETE").await;
    }

    /// Updates a stack to v2, which nothing holds up.
    async fn deploy(&self, stack: &str) {
        let call = self.cfn.update_stack().stack_name(stack).template_body(template(stack, None).to_string());
        call.parameters(release("v2")).send().await.expect("it is updated");
        self.until(stack, "UPDATE_COMPLETE").await;
    }

    /// Puts a template and its parameters where `previous` names them, and where MiniStack reads the template.
    async fn keep(&self, stack: &str, value: &str) {
        let parameters = json!([{"ParameterKey": "Release", "ParameterValue": value}]).to_string();
        let (body, beside) = (format!("{:#}", template(stack, None)), format!("{BUCKET}/{stack}.parameters.json"));
        for (key, body) in
            [(format!("{BUCKET}/{stack}.json"), &body), (format!("{stack}.json"), &body), (beside, &parameters)]
        {
            let put = self.s3.put_object().bucket(BUCKET).key(key).body(body.clone().into_bytes().into());
            put.send().await.expect("it is put");
        }
    }

    /// The change sets of a stack that could still be executed.
    async fn change_sets(&self, stack: &str) -> usize {
        let answer = self.cfn.list_change_sets().stack_name(stack).send().await.expect("a list");
        let open = |set: &&aws_sdk_cloudformation::types::ChangeSetSummary| {
            set.execution_status().is_some_and(|status| status.as_str() == "AVAILABLE")
        };
        answer.summaries().iter().filter(open).count()
    }

    /// Updates a stack to v2. `held` is how many seconds a wait condition holds it up, and fails it then.
    async fn update(&self, stack: &str, held: u32, disable_rollback: Option<bool>) {
        let call = self.cfn.update_stack().stack_name(stack).template_body(template(stack, Some(held)).to_string());
        let call = call.parameters(release("v2")).set_disable_rollback(disable_rollback);
        call.client_request_token(format!("deploy-{stack}")).send().await.expect("it is updated");
    }
}

fn release(value: &str) -> Parameter {
    Parameter::builder().parameter_key("Release").parameter_value(value).build()
}

fn template(stack: &str, held: Option<u32>) -> Value {
    let mut template = json!({
        "Parameters": {"Release": {"Type": "String"}},
        "Resources": {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {
            "Name": stack, "Description": {"Ref": "Release"}, "SecretString": "example",
        }}},
    });
    if let Some(held) = held {
        template["Resources"]["Handle"] = json!({"Type": "AWS::CloudFormation::WaitConditionHandle"});
        template["Resources"]["Held"] = json!({
            "Type": "AWS::CloudFormation::WaitCondition",
            "DependsOn": "Secret",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": held.to_string(), "Count": 1},
        });
    }
    template
}

/// Slack and people as in a scenario; AWS is MiniStack.
async fn bot(mini: &MiniStack) -> Play {
    let service = |stack: &str, more: &str| {
        format!("  {stack}: {{ targets: [{{ cloudformation: {{ name: stack, stack: {stack}{more} }} }}] }}\n")
    };
    let in_s3 = |stack: &str| format!(", previous: {{ s3: {{ bucket: {BUCKET}, key: {BUCKET}/{stack}.json }} }}");
    let services = [
        service("held", ""),
        service("failed", ""),
        service("stuck", ""),
        service("kept", ", delete: true"),
        // MiniStack says of every change of a secret that it may replace it, and that takes a person and a gate.
        service("changed", &format!(", may_replace: [\"AWS::SecretsManager::Secret\"]{}", in_s3("changed"))),
        service("same", &in_s3("same")),
    ];
    let configuration = format!(
        "slack: {{ operations: C0OPS00001 }}\npeople: {{ sre: S0SRE00001 }}\nstore: {{ sled: {{ path: ./rollbot-data }} }}\n\
         environments:\n  prod:\n    aws: {{ region: {REGION} }}\n    channels: [C0INC00001]\n    may: {{ approve: [sre] }}\n    \
         approval: {{ required: 1, expires_after: 24h, confirm_phrase: rollback-production }}\nservices:\n{}",
        services.concat()
    );
    let shipped = scenario::find("cira-invoice", None).expect("the scenario is shipped");
    let scenario = Scenario { configuration: configuration.leak(), fastest: 20, ..shipped };
    let mut play = Play::staged(&scenario).await;
    play.patience = PATIENCE;
    play.stage.bot.set("AWS_ENDPOINT_URL", &mini.endpoint);
    play.stage.begin().await.expect("the bot starts");
    play
}

/// Asks, approves, and waits until it is called rolled back.
async fn taken_back(play: &mut Play, service: &str) {
    play.propose("dev", &format!("/rollback prod {service} because of a drill")).await;
    play.approve("sre").await;
    let ended = play
        .until_recorded("a verdict", |incident| incident.run().and_then(|run| run.verdict.as_ref()).is_some())
        .await;
    assert_eq!(verdict(&ended), Some(Verdict::RolledBack), "{service}\n{}", play.seen());
    play.until("its end", |play| play.card_text().contains("ended")).await;
}

async fn refused(play: &mut Play, command: &str) -> String {
    let cards = play.cards();
    play.type_command("dev", command).await;
    play.until("a refusal", |play| play.cards() > cards && play.card_text().contains("ended")).await;
    play.card_text().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// C3, P4, C16, C4 against MiniStack: cancel, roll back, continue what is stuck, protected.
#[tokio::test(flavor = "multi_thread")]
async fn stacks_of_ministack_are_taken_back() {
    let Some(mini) = MiniStack::start().await else { return };
    for stack in ["held", "failed", "stuck", "kept"] {
        mini.create(stack).await;
    }
    mini.update("failed", 1, Some(true)).await;
    mini.until("failed", "UPDATE_FAILED").await;
    mini.update("stuck", 3, None).await;
    let since = mini.clock.reading();
    while mini.release("stuck").await.as_deref() != Some("v2") {
        mini.patiently(since, "the update has reached the secret").await;
    }
    // MiniStack makes anew what is gone; what is only marked for deletion it can neither update nor make anew.
    mini.secrets.delete_secret().secret_id("stuck").send().await.expect("it is deleted behind the stack's back");
    mini.until("stuck", "UPDATE_ROLLBACK_FAILED").await;
    let mut play = bot(&mini).await;

    taken_back(&mut play, "failed").await;
    assert_eq!(mini.status("failed").await, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(mini.release("failed").await.as_deref(), Some("v1"));

    let protect = mini.cfn.update_termination_protection().stack_name("kept").enable_termination_protection(true);
    protect.send().await.expect("it is protected");
    let told = refused(&mut play, "/rollback prod kept to deleted because of a drill").await;
    assert!(told.to_lowercase().contains("protect"), "{told}");
    assert_eq!(mini.status("kept").await, "CREATE_COMPLETE");

    play.propose("dev", "/rollback prod stuck because of a drill").await;
    play.approve("sre").await;
    play.until_recorded("a stuck rollback", |incident| matches!(phase(incident), Phase::Blocked(_))).await;
    // Which resources may be left out is not asked: MiniStack lists what is stuck as if it were well. So it is repaired.
    play.until("a question", |play| play.with_button("Retry stack").is_some()).await;
    assert!(play.card_text().contains("The rollback is stuck"), "{}", play.card_text());
    mini.secrets.restore_secret().secret_id("stuck").send().await.expect("it is restored");
    play.click("sre", "Retry stack").await;
    play.until("its end", |play| play.card_text().contains("ended")).await;
    assert_eq!(mini.release("stuck").await.as_deref(), Some("v1"));
    assert_eq!(mini.status("stuck").await, "UPDATE_ROLLBACK_COMPLETE");

    mini.update("held", 8, None).await;
    taken_back(&mut play, "held").await;
    assert_eq!(mini.status("held").await, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(mini.release("held").await.as_deref(), Some("v1"));
    let events = mini.cfn.describe_stack_events().stack_name("held").send().await.expect("events");
    let asked = events.stack_events().iter().any(|event| event.resource_status_reason() == Some("User Initiated"));
    assert!(asked, "the update was cancelled, and did not fail by itself");
    play.end().await;
}

/// B6, P5 against MiniStack: an earlier version comes back by a change set; a plan that ends without it leaves none, and
/// one that would change nothing is nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn b06_p05_change_sets_of_ministack_are_made_executed_and_deleted() {
    let Some(mini) = MiniStack::start().await else { return };
    mini.s3.create_bucket().bucket(BUCKET).send().await.expect("a bucket");
    for (stack, kept) in [("changed", "v1"), ("same", "v2")] {
        mini.create(stack).await;
        mini.deploy(stack).await;
        mini.keep(stack, kept).await;
    }
    let mut play = bot(&mini).await;

    let told = refused(&mut play, "/rollback prod same because of a drill").await;
    assert!(told.contains("CloudFormation finds nothing to change"), "{told}");

    play.propose("dev", "/rollback prod changed because of a drill").await;
    let card = play.card_text();
    assert!(card.contains("Secret (SecretsManager::Secret)") && card.contains("change set"), "{card}");
    assert_eq!(mini.change_sets("changed").await, 1);
    play.click_and_fill_in("sre", "Reject", &[("Reason".to_owned(), "it was a drill".to_owned())]).await;
    play.until("its end", |play| play.card_text().contains("ended")).await;
    let since = mini.clock.reading();
    while mini.change_sets("changed").await > 0 {
        mini.patiently(since, "the change set that was not executed is deleted").await;
    }
    assert_eq!(mini.release("changed").await.as_deref(), Some("v2"), "nothing has changed");

    play.propose("dev", "/rollback prod changed because of a drill").await;
    play.approve("sre").await;
    play.until("the gate", |play| play.with_button("Type the phrase").is_some()).await;
    assert_eq!(mini.release("changed").await.as_deref(), Some("v2"), "nothing before the gate");
    play.click_and_fill_in("sre", "Type the phrase", &[("Phrase".to_owned(), "changed".to_owned())]).await;
    play.until("its end", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains("rolled back"), "{}", play.card_text());
    assert_eq!(mini.status("changed").await, "UPDATE_COMPLETE");
    assert_eq!(mini.release("changed").await.as_deref(), Some("v1"));
    assert_eq!(mini.change_sets("changed").await, 0);
    play.end().await;
}
