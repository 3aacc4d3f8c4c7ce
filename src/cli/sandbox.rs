//! `rollbot sandbox`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::incident::time::Pace;
use crate::sandbox::player::Player;
use crate::sandbox::scenario::{self, Scenario};
use crate::sandbox::script::{self, Line, What};
use crate::sandbox::stage::Stage;

use super::output::{Outcome, finish, line};

/// Who types what is typed at the prompt without saying who.
const WHO: &str = "dev";
/// A play without a terminal that takes longer than this in simulated time, and in real time where that is longer, has
/// gone wrong somewhere. At a terminal a person may take all the time they want; every wait has its own bound.
const LONGEST: Duration = Duration::from_hours(2);
const LONGEST_AT_LEAST: Duration = Duration::from_mins(10);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Play this script instead of the scenario's own story.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Which scenario is set up.
    #[arg(long, default_value = "ecs-playbook")]
    scenario: String,
    /// Which variant of it.
    #[arg(long)]
    variant: Option<String>,
    /// How much faster than real time the simulated time runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: u32,
    /// How many real seconds a `wait` may take: by default twenty minutes of simulated time, and at least one of real.
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
    /// What goes wrong at AWS or Slack: throttle, error or lose, the operation, and how often: `lose:UpdateService:1`.
    #[arg(long, value_name = "KIND:OPERATION[:TIMES]")]
    fault: Vec<String>,
    /// List the scenarios and their variants.
    #[arg(long)]
    list: bool,
}

pub(super) fn run(options: Options) -> ExitCode {
    finish(async move {
        if options.list {
            for (name, about) in scenario::list() {
                line(format!("{name:<30} {about}"));
            }
            return Outcome::Fine;
        }
        let at_a_terminal = options.run.is_none() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let longest = Pace::new(options.speed).shrink(LONGEST).max(LONGEST_AT_LEAST);
        let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => return Outcome::No(format!("signals cannot be heard: {error}")),
        };
        let clock = Clock::start(Pace::REAL);
        // Whichever way it ends, the play is dropped: the bot is killed and the folder is removed.
        tokio::select! {
            outcome = play(options, at_a_terminal) => outcome,
            _ = terminate.recv() => Outcome::No("the sandbox was ended".to_owned()),
            _ = interrupt.recv() => Outcome::No("the sandbox was ended".to_owned()),
            () = clock.sleep_really(longest), if !at_a_terminal => {
                Outcome::No(format!("the story did not end within {} min", longest.as_secs() / 60))
            }
        }
    })
}

async fn play(options: Options, at_a_terminal: bool) -> Outcome {
    let (scenario, script) = match read(&options) {
        Ok(read) => read,
        Err(why) => return Outcome::Wrong(why),
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Outcome::No(format!("the program does not know where it lies: {error}")),
    };
    let speed = options.speed.min(scenario.fastest);
    let mut stage = match Stage::set(&scenario, program, Pace::new(speed)).await {
        Ok(stage) => stage,
        Err(error) => return Outcome::No(format!("the sandbox could not be set up: {error}")),
    };
    for fault in &options.fault {
        let words = fault.replace(':', " ");
        match script::read_line(&format!("aws: {words}")) {
            Ok(What::Fault { operation, fault, times }) => stage.faults.add(&operation, fault, times),
            Ok(_) | Err(_) => {
                return Outcome::Wrong(format!(
                    "--fault {fault} cannot be read; write throttle, error or lose, an operation and a number: \
                     lose:UpdateService:1"
                ));
            }
        }
    }
    if let Err(error) = stage.begin().await {
        return Outcome::No(error.to_string());
    }
    line(format!(
        "Sandbox: {}{}, {} times as fast as real time. Everything is on this machine.",
        scenario.name,
        scenario.variant.map(|variant| format!(" ({variant})")).unwrap_or_default(),
        speed,
    ));
    let mut print = |text: &str| line(text);
    let mut player = Player::new(&mut stage, &mut print);
    if let Some(seconds) = options.patience {
        player = player.patient_for(Duration::from_secs(seconds));
    }
    let played = if at_a_terminal { converse(player, &script).await } else { straight(player, &script).await };
    let ended = stage.strike().await;
    match (played, ended) {
        (Err(why), _) => Outcome::No(why),
        (Ok(_), Err(error)) => Outcome::No(error.to_string()),
        (Ok(Told::ToItsEnd), Ok(())) => {
            line("The story has ended as it was written.");
            Outcome::Fine
        }
        (Ok(Told::InPart), Ok(())) => Outcome::Fine,
    }
}

/// How much of the story was told.
enum Told {
    /// All of it.
    ToItsEnd,
    /// The person left, or took another way.
    InPart,
}

fn read(options: &Options) -> Result<(Scenario, Vec<Line>), String> {
    let scenario = scenario::find(&options.scenario, options.variant.as_deref())?;
    let script = match &options.run {
        None => script::read(scenario.story).map_err(|error| error.to_string())?,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("the script {} cannot be read: {error}", path.display()))?;
            script::read(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    Ok((scenario, script))
}

async fn straight(mut player: Player<'_>, script: &[Line]) -> Result<Told, String> {
    for next in script {
        player.play(next).await.map_err(|broken| broken.to_string())?;
    }
    player.settle().await;
    Ok(Told::ToItsEnd)
}

/// At a person's pace: Enter goes on with the story, anything else is typed as a command of one's own. A story that
/// does not fit any more because somebody took another way is left, and the person goes on alone.
async fn converse(mut player: Player<'_>, script: &[Line]) -> Result<Told, String> {
    let mut typed: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
    line("Enter goes on with the story. Or type what somebody does: /rollback help, or sre: [Approve]. q ends it.");
    let mut rest = script.iter();
    let mut next = rest.next();
    let mut alone = false;
    loop {
        // What is only waited for needs no Enter.
        let own = match next {
            Some(coming) if matches!(coming.what, What::Wait(_)) => String::new(),
            Some(coming) => {
                line(format!("\n> {}   [Enter]", coming.text));
                let Some(own) = read_typed(&mut typed).await else { return Ok(Told::InPart) };
                own
            }
            None if alone => {
                line("\n> what does somebody do? q ends it.");
                let Some(own) = read_typed(&mut typed).await else { return Ok(Told::InPart) };
                own
            }
            None => {
                player.settle().await;
                return Ok(Told::ToItsEnd);
            }
        };
        if !own.is_empty() {
            alone = true;
            act(&mut player, &own).await;
        } else if let Some(coming) = next {
            match player.play(coming).await {
                Ok(()) => next = rest.next(),
                Err(broken) if alone => {
                    line(format!("{broken}\nThe story does not fit any more; from here on it is yours."));
                    next = None;
                }
                Err(broken) => return Err(broken.to_string()),
            }
        } else {
            player.settle().await;
        }
    }
}

/// What the person typed, without the white space around it; `None` when they leave.
async fn read_typed(typed: &mut Lines<BufReader<Stdin>>) -> Option<String> {
    let own = typed.next_line().await.ok().flatten()?;
    let own = own.trim();
    (!matches!(own, "q" | "quit" | "exit")).then(|| own.to_owned())
}

/// Plays what the person typed, and shows what comes of it.
async fn act(player: &mut Player<'_>, own: &str) {
    let own = if own.starts_with('/') { format!("{WHO}: {own}") } else { own.to_owned() };
    match script::read_line(&own) {
        Ok(what) => {
            if let Err(broken) = player.play(&Line { number: 0, text: own, what }).await {
                line(format!("{broken}"));
            }
        }
        Err(why) => line(why),
    }
    player.settle().await;
}
