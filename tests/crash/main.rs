//! Crash everywhere: the bot dies at every durable write and at every call of a story, before its effect and after it
//! with the reply lost, and at random moments. Each time it is started again on the same store, and the end is the same:
//! the same runs, every AWS write had its effect once, every incident ends alike, and no post is lost or doubled.
//!
//! What is the same is found by playing each story without a crash first. The stories are those of every scenario that
//! is shipped, so a new one is in it by itself. Every point takes a whole story of some seconds, so `cargo test` takes a
//! few points of one story; `ROLLBOT_CRASH_POINTS` asks for more:
//!
//! * `kinds`: every write to AWS in every story, and each other kind of write and call in three of the stories;
//! * `all`: every point of every story, which takes an hour or two.
//!
//! `ROLLBOT_CRASH_STORY` names one story, or several: `ecs-playbook in-flight,apgms*`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "what is missing fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod ending;
mod fault;
mod point;
mod story;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;

use fault::Kind;
use futures::{FutureExt as _, StreamExt as _};
use point::Selection;
use rollbot::clock::Clock;
use rollbot::incident::time::Pace;
use rollbot::sandbox::scenario;
use story::{Outcome, Story};

/// How many stories are played side by side: they mostly wait, for AWS and for Slack's limits. With many more the
/// stand-ins are slower than the three seconds that the bot leaves a post whose sender has died.
const SIDE_BY_SIDE: usize = 24;
/// How many are played side by side without a crash: what somebody does in the middle of a deployment must not come late.
const CALM_SIDE_BY_SIDE: usize = 8;
/// After so many points it is said how far the run is.
const NEWS: usize = 50;

/// At so many points it may end otherwise and is played once more, alone; more are not somebody who came late.
const PLAYED_AGAIN: usize = 12;

/// What became of the points of one story.
#[derive(Default)]
struct Tally {
    /// How many there are.
    points: usize,
    taken: usize,
    /// At how many the bot really died; a random moment may come after the end.
    died: usize,
    restarts: usize,
    faults: BTreeMap<Kind, usize>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_wherever_the_bot_dies() {
    let began = Clock::start(Pace::REAL).reading();
    let selection = Selection::asked();
    let names = asked_stories(selection);
    let calm =
        |name: String| async move { (name.clone(), AssertUnwindSafe(Story::play_calmly(name)).catch_unwind().await) };
    let calm: Vec<_> = futures::stream::iter(names).map(calm).buffered(CALM_SIDE_BY_SIDE).collect().await;
    let mut found: Vec<String> = Vec::new();
    let (mut stories, mut points) = (Vec::new(), Vec::new());
    for (name, played) in calm {
        if let Ok((story, of_story)) = played {
            stories.push(story);
            points.push(of_story);
        } else {
            say(&format!("{name}: does not end as it is written, without a crash"));
            found.push(name);
        }
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut chosen = Vec::new();
    for ((story, points), taken) in stories.iter().zip(&points).zip(selection.of(&points)) {
        let tally = Tally { points: points.len(), taken: taken.len(), ..Tally::default() };
        say(&format!("{}: {} crash points, {} are taken", story.name, tally.points, tally.taken));
        tallies.insert(story.name.clone(), tally);
        chosen.extend(taken.into_iter().map(|point| (story, point)));
    }
    let (mut done, all) = (0, chosen.len());
    let (mut sure, mut doubtful) = (Vec::new(), Vec::new());
    let mut outcomes = futures::stream::iter(chosen)
        .map(|(story, point)| async move { (story, story.crash_at(point).await) })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some((story, outcome)) = outcomes.next().await {
        done += 1;
        if done % NEWS == 0 {
            say(&format!("{done} of {all} points after {} s", began.elapsed().as_secs()));
        }
        outcome.told();
        // On a busy machine somebody may come too late in a story. A repeated write or a post is no question of time.
        let may_be_late = !outcome.faults.is_empty() && outcome.faults.iter().all(|it| it.kind == Kind::Different);
        if may_be_late { doubtful.push((story, outcome)) } else { sure.push(outcome) }
    }
    drop(outcomes);
    if doubtful.len() > PLAYED_AGAIN {
        sure.extend(doubtful.drain(..).map(|(_, outcome)| outcome));
    }
    for (story, Outcome { point, .. }) in doubtful {
        say(&format!("{}, {point}: once more, alone", story.name));
        let outcome = story.crash_at(point).await;
        outcome.told();
        sure.push(outcome);
    }
    for outcome in sure {
        let tally = tallies.get_mut(&outcome.story).expect("its story was played");
        tally.died += usize::from(outcome.restarts > 0);
        tally.restarts += outcome.restarts;
        for fault in &outcome.faults {
            *tally.faults.entry(fault.kind).or_default() += 1;
            found.push(format!("{}, {}: {fault}", outcome.story, outcome.point));
        }
    }
    for (name, tally) in &tallies {
        say(&format!("{name}: {}", tally.words()));
    }
    let whole = tallies.values().fold(Tally::default(), Tally::and);
    say(&format!("all {} stories: {}, {} s", tallies.len(), whole.words(), began.elapsed().as_secs()));
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(whole.died * 10 >= whole.taken * 8, "only {} of {} points were reached", whole.died, whole.taken);
}

impl Outcome {
    /// Says what is wrong.
    fn told(&self) {
        for fault in &self.faults {
            say(&format!("{}, {}: {fault}", self.story, self.point));
        }
    }
}

/// The stories that are asked for: one where few points are.
fn asked_stories(selection: Selection) -> Vec<String> {
    let mut names: Vec<String> = scenario::list().into_iter().map(|(name, _)| name).collect();
    #[expect(clippy::disallowed_methods, reason = "a test reads how much it is asked for")]
    if let Ok(asked) = std::env::var("ROLLBOT_CRASH_STORY") {
        let asks_for = |name: &str, one: &str| match one.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == one,
        };
        names.retain(|name| asked.split(',').any(|one| asks_for(name, one)));
        assert!(!names.is_empty(), "there is no story {asked}");
    } else if selection == Selection::Few {
        names.truncate(1);
    }
    names
}

impl Tally {
    fn and(mut self, other: &Self) -> Self {
        self.points += other.points;
        self.taken += other.taken;
        self.died += other.died;
        self.restarts += other.restarts;
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        self
    }

    fn words(&self) -> String {
        let of = |kind| self.faults.get(&kind).copied().unwrap_or(0);
        format!(
            "{} of {} points taken, {} reached, {} restarts, {} repeated writes, {} lost and {} doubled posts, {} other \
             differences",
            self.taken,
            self.points,
            self.died,
            self.restarts,
            of(Kind::RepeatedWrite),
            of(Kind::LostPost),
            of(Kind::DoubledPost),
            of(Kind::Different),
        )
    }
}

/// A line that is seen at once.
fn say(line: &str) {
    let mut out = std::io::stdout();
    // Nobody may be reading.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
