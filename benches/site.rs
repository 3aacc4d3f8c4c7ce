//! Taking a static site of 10,000 objects back: Rollbot beside `aws s3 sync --delete`, on the same stand-in.
//!
//!     cargo bench --profile measured --bench site
//!
//! Both take a bucket whose live prefix holds build v42 back to build v41, from the same seed: 9,702 objects differ, 99
//! differ at the same size, 99 are the same, 100 are only in v41 and 100 only in v42. Both work on this machine and wait
//! for the same stand-in, once as fast as it answers and once with a round trip added to every request. Rollbot deletes
//! when viewers have been told: the invalidation, which `sync` does not make, lies between its last copy and its last
//! change. What is live in the end is read from the bucket, object by object. The AWS command line is the one of
//! `tests/clients/requirements.txt`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "it prints a table, and ends when it cannot")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_types::region::Region;
use futures::FutureExt as _;
use rollbot::clock::Clock;
use rollbot::incident::time::Pace;
use rollbot::sandbox::aws::{AwsStandIn, Seed, SeedBucket, SeedDistribution, SeedObject, SeedOrigin, Versioning};
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::wire::{Call, Interference, Moment, Wire};
use support::Play;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const OBJECTS: usize = 10_000;
const REGION: &str = "eu-north-1";
const BUCKET: &str = "shop-web";
const DISTRIBUTION: &str = "E2SHOPWEB00001";
/// What a request within a region may take to S3 and back, beside none.
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// How long either may take.
const PATIENCE: Duration = Duration::from_mins(10);

fn main() {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be had");
    runtime.block_on(measure());
}

async fn measure() {
    let build = if cfg!(debug_assertions) { "a build for tests" } else { "an optimised build" };
    println!("{OBJECTS} objects; {build}, {} cores", std::thread::available_parallelism().map_or(0, usize::from));
    for round_trip in [Duration::ZERO, ROUND_TRIP] {
        println!("\na round trip of {} ms added to each request", round_trip.as_millis());
        println!(
            "{:<42}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}",
            "", "copied s", "whole s", "calls", "copies", "deletes", "wrong"
        );
        let sync = synced(round_trip).await;
        sync.row("aws s3 sync --delete");
        let bot = taken_back(round_trip).await;
        bot.plan.row("Rollbot, from the command to the card");
        bot.work.row("Rollbot, from the approval on");
        println!(
            "Rollbot had copied in {:.2} of the time of aws s3 sync, with {:.2} of its calls ({:.2} with the plan)",
            bot.work.copied.as_secs_f64() / sync.copied.as_secs_f64(),
            ratio(bot.work.calls, sync.calls),
            ratio(bot.work.calls + bot.plan.calls, sync.calls),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other.max(1) as f64
}

/// What one way of doing it took.
#[derive(Debug, Clone, Default)]
struct Took {
    /// To the last copy.
    copied: Duration,
    /// To the last change, or to the end where nothing is changed.
    whole: Duration,
    calls: usize,
    copies: usize,
    deletes: usize,
    /// Objects that are live and not as in v41, or missing; nothing where it was not looked at.
    wrong: Option<usize>,
}

impl Took {
    fn row(&self, what: &str) {
        let wrong = self.wrong.map_or_else(|| "-".to_owned(), |wrong| wrong.to_string());
        let (copied, took) = (self.copied.as_secs_f64(), self.whole.as_secs_f64());
        let Self { calls, copies, deletes, .. } = self;
        println!("{what:<42}{copied:>10.1}{took:>10.1}{calls:>9}{copies:>9}{deletes:>9}{wrong:>9}");
    }
}

/// Counts calls of S3 and CloudFront, and adds the round trip to them.
#[derive(Debug, Clone)]
struct Meter {
    since: Arc<Mutex<(Instant, Took)>>,
    clock: Clock,
    round_trip: Duration,
}

impl Meter {
    fn new(clock: Clock, round_trip: Duration) -> Self {
        Self { since: Arc::new(Mutex::new((clock.reading(), Took::default()))), clock, round_trip }
    }

    fn interference(&self) -> Interference {
        let meter = self.clone();
        Arc::new(move |call: &Call, moment| {
            let meter = meter.clone();
            let counts = ["s3", "cloudfront"].contains(&call.service.as_str());
            if counts {
                meter.count(&call.operation, moment);
            }
            let waits = counts && moment == Moment::Before && !meter.round_trip.is_zero();
            async move {
                if waits {
                    meter.clock.sleep_really(meter.round_trip).await;
                }
                None
            }
            .boxed()
        })
    }

    fn count(&self, operation: &str, moment: Moment) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, took) = &mut *since;
        let changes = match operation {
            "CopyObject" => &mut took.copies,
            "DeleteObject" | "DeleteObjects" => &mut took.deletes,
            _ => {
                took.calls += usize::from(moment == Moment::Before);
                return;
            }
        };
        match moment {
            Moment::Before => {
                *changes += 1;
                took.calls += 1;
            }
            // What is done after the last change is another's wait.
            Moment::After => {
                took.whole = begun.elapsed();
                if operation == "CopyObject" {
                    took.copied = took.whole;
                }
            }
        }
    }

    /// What was counted since the last time.
    fn taken(&self) -> Took {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *since, (self.clock.reading(), Took::default())).1
    }
}

