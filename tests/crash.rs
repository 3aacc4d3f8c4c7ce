//! Crash everywhere: the bot dies at every durable write and at every call of the story, before its effect and after it
//! with the reply lost, and at random moments. Each time it is started again on the same store, and the end is the same:
//! the same release runs, every AWS write had its effect once, every incident ends alike, and no thread post is lost or
//! doubled.
//!
//! What is the same is found by playing each shipped story without a crash first. Every point takes a whole story of some
//! seconds, so `cargo test` takes a sample of one story. `ROLLBOT_CRASH_POINTS=all` takes all points of it, and
//! `ROLLBOT_CRASH_POINTS=stories` all points of all stories, which takes half an hour.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what is missing fails the test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use rollbot::incident::event::Event;
use rollbot::incident::incident::Incident;
use rollbot::incident::report;
use rollbot::incident::time::Pace;
use rollbot::sandbox::scenario;
use rollbot::sandbox::wire::{Call, Fault, Moment};
use rollbot::slack::views::milestone::milestone;
use support::{Play, program};

/// How many stories are played side by side: they mostly wait.
const SIDE_BY_SIDE: usize = 8;
/// Of the calls that only look, so many of each kind are crash points: more of the same prove nothing new.
const LOOKS: usize = 3;
/// One in so many points is taken where not all are asked for.
const SAMPLE: usize = 16;
/// How many random moments; fewer in a sample.
const RANDOM: u64 = 24;

