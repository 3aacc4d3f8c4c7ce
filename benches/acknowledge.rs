//! How long Slack waits for its acknowledgement: signed commands and clicks, each made durable before it is
//! acknowledged, while 50 rollbacks run.
//!
//!     cargo bench --profile measured --bench acknowledge
//!
//! The profile optimises what a request passes through and nothing else. tests/README.md says how to profile, and what
//! the limit is.
//!
//! The real bot runs as a process of its own, over the stand-ins; all of it, and the sender, share this machine. Requests
//! leave by the clock and not by the answers, and each is timed from when it was due: what waits in a queue counts.
//! What a durable write costs on this disk is measured beside it, alone and under the same load.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "it prints a table, and ends when it cannot")]

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rollbot::clock::{Clock, wall};
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::SeedTargetGroup;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::slack::Message;
use rollbot::sandbox::stage::Stage;
use serde_json::json;
use tokio_util::task::TaskTracker;

/// Rollbacks that run meanwhile.
const INCIDENTS: usize = 50;
/// Channels that they are spread over: Slack takes one message a second in each.
const CHANNELS: usize = 10;
/// Requests a second.
const RATE: u32 = 300;
/// How long they come.
const LASTS: Duration = Duration::from_secs(15);
/// How long the rollbacks may take to get under way.
const PATIENCE: Duration = Duration::from_mins(4);
/// Requests that come one at a time.
const ALONE: usize = 200;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// A command that is answered from the configuration: verified, read, and nothing kept.
    Help,
    /// A command that is made durable.
    Command,
    /// A click that is made durable.
    Click,
}

fn main() {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be had");
    runtime.block_on(measure());
}

async fn measure() {
    let mut stage = Stage::set(&scenario(), PathBuf::from(env!("CARGO_BIN_EXE_rollbot")), Pace::REAL)
        .await
        .expect("the stage is set");
    stage.bot.start().await.expect("the bot starts");
    let sender = Sender::new(&stage);
    let build = if cfg!(debug_assertions) { "a build for tests" } else { "an optimised build" };
    println!("{build}, {} cores", std::thread::available_parallelism().map_or(0, usize::from));
    println!("{:<58}{:>7}{:>9}{:>9}{:>9}", "", "count", "p50 ms", "p99 ms", "max ms");

    // The first of each opens connections and asks Slack who these people are.
    for sent in [Sent::Help, Sent::Command, Sent::Click] {
        sender.send(sent, 0).await;
    }
    let folder = stage.folder().to_owned();
    let alone = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || (0..ALONE).map(|_| durable_write(&folder)).collect::<Vec<_>>()
    })
    .await
    .expect("the disk is there");
    row("disk: 4 KiB and fdatasync, nothing else", &alone);
    for sent in [Sent::Help, Sent::Command, Sent::Click] {
        let mut took = Vec::new();
        for number in 1..=ALONE {
            took.push(sender.send(sent, number).await);
        }
        row(&format!("{sent:?}, one at a time, no rollbacks"), &took);
    }

    let running = begin_rollbacks(&stage).await;
    println!("{running} rollbacks are under way");
    assert!(running >= INCIDENTS, "the rest did not begin within {PATIENCE:?}: the machine is too busy to measure on");
    for (what, kinds) in [("nothing kept", [Sent::Help, Sent::Help]), ("made durable", [Sent::Command, Sent::Click])] {
        let before = Counters::of(&stage).await;
        let (probing, disk) = probe(&folder);
        let took = sender.storm(kinds).await;
        probing.store(false, std::sync::atomic::Ordering::Relaxed);
        let disk = disk.await.expect("the disk is there");
        let after = Counters::of(&stage).await;
        for sent in [Sent::Help, Sent::Command, Sent::Click] {
            let of_kind: Vec<Duration> = took.iter().filter(|(kind, _)| *kind == sent).map(|(_, took)| *took).collect();
            if !of_kind.is_empty() {
                row(&format!("{sent:?}, {what}, {RATE}/s"), &of_kind);
            }
        }
        row("disk: 4 KiB and fdatasync, beside these", &disk);
        after.since(&before);
        if kinds.contains(&Sent::Command) {
            let all: Vec<Duration> = took.iter().map(|(_, took)| *took).collect();
            let ratio = |share| percentile(&all, share).as_secs_f64() / percentile(&disk, share).as_secs_f64();
            println!("acknowledged in {:.1} (p50) and {:.1} (p99) durable writes of this disk", ratio(50), ratio(99));
            let aim = if percentile(&all, 99) < Duration::from_millis(20) { "kept" } else { "missed" };
            println!("aim of p99 below 20 ms: {aim}");
        }
    }
    // What it still wants to say to a thousand clicks waits for Slack's limits, which nobody needs to see.
    stage.bot.kill().await.expect("the bot ends");
    stage.strike().await.expect("the stage is struck");
}

