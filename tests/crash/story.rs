//! One story: played calmly, and with a crash.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::wire::{Call, Fault as WireFault, Moment};

use crate::ending::Ending;
use crate::fault::{Fault, Kind};
use crate::point::{self, Point, Side};
use crate::support::Play;

/// How fast a story is played at the most: many share the machine, and none may come too late for a deadline of minutes.
const FASTEST: u32 = 40;
/// How long anything in a story may take, in real time: many stories share the machine.
const PATIENCE: Duration = Duration::from_mins(4);

/// A story, and how it ends when nothing dies.
pub(crate) struct Story {
    /// As `rollbot sandbox --list` has it.
    pub(crate) name: String,
    scenario: Scenario,
    calm: Ending,
}

/// What became of one point.
pub(crate) struct Outcome {
    pub(crate) story: String,
    pub(crate) point: Point,
    pub(crate) restarts: usize,
    pub(crate) faults: Vec<Fault>,
}

impl Story {
    /// Plays a story without a crash: how it ends, and every point at which the bot could have died.
    pub(crate) async fn play_calmly(name: String) -> (Self, Vec<Point>) {
        let mut words = name.split(' ');
        let mut scenario = scenario::find(words.next().unwrap_or_default(), words.next()).expect("it is shipped");
        scenario.fastest = scenario.fastest.min(FASTEST);
        let mut play = Play::staged(&scenario).await;
        play.patience = PATIENCE;
        let tally = play.stage.folder().join("writes");
        play.stage.bot.set("ROLLBOT_WRITES", &tally.to_string_lossy());
        play.stage.begin().await.expect("the bot starts");
        play.act_out(scenario.story).await;
        // What the end is looked at with, is none of the bot's.
        let calls = play.stage.wire.calls();
        let (calm, faults) = Ending::of(&mut play, &scenario).await;
        assert!(faults.is_empty(), "{name}, without a crash: {faults:?}");
        let writes = std::fs::read_to_string(&tally).expect("writes are tallied");
        let kinds = writes.lines().filter_map(|line| line.split_once(' ')).map(|(_, kind)| kind.to_owned());
        let points = point::all(&kinds.collect::<Vec<_>>(), &calls);
        play.end().await;
        (Self { name, scenario, calm }, points)
    }

    /// Plays it, and lets the bot die at a point.
    pub(crate) async fn crash_at(&self, point: Point) -> Outcome {
        let played = AssertUnwindSafe(self.play_with(&point)).catch_unwind().await;
        let (restarts, faults) = played.unwrap_or_else(|panic| {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
            (1, vec![Fault::new(Kind::Different, why.unwrap_or_default())])
        });
        Outcome { story: self.name.clone(), point, restarts, faults }
    }

    async fn play_with(&self, point: &Point) -> (usize, Vec<Fault>) {
        let mut play = Play::staged(&self.scenario).await;
        play.patience = PATIENCE;
        let pid = Arc::new(AtomicU32::new(0));
        match point {
            Point::Write { kind, number, side } => {
                play.stage.bot.set("ROLLBOT_CRASH_AT", &format!("{number}:{}:{kind}", side.word()));
            }
            Point::Call { operation, number, side, .. } => die_in_call(&play, operation, *number, *side, &pid),
            Point::Time(_) => {}
        }
        play.stage.bot.spawn().expect("the bot starts");
        play.stage.aws.begin(&self.scenario.seed).expect("the scenario begins");
        pid.store(play.stage.bot.pid().unwrap_or_default(), Ordering::SeqCst);
        if let Point::Time(after) = point {
            let (clock, pid) = (play.stage.clock, Arc::clone(&pid));
            let killing = async move {
                clock.sleep_really(Duration::from_millis(*after)).await;
                kill(pid.load(Ordering::SeqCst));
            };
            tokio::join!(killing, play.act_out(self.scenario.story));
            // A process that was killed a moment ago may not be seen to have ended yet.
            play.stage.clock.sleep_really(Duration::from_millis(100)).await;
        } else {
            play.act_out(self.scenario.story).await;
        }
        play.revive().await;
        let (ending, mut faults) = Ending::of(&mut play, &self.scenario).await;
        faults.extend(ending.against(&self.calm));
        let restarts = play.restarts;
        // A point at the very end may lie behind everything that was looked at: the bot may die of it now, or not at all.
        play.leave().await;
        (restarts, faults)
    }
}

/// Kills the bot at the n-th call of `operation`, once.
fn die_in_call(play: &Play, operation: &str, number: usize, side: Side, pid: &Arc<AtomicU32>) {
    let (operation, pid) = (operation.to_owned(), Arc::clone(pid));
    let when = match side {
        Side::Before => Moment::Before,
        Side::After => Moment::After,
    };
    let seen = AtomicUsize::new(0);
    play.stage.interfere(Arc::new(move |call: &Call, moment: Moment| {
        let is_there = call.operation == operation
            && moment == when
            && seen.fetch_add(1, Ordering::SeqCst).saturating_add(1) == number;
        if is_there {
            kill(pid.load(Ordering::SeqCst));
        }
        Box::pin(async move { is_there.then_some(WireFault::Drop) })
    }));
}

fn kill(pid: u32) {
    if pid != 0 {
        // A bot that has ended already is not an error.
        let _ = std::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
    }
}