/// What the objects of both builds are.
fn objects() -> Vec<SeedObject> {
    let object = |prefix: &str, name: String, body: String, hours: u64| SeedObject {
        key: format!("{prefix}{name}"),
        body,
        age: Duration::from_hours(hours),
        content_type: Some("text/javascript".to_owned()),
        cache_control: Some("max-age=31536000".to_owned()),
        ..SeedObject::default()
    };
    let mut all = Vec::new();
    for number in 0..OBJECTS - 100 {
        let name = format!("assets/{:02}/{number:05}.js", number % 100);
        let old = format!("v41 {number}");
        let new = match number % 100 {
            0 => old.clone(),
            1 => format!("v42 {number}"),
            _ => format!("v42 {number} is longer"),
        };
        for (prefix, body, hours) in [("releases/v41/", &old, 48), ("releases/v42/", &new, 1), ("live/", &new, 1)] {
            all.push(object(prefix, name.clone(), body.clone(), hours));
        }
    }
    for number in 0..100 {
        all.push(object("releases/v41/", format!("gone/{number}.js"), format!("v41 {number}"), 48));
        all.push(object("releases/v42/", format!("new/{number}.js"), format!("v42 {number}"), 1));
        all.push(object("live/", format!("new/{number}.js"), format!("v42 {number}"), 1));
    }
    all
}

fn seed() -> Seed {
    let bucket = SeedBucket { versioning: Versioning::Enabled, objects: objects(), ..SeedBucket::default() };
    let origin = SeedOrigin { id: "web".to_owned(), bucket: BUCKET.to_owned(), path: "/live".to_owned() };
    let distribution = SeedDistribution { origins: vec![origin], ..SeedDistribution::default() };
    let mut seed = scenario::find("ecs-playbook", None).expect("the scenario is shipped").seed;
    seed.buckets.insert(BUCKET.to_owned(), bucket);
    seed.distributions.insert(DISTRIBUTION.to_owned(), distribution);
    seed
}

