//! The bot dies while deployments are held back and let go: at every durable write, and at every call that changes the
//! pipeline, before its effect and after it with the reply lost. It is started again on the same store, and the end is
//! the same: each write has its effect once, the stage ends as wanted, and no post is doubled.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "what is missing fails the test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use futures::StreamExt as _;
use rollbot::sandbox::wire::{Call, Fault, Moment};
use serde_json::json;
use support::{Play, calm, configure};

const PIPELINE: &str = "shop-prod";
const STAGE: &str = "Deploy";
/// How many stories are played side by side: they mostly wait.
const SIDE_BY_SIDE: usize = 6;
/// One in so many points is taken of the long story, and all where `ROLLBOT_CRASH_POINTS` is set.
const SAMPLE: usize = 9;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Somebody freezes, and lets go.
    Command,
    /// A rollback freezes ahead of its approval, and somebody lets go after it.
    Rollback,
}

/// Where the bot dies.
#[derive(Debug, Clone)]
enum Point {
    Write(u64, &'static str),
    Call(&'static str, usize, Moment),
}

async fn set() -> Play {
    let commit = |version: u32| version.to_string().repeat(20);
    let action = |name: &str, category: &str, provider: &str, seconds: u32| json!({ "name": name, "category": category, "provider": provider, "seconds": seconds });
    // What is inside waits for an approval, so it is still there whenever somebody comes.
    let mut deploy = action("Deploy", "Deploy", "ECS", 20);
    deploy["run_order"] = json!(2);
    let pipeline = json!({
        "name": PIPELINE,
        "repository": "example/shop",
        "commits": [{ "id": commit(42), "summary": "Release v42" }, { "id": commit(43), "summary": "Release v43" }],
        "stages": [
            { "name": "Source", "actions": [action("Source", "Source", "CodeStarSourceConnection", 2)] },
            { "name": STAGE, "actions": [action("GoLive", "Approval", "Manual", 1), deploy] },
        ],
        "history": [{ "commit": commit(42), "age": "74h" }],
        "in_flight": { "commit": commit(43), "age": "3m", "entering": STAGE },
    });
    let mut scenario = calm(None);
    scenario.seed.pipelines = vec![serde_json::from_value(pipeline).expect("a pipeline")];
    let freeze = format!(
        "  api:\n    freeze: [{{ codepipeline: {{ pipeline: {PIPELINE}, stage: {STAGE}, stop_execution: true }} }}]\n    \
         targets:"
    );
    configure(&mut scenario, "  api:\n    targets:", &freeze);
    configure(&mut scenario, "    watch: { for: 5m, every: 15s }\n", "");
    Play::staged(&scenario).await
}

async fn act_out(play: &mut Play, story: Story) {
    let aws = play.stage.aws.clone();
    match story {
        Story::Command => {
            play.type_command("sre", "/rollback freeze prod api because the audit is on").await;
            play.until("it is held", |play| play.card_text().contains("deployments are held back")).await;
            play.type_command("sre", "/rollback unfreeze prod api").await;
        }
        Story::Rollback => {
            play.type_command("dev", "/rollback prod api because checkout answers 500").await;
            play.until("a plan", |play| play.with_button("Freeze now").is_some()).await;
            play.click("dev", "Freeze now").await;
            play.until("it is held", |play| play.card_text().contains("are held back already")).await;
            play.approve("sre").await;
            play.until("the end", |play| play.card_text().contains("ended")).await;
            play.until("an offer", |play| play.with_button("Lift the freeze").is_some()).await;
            play.click("sre", "Lift the freeze").await;
        }
    }
    play.until("it is open", |_| aws.disabled(PIPELINE, STAGE).is_none()).await;
    play.until("the last word", |play| posts(play, "freeze lifted") == 1 && posts(play, "the freeze is lifted") == 1)
        .await;
}

/// How many public messages say this.
fn posts(play: &Play, text: &str) -> usize {
    play.public().iter().filter(|message| play.read(message).contains(text)).count()
}

/// What had an effect at AWS, sorted: two that do not depend on each other may change places.
fn effects(play: &Play) -> Vec<String> {
    let mut effects: Vec<String> = play
        .aws_writes()
        .into_iter()
        .filter(|call| call.operation != "AssumeRole" && !call.reply.is_null())
        .filter(|call| call.status == 200 || call.status == 0)
        .map(|call| call.operation)
        .collect();
    effects.sort();
    effects
}

/// The marks of all messages that stand twice.
fn doubled(play: &Play) -> Vec<String> {
    let mark = |metadata: &serde_json::Value| {
        let payload = &metadata["event_payload"];
        Some(format!("{} {}", payload["incident"].as_str()?, payload["message"].as_str()?))
    };
    let marks: Vec<String> =
        play.public().iter().filter_map(|message| message.metadata.as_ref().and_then(mark)).collect();
    let is_double = |at: usize, mark: &String| marks.iter().take(at).any(|other| other == mark);
    marks.iter().enumerate().filter(|(at, mark)| is_double(*at, mark)).map(|(_, mark)| mark.clone()).collect()
}

/// The story without a crash: its effects, and every point at which the bot could have died.
async fn calmly(story: Story) -> (Vec<String>, Vec<Point>) {
    let mut play = set().await;
    let tally = play.stage.folder().join("writes");
    play.stage.bot.set("ROLLBOT_WRITES", &tally.to_string_lossy());
    play.stage.begin().await.expect("the bot starts");
    act_out(&mut play, story).await;
    let writes = std::fs::read_to_string(&tally).expect("writes are tallied").lines().count() as u64;
    let mut points: Vec<Point> =
        (1..=writes).flat_map(|number| [Point::Write(number, "before"), Point::Write(number, "after")]).collect();
    for operation in ["DisableStageTransition", "StopPipelineExecution", "EnableStageTransition"] {
        let count = play.calls_of(operation).len();
        assert_eq!(count, 1, "{operation} in the calm run");
        points.extend([Point::Call(operation, 0, Moment::Before), Point::Call(operation, 0, Moment::After)]);
    }
    for number in 0..play.calls_of("chat.postMessage").len() {
        points.push(Point::Call("chat.postMessage", number, Moment::Before));
        points.push(Point::Call("chat.postMessage", number, Moment::After));
    }
    let effects = effects(&play);
    assert_eq!(doubled(&play), Vec::<String>::new());
    play.end().await;
    (effects, points)
}

/// What differs when the bot dies at `point`, and how often it was started again.
async fn crash_at(story: Story, point: Point, calm: Vec<String>) -> (usize, Vec<String>) {
    let mut play = set().await;
    let pid = Arc::new(AtomicU32::new(0));
    match &point {
        Point::Write(number, side) => play.stage.bot.set("ROLLBOT_CRASH_AT", &format!("{number}:{side}")),
        Point::Call(operation, number, when) => {
            let (operation, number, when, pid) = (*operation, *number, *when, Arc::clone(&pid));
            let (seen, done) = (AtomicU32::new(0), AtomicBool::new(false));
            play.on_wire(move |call: &Call, moment: Moment| {
                let hit = call.operation == operation
                    && moment == when
                    && seen.fetch_add(1, Ordering::SeqCst) as usize == number
                    && !done.swap(true, Ordering::SeqCst);
                hit.then(|| {
                    let pid = pid.load(Ordering::SeqCst).to_string();
                    // A bot that has ended already is not an error.
                    let _ = std::process::Command::new("kill").arg("-KILL").arg(pid).status();
                    Fault::Drop
                })
            });
        }
    }
    play.stage.bot.spawn().expect("the bot starts");
    pid.store(play.stage.bot.pid().unwrap_or_default(), Ordering::SeqCst);
    act_out(&mut play, story).await;
    let mut faults = Vec::new();
    let now = effects(&play);
    if now != calm {
        faults.push(format!("{story:?} {point:?}: effects {now:?}, not {calm:?}"));
    }
    let doubled = doubled(&play);
    if !doubled.is_empty() {
        faults.push(format!("{story:?} {point:?}: posted twice: {doubled:?}"));
    }
    let restarts = play.restarts;
    play.stage.bot.kill().await.expect("the bot can be killed");
    play.end().await;
    (restarts, faults)
}

async fn crash_everywhere(story: Story, sample: usize) {
    let (calm, points) = calmly(story).await;
    let all = points.len();
    #[expect(clippy::disallowed_methods, reason = "a test reads how much it is asked for")]
    let sample = if std::env::var("ROLLBOT_CRASH_POINTS").is_ok() { 1 } else { sample };
    let chosen: Vec<Point> = points.into_iter().step_by(sample).collect();
    let taken = chosen.len();
    let outcomes: Vec<(usize, Vec<String>)> = futures::stream::iter(chosen)
        .map(|point| crash_at(story, point, calm.clone()))
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let died = outcomes.iter().filter(|(restarts, _)| *restarts > 0).count();
    let faults: Vec<String> = outcomes.into_iter().flat_map(|(_, faults)| faults).collect();
    #[expect(clippy::print_stdout, reason = "how much was tried is a result of its own")]
    let say = |line: String| println!("{line}");
    say(format!("{story:?}: {all} crash points, {taken} taken, {died} reached; differences: {}", faults.len()));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(died * 10 >= taken * 7, "only {died} of {taken} points were reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_by_command_ends_the_same_wherever_the_bot_dies() {
    crash_everywhere(Story::Command, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_of_a_rollback_ends_the_same_wherever_the_bot_dies() {
    crash_everywhere(Story::Rollback, SAMPLE).await;
}
