//! `rollbot sandbox`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

use crate::incident::time::Pace;
use crate::sandbox::player::Player;
use crate::sandbox::scenario::{self, Scenario};
use crate::sandbox::script::{self, Line, What};
use crate::sandbox::stage::Stage;

use super::output::{Outcome, finish, line};

/// Who types what is typed at the prompt without saying who.
const WHO: &str = "dev";
/// A play that takes longer than this in real time has gone wrong somewhere.
const LONGEST: Duration = Duration::from_mins(10);

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
        match tokio::time::timeout(LONGEST, play(options, at_a_terminal)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) if at_a_terminal => Outcome::Fine,
            Err(_elapsed) => Outcome::No(format!("the story did not end within {} min", LONGEST.as_secs() / 60)),
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
    if let Err(error) = stage.bot.start().await {
        return Outcome::No(error.to_string());
    }
    line(format!(
        "Sandbox: {}{}, {} times as fast as real time. Everything is on this machine.",
        scenario.name,
        scenario.variant.map(|variant| format!(" ({variant})")).unwrap_or_default(),
        speed,
    ));
    let played = if at_a_terminal { converse(&mut stage, &script).await } else { straight(&mut stage, &script).await };
    let ended = stage.strike().await;
    match (played, ended) {
        (Err(why), _) => Outcome::No(why),
        (Ok(()), Err(error)) => Outcome::No(error.to_string()),
        (Ok(()), Ok(())) => {
            line("The story has ended as it was written.");
            Outcome::Fine
        }
    }
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

async fn straight(stage: &mut Stage, script: &[Line]) -> Result<(), String> {
    let mut print = |text: &str| line(text);
    let mut player = Player::new(stage, &mut print);
    for next in script {
        player.play(next).await.map_err(|broken| broken.to_string())?;
    }
    player.settle().await;
    Ok(())
}

/// At a person's pace: Enter goes on with the story, anything else is typed as a command of one's own.
async fn converse(stage: &mut Stage, script: &[Line]) -> Result<(), String> {
    let mut print = |text: &str| line(text);
    let mut player = Player::new(stage, &mut print);
    let mut typed: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
    line("Enter goes on with the story. Or type what somebody does: /rollback help, or sre: [Approve]. q ends it.");
    let mut rest = script.iter();
    let mut next = rest.next();
    while let Some(coming) = next {
        // What is only waited for needs no Enter.
        if matches!(coming.what, What::Wait(_)) {
            player.play(coming).await.map_err(|broken| broken.to_string())?;
            next = rest.next();
            continue;
        }
        line(format!("\n> {}   [Enter]", coming.text));
        let Ok(Some(own)) = typed.next_line().await else { return Ok(()) };
        let own = own.trim();
        if own.is_empty() {
            player.play(coming).await.map_err(|broken| broken.to_string())?;
            next = rest.next();
        } else if matches!(own, "q" | "quit" | "exit") {
            return Ok(());
        } else {
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
    }
    Ok(())
}