/// `aws s3 sync`, as a runbook has it.
async fn synced(round_trip: Duration) -> Took {
    let (clock, wire) = (Clock::start(Pace::REAL), Wire::default());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let aws = AwsStandIn::start(seed(), clock, wire.clone(), &tasks, stop.clone()).await.expect("the stand-in starts");
    let meter = Meter::new(clock, round_trip);
    wire.interfere(Some(meter.interference()));
    let python = python();
    let mut command = Command::new(&python);
    command.arg(python.with_file_name("aws")).args(["s3", "sync", "--delete", "--only-show-errors"]);
    command.args([format!("s3://{BUCKET}/releases/v41/"), format!("s3://{BUCKET}/live/")]);
    command.env("AWS_ENDPOINT_URL", aws.endpoint()).env("AWS_DEFAULT_REGION", REGION).env("NO_PROXY", "*");
    command.env("AWS_ACCESS_KEY_ID", "AKIASANDBOX").env("AWS_SECRET_ACCESS_KEY", "sandbox");
    for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(file, "/dev/null");
    }
    meter.taken();
    let since = clock.reading();
    let status = command.stdin(Stdio::null()).status().await.expect("the AWS command line starts");
    assert!(status.success(), "aws s3 sync ended with {status}");
    let took = Took { whole: since.elapsed(), ..meter.taken() };
    wire.interfere(None);
    let wrong = Some(wrong(&aws.endpoint()).await);
    stop.cancel();
    Took { wrong, ..took }
}

/// What Rollbot took for its plan and its work.
struct Parts {
    plan: Took,
    work: Took,
}

/// Rollbot, from the command in Slack on.
async fn taken_back(round_trip: Duration) -> Parts {
    let mut play = Play::of(&scenario()).await;
    play.patience = PATIENCE;
    let meter = Meter::new(play.stage.clock, round_trip);
    play.stage.wire.interfere(Some(meter.interference()));
    meter.taken();
    let since = play.stage.clock.reading();
    play.propose("dev", "/rollback prod web to v41 because of a bench").await;
    let plan = Took { whole: since.elapsed(), ..meter.taken() };
    play.approve("sre").await;
    // The approval is taken when its form is sent; what is counted begins before.
    play.until("its end", |play| play.card_text().contains("ended")).await;
    let work = meter.taken();
    play.stage.wire.interfere(None);
    let wrong = Some(wrong(&play.stage.aws.endpoint()).await);
    play.end().await;
    Parts { plan, work: Took { wrong, ..work } }
}

fn scenario() -> Scenario {
    let configuration = format!(
        "slack: {{ operations: C0OPS00001 }}\npeople: {{ sre: S0SRE00001 }}\nstore: {{ sled: {{ path: ./rollbot-data }} }}\n\
         environments:\n  prod:\n    aws: {{ region: {REGION}, account: \"123456789012\", assume_role: \"arn:aws:iam::123456789012:role/rollbot\" }}\n    \
         channels: [C0INC00001]\n    may: {{ approve: [sre] }}\n    \
         approval: {{ required: 1, expires_after: 24h, confirm_phrase: rollback-production }}\nservices:\n  \
         web: {{ targets: [{{ static_site: {{ name: frontend, bucket: {BUCKET}, distribution: {DISTRIBUTION}, \
         releases: {{ prefix: releases/, live: live/ }}, deletes: last }} }}] }}\n"
    );
    let shipped = scenario::find("ecs-playbook", None).expect("the scenario is shipped");
    Scenario { configuration: configuration.leak(), seed: seed(), fastest: 1, ..shipped }
}

/// How many objects are not live as they are in v41.
async fn wrong(endpoint: &str) -> usize {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
        .load()
        .await;
    let s3 = aws_sdk_s3::Client::new(&config);
    let (wanted, live) = (listed(&s3, "releases/v41/").await, listed(&s3, "live/").await);
    let missing = wanted.iter().filter(|(key, etag)| live.get(*key) != Some(*etag)).count();
    missing + live.keys().filter(|key| !wanted.contains_key(*key)).count()
}

/// `ETag`s by key behind a prefix.
async fn listed(s3: &aws_sdk_s3::Client, prefix: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut pages = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        for one in page.expect("a page").contents() {
            let key = one.key().and_then(|key| key.strip_prefix(prefix)).unwrap_or_default();
            all.insert(key.to_owned(), one.e_tag().unwrap_or_default().to_owned());
        }
    }
    all
}

/// The Python beside which the AWS command line is.
fn python() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "where Python is, is no configuration of Rollbot")]
    let named = std::env::var_os("ROLLBOT_TEST_PYTHON").filter(|named| !named.is_empty());
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python"), PathBuf::from)
}