/// Where the bot dies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    /// At the n-th durable write since its first start; `before` or `after`.
    Write(u64, &'static str),
    /// At the n-th call of an operation, counted from 0.
    Call(String, usize, &'static str),
    /// So many milliseconds after the command.
    Time(u64),
}

/// What became of a run.
struct Outcome {
    point: Point,
    restarts: usize,
    faults: Vec<String>,
}

/// How much is asked for.
fn asked() -> String {
    #[expect(clippy::disallowed_methods, reason = "a test reads how much it is asked for")]
    std::env::var("ROLLBOT_CRASH_POINTS").unwrap_or_default()
}

fn everything() -> bool {
    matches!(asked().as_str(), "all" | "stories")
}

/// How a story ends when nothing dies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Calm {
    variant: Option<&'static str>,
    story: &'static str,
    /// What had an effect at AWS, in order.
    writes: Vec<String>,
    /// What runs.
    versions: Vec<String>,
    /// How each incident ended, the newest first.
    ends: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_wherever_the_bot_dies() {
    let mut faults = Vec::new();
    let stories: &[Option<&str>] = if asked() == "stories" {
        &[None, Some("in-flight"), Some("previous-bad"), Some("fails-to-start"), Some("unhealthy-after")]
    } else {
        &[None]
    };
    for variant in stories {
        faults.extend(crash_everywhere(*variant).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Plays one story once for each of its points, and tells what differs.
async fn crash_everywhere(variant: Option<&'static str>) -> Vec<String> {
    let (calm, points) = calm(variant).await;
    let all = points.len();
    let chosen: Vec<Point> = if everything() {
        points
    } else {
        let sample = points.into_iter().enumerate().filter(|(index, _)| index % SAMPLE == 0).map(|(_, point)| point);
        sample.collect()
    };
    let taken = chosen.len();
    let outcomes: Vec<Outcome> = futures::stream::iter(chosen)
        .map(|point| crash_at(point, calm.clone()))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let died = outcomes.iter().filter(|outcome| outcome.restarts > 0).count();
    let restarts: usize = outcomes.iter().map(|outcome| outcome.restarts).sum();
    let mut faults: Vec<String> = outcomes
        .iter()
        .flat_map(|outcome| outcome.faults.iter().map(|fault| format!("{variant:?} {:?}: {fault}", outcome.point)))
        .collect();
    #[expect(clippy::print_stdout, reason = "how much was tried is a result of its own")]
    let say = |line: String| println!("{line}");
    say(format!(
        "{}: {all} crash points, {taken} taken, {died} reached, {restarts} restarts; repeated writes, lost or doubled \
         posts and other differences: {}",
        variant.unwrap_or("ecs-playbook"),
        faults.len()
    ));
    if died * 10 < taken * 8 {
        faults.push(format!("{variant:?}: only {died} of {taken} points were reached"));
    }
    faults
}

/// Plays a story without a crash: how it ends, and every point at which the bot could have died.
async fn calm(variant: Option<&'static str>) -> (Calm, Vec<Point>) {
    let story = scenario::find("ecs-playbook", variant).expect("the scenario is shipped").story;
    let mut play = Play::set(variant).await;
    let tally = play.stage.folder().join("writes");
    play.stage.bot.set("ROLLBOT_WRITES", &tally.to_string_lossy());
    play.stage.begin().await.expect("the bot starts");
    play.act_out(story).await;
    let (ends, faults) = incidents(&mut play).await;
    assert!(faults.is_empty(), "the calm run itself: {}", faults.join("\n"));
    let calm = Calm { variant, story, writes: effective_writes(&play), versions: versions(&play), ends };
    let writes = std::fs::read_to_string(&tally).expect("writes are tallied").lines().count() as u64;
    assert!(writes > 20, "only {writes} durable writes");
    let mut points: Vec<Point> =
        (1..=writes).flat_map(|number| [Point::Write(number, "before"), Point::Write(number, "after")]).collect();
    let mut counts: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for call in play.stage.wire.calls() {
        let entry = counts.entry(call.operation).or_insert((0, call.writes));
        entry.0 += 1;
    }
    for (operation, (count, writes)) in counts {
        let count = if writes { count } else { count.min(LOOKS) };
        points.extend((0..count).flat_map(|number| {
            [Point::Call(operation.clone(), number, "before"), Point::Call(operation.clone(), number, "after")]
        }));
    }
    let random = if everything() { RANDOM } else { RANDOM / 4 };
    // Spread over the story, and not in step with it.
    points.extend((0..random).map(|number| Point::Time(53 + number * 331 % 2300)));
    play.end().await;
    (calm, points)
}

async fn crash_at(point: Point, calm: Calm) -> Outcome {
    let mut play = Play::set(calm.variant).await;
    let pid = Arc::new(AtomicU32::new(0));
    match &point {
        Point::Write(number, side) => play.stage.bot.set("ROLLBOT_CRASH_AT", &format!("{number}:{side}")),
        Point::Call(operation, number, side) => interfere(&play, operation, *number, side, &pid),
        Point::Time(_) => {}
    }
    play.stage.bot.spawn().expect("the bot starts");
    pid.store(play.stage.bot.pid().unwrap_or_default(), Ordering::SeqCst);
    if let Point::Time(after) = point {
        let (clock, pid) = (play.stage.clock, Arc::clone(&pid));
        let killing = async move {
            clock.sleep_really(Duration::from_millis(after)).await;
            kill(pid.load(Ordering::SeqCst));
        };
        tokio::join!(killing, play.act_out(calm.story));
        // A process that was killed a moment ago may not be seen to have ended yet.
        play.stage.clock.sleep_really(Duration::from_millis(100)).await;
    } else {
        play.act_out(calm.story).await;
    }
    play.revive().await;
    let (ends, mut faults) = incidents(&mut play).await;
    let now = Calm { ends, writes: effective_writes(&play), versions: versions(&play), ..calm.clone() };
    if now != calm {
        faults.push(format!("it ended as {now:?}, not as {calm:?}"));
    }
    let restarts = play.restarts;
    // A point at the very end may lie behind everything that was looked at: the bot may die of it now, or not at all.
    play.stage.bot.kill().await.expect("the bot can be killed");
    play.end().await;
    Outcome { point, restarts, faults }
}

/// Kills the bot at the n-th call of `operation`, once.
fn interfere(play: &Play, operation: &str, number: usize, side: &str, pid: &Arc<AtomicU32>) {
    let (operation, pid) = (operation.to_owned(), Arc::clone(pid));
    let when = if side == "before" { Moment::Before } else { Moment::After };
    let (seen, done) = (AtomicU32::new(0), AtomicBool::new(false));
    play.stage.wire.interfere(Some(Arc::new(move |call: &Call, moment: Moment| {
        let mut fault = None;
        if call.operation == operation && moment == when {
            let count = seen.fetch_add(1, Ordering::SeqCst);
            if count as usize == number && !done.swap(true, Ordering::SeqCst) {
                kill(pid.load(Ordering::SeqCst));
                fault = Some(Fault::Drop);
            }
        }
        Box::pin(async move { fault })
    })));
}

fn kill(pid: u32) {
    if pid != 0 {
        // A bot that has ended already is not an error.
        let _ = std::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
    }
}

/// What runs, in order of name.
fn versions(play: &Play) -> Vec<String> {
    let tasks = play.stage.aws.running("shop-prod", "api");
    let mut versions: Vec<String> = tasks.into_iter().flat_map(|task| task.versions.into_values()).collect();
    versions.sort();
    versions
}

/// What had an effect at AWS, in order.
fn effective_writes(play: &Play) -> Vec<String> {
    play.aws_writes()
        .into_iter()
        .filter(|call| !call.reply.is_null() && (call.status == 200 || call.status == 0))
        .filter(|call| call.operation != "AssumeRole")
        .map(|call| call.operation)
        .collect()
}

/// How every incident ended, and what of its posts is lost, doubled or not what the record wants told.
async fn incidents(play: &mut Play) -> (Vec<String>, Vec<String>) {
    let incidents: Vec<Incident> = ask(play, &["history", "--json"]).await;
    let mut faults = Vec::new();
    let mut wanted = Vec::new();
    for incident in &incidents {
        let told: serde_json::Value = ask(play, &["show", incident.id.as_str(), "--json"]).await;
        let events: Vec<Event> = serde_json::from_value(told["events"].clone()).expect("events");
        wanted.extend(expected_marks(incident, &events));
    }
    wanted.sort();
    // The last words may still be on their way.
    play.until("the last words of the threads", |play| {
        let found = marks(play);
        wanted.iter().all(|mark| found.contains(mark))
    })
    .await;
    let mut found = marks(play);
    found.sort();
    if wanted != found {
        faults.push(format!("posts {found:?}, expected {wanted:?}"));
    }
    if play.public().iter().any(|message| play.read(message).contains("possibly")) {
        faults.push("a post is marked as possibly repeated".to_owned());
    }
    (incidents.iter().map(|incident| report::standing(incident).to_owned()).collect(), faults)
}

/// What each message of the bot says it is: incident and message.
fn marks(play: &Play) -> Vec<String> {
    let mark = |metadata: &serde_json::Value| {
        let payload = &metadata["event_payload"];
        Some(format!("{} {}", payload["incident"].as_str()?, payload["message"].as_str()?))
    };
    play.public().iter().filter_map(|message| message.metadata.as_ref().and_then(mark)).collect()
}

/// What the record wants told: the card, the steps of a run, and a post for each milestone.
fn expected_marks(incident: &Incident, events: &[Event]) -> Vec<String> {
    let milestones = events
        .iter()
        .enumerate()
        .filter(|(_, event)| milestone(incident, event, Pace::REAL).is_some())
        .map(|(number, _)| format!("event-{number}"));
    let steps = incident.run().map(|_| "steps".to_owned());
    std::iter::once("card".to_owned())
        .chain(steps)
        .chain(milestones)
        .map(|message| format!("{} {message}", incident.id))
        .collect()
}

/// Asks the bot on the command line, while it runs.
async fn ask<T: serde::de::DeserializeOwned>(play: &mut Play, arguments: &[&str]) -> T {
    loop {
        play.revive().await;
        let output = std::process::Command::new(program())
            .args(arguments)
            .current_dir(play.stage.folder())
            .env("ROLLBOT_CONFIG", "rollbot.yml")
            .output()
            .expect("the command line runs");
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).expect("JSON");
        }
        // The bot may just be starting again, and hold the store without listening yet.
        play.stage.clock.sleep_really(Duration::from_millis(200)).await;
    }
}