/// The first scenario with fifty services in ten channels; whoever asks confirms.
fn scenario() -> Scenario {
    let mut scenario = scenario::find("ecs-playbook", None).expect("the scenario is shipped");
    let service = scenario.seed.services.pop().expect("it has a service");
    let names: Vec<String> = (0..INCIDENTS).map(|number| format!("s{number:02}")).collect();
    for name in &names {
        let mut service = service.clone();
        service.name.clone_from(name);
        if let Some(load_balancer) = &mut service.load_balancer {
            load_balancer.target_group.clone_from(name);
        }
        scenario.seed.target_groups.insert(name.clone(), SeedTargetGroup::default());
        scenario.seed.services.push(service);
    }
    let incidents = scenario.workspace.channels.first().expect("it has a channel").clone();
    let channels: Vec<String> = (0..CHANNELS).map(|number| format!("C0BENCH{number:03}")).collect();
    for id in &channels {
        let mut channel = incidents.clone();
        channel.id.clone_from(id);
        channel.name = id.to_lowercase();
        scenario.workspace.channels.push(channel);
    }
    let services: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "  {name}:\n    targets: [{{ ecs: {{ name: backend, cluster: shop-prod, service: {name}, container: app, image: shop/api }} }}]\n    verify: [{{ target_group: {{ of: backend }} }}]\n"
            )
        })
        .collect();
    let configuration = format!(
        "slack: {{ operations: C0OPS00001 }}\nstore:\n  sled: {{ path: ./rollbot-data }}\nenvironments:\n  prod:\n    aws: {{ region: eu-north-1, account: \"123456789012\", assume_role: \"arn:aws:iam::123456789012:role/rollbot\" }}\n    channels: [{}]\n    approval: {{ required: 0, expires_after: 24h }}\nservices:\n{}",
        channels.join(", "),
        services.concat()
    );
    scenario.configuration = configuration.leak();
    scenario.site_of = "s00";
    scenario
}

/// Asks for every service, confirms every plan, and says how many services AWS was told to take back.
async fn begin_rollbacks(stage: &Stage) -> usize {
    for number in 0..INCIDENTS {
        let channel = format!("C0BENCH{:03}", number % CHANNELS);
        let reply = stage.slack.type_command("dev", &channel, &format!("/rollback prod s{number:02}")).await;
        assert!(reply.is_acknowledged(), "{reply:?}");
    }
    let since = stage.clock.reading();
    let under_way = || stage.wire.calls().iter().filter(|call| call.operation == "UpdateService").count();
    while under_way() < INCIDENTS && since.elapsed() < PATIENCE {
        for card in stage.slack.all_messages().iter().filter(|message| has_approve(message)) {
            stage.slack.click("dev", &card.reference(), "Approve").await;
        }
        stage.clock.sleep_really(Duration::from_secs(2)).await;
    }
    under_way()
}

fn has_approve(message: &Message) -> bool {
    let elements = message.blocks.iter().filter_map(|block| block.get("elements")?.as_array()).flatten();
    elements
        .into_iter()
        .any(|element| element.get("action_id").and_then(|id| id.as_str()).is_some_and(|id| id.starts_with("approve:")))
}

/// Sends as Slack does.
#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    base: String,
    secret: String,
    clock: Clock,
}

impl Sender {
    fn new(stage: &Stage) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(256).build();
        let secret = stage.slack.workspace().signing_secret;
        Self { http: http.expect("a client can be had"), base: stage.bot.base_url(), secret, clock: stage.clock }
    }

    /// Sends one, and says how long its acknowledgement took.
    async fn send(&self, sent: Sent, number: usize) -> Duration {
        let (door, body) = body(sent, number);
        let time = wall().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs().to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(self.secret.as_bytes()).expect("any key will do");
        mac.update(format!("v0:{time}:{body}").as_bytes());
        let request = self
            .http
            .post(format!("{}{door}", self.base))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("X-Slack-Request-Timestamp", time)
            .header("X-Slack-Signature", format!("v0={}", hex::encode(mac.finalize().into_bytes())))
            .body(body);
        let since = self.clock.reading();
        let reply = request.send().await.expect("the bot answers");
        assert!(reply.status().is_success(), "{}", reply.status());
        reply.bytes().await.expect("the answer arrives");
        since.elapsed()
    }

    /// Sends both kinds in turn, [`RATE`] a second.
    async fn storm(&self, kinds: [Sent; 2]) -> Vec<(Sent, Duration)> {
        let (tasks, took) = (TaskTracker::new(), Arc::new(Mutex::new(Vec::new())));
        let begun = self.clock.reading();
        let count = usize::try_from(LASTS.as_secs()).unwrap_or(0) * RATE as usize;
        for (number, sent) in (0..count).zip(kinds.into_iter().cycle()) {
            let due = begun + Duration::from_secs(1) / RATE * u32::try_from(number).expect("it is a small number");
            let wait = due.saturating_duration_since(self.clock.reading());
            if !wait.is_zero() {
                self.clock.sleep_really(wait).await;
            }
            let (sender, took) = (self.clone(), Arc::clone(&took));
            tasks.spawn(async move {
                sender.send(sent, 1_000_000 + number).await;
                took.lock().expect("nobody panics under it").push((sent, due.elapsed()));
            });
        }
        tasks.close();
        tasks.wait().await;
        let took = took.lock().expect("nobody panics under it");
        assert_eq!(took.len(), count, "every request was acknowledged");
        took.clone()
    }
}

/// A request that is like no other.
fn body(sent: Sent, number: usize) -> (&'static str, String) {
    let channel = format!("C0BENCH{:03}", number % CHANNELS);
    let command = |text: &str| {
        let fields = [
            ("team_id", "T0SANDBOX1"),
            ("channel_id", &channel),
            ("user_id", "U0DEV00001"),
            ("user_name", "dev"),
            ("command", "/rollback"),
            ("text", text),
            ("trigger_id", &format!("{number}.{sent:?}")),
        ];
        ("/slack/commands", serde_urlencoded::to_string(fields).expect("a form can be written"))
    };
    match sent {
        Sent::Help => command("help"),
        Sent::Command => command("status rb-zzzzz"),
        Sent::Click => {
            let payload = json!({
                "type": "block_actions", "user": {"id": "U0DEV00001", "team_id": "T0SANDBOX1"}, "team": null,
                "channel": {"id": channel}, "container": {"type": "message", "message_ts": "1.2", "channel_id": channel},
                "actions": [{"type": "button", "action_id": "approve:rb-zzzzz", "block_id": "b",
                    "value": format!("{number:020}"), "action_ts": format!("{number}.1")}],
            });
            let fields = [("payload", payload.to_string())];
            ("/slack/interactions", serde_urlencoded::to_string(fields).expect("a form can be written"))
        }
    }
}

/// What a durable write of a page costs where the store lies.
fn durable_write(folder: &Path) -> Duration {
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("probe"));
    let mut file = file.expect("the folder can be written to");
    file.seek(std::io::SeekFrom::End(0)).expect("a file has an end");
    let since = Clock::start(Pace::REAL).reading();
    file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the disk takes it");
    since.elapsed()
}

type Probe = (Arc<std::sync::atomic::AtomicBool>, tokio::task::JoinHandle<Vec<Duration>>);

/// Writes durably twenty times a second until it is told to end.
fn probe(folder: &Path) -> Probe {
    let going = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (folder, on) = (folder.to_owned(), Arc::clone(&going));
    let disk = tokio::task::spawn_blocking(move || {
        let mut took = Vec::new();
        while on.load(std::sync::atomic::Ordering::Relaxed) {
            took.push(durable_write(&folder));
            std::thread::sleep(Duration::from_millis(50));
        }
        took
    });
    (going, disk)
}

/// What the bot has used and done so far.
struct Counters {
    bot: f64,
    own: f64,
    machine: f64,
    writes: f64,
    syncs: f64,
    at: std::time::Instant,
}

impl Counters {
    async fn of(stage: &Stage) -> Self {
        let metrics = reqwest::get(format!("{}/metrics", stage.bot.admin_url())).await.expect("the bot answers");
        let metrics = metrics.text().await.expect("the answer arrives");
        let sum = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        let (writes, syncs) = (sum("rollbot_store_writes_total"), sum("rollbot_store_syncs_total"));
        let bot = stage.bot.pid().map(|pid| processor(&format!("/proc/{pid}/stat"))).unwrap_or_default();
        Self { bot, own: processor("/proc/self/stat"), machine: machine(), writes, syncs, at: stage.clock.reading() }
    }

    fn since(&self, before: &Self) {
        let (writes, syncs) = (self.writes - before.writes, self.syncs - before.syncs);
        let lasted = self.at.saturating_duration_since(before.at).as_secs_f64();
        let share = |now: f64, then: f64| (now - then) / lasted * 100.0;
        let (bot, own) = (share(self.bot, before.bot), share(self.own, before.own));
        println!(
            "  of a core the bot used {bot:.0} %, the sender and the stand-ins {own:.0} %, everything else here {:.0} %",
            share(self.machine, before.machine) - bot - own
        );
        println!(
            "  {writes} changes were made durable in {syncs} syncs ({:.1} each, {:.0} syncs/s)",
            writes / syncs.max(1.0),
            syncs / lasted
        );
    }
}

/// Seconds of user and system time of a process (proc(5): fields 14 and 15, counted behind the name in brackets; in
/// hundredths of a second).
fn processor(stat: &str) -> f64 {
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Seconds that all cores together were busy (proc(5): user, nice, system, and behind idle and iowait the interrupts).
fn machine() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.filter_map(|ticks| ticks.parse().ok()).collect();
    ticks.iter().enumerate().filter(|(place, _)| [0, 1, 2, 5, 6].contains(place)).map(|(_, ticks)| ticks).sum::<f64>()
        / 100.0
}

fn percentile(took: &[Duration], share: usize) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * share).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

fn row(what: &str, took: &[Duration]) {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{what:<58}{:>7}{:>9.2}{:>9.2}{:>9.2}",
        took.len(),
        millis(percentile(took, 50)),
        millis(percentile(took, 99)),
        millis(percentile(took, 100))
    );
}
