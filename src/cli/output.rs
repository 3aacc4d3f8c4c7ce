//! What every subcommand does alike: run on a runtime, print, and turn an outcome into an exit code.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where the command line speaks")]

use std::fmt::Display;
use std::process::ExitCode;

/// The answer is no.
pub(super) const NO: u8 = 1;
/// The command or the configuration is wrong.
pub(super) const USAGE: u8 = 2;

/// How a subcommand ends.
pub(super) enum Outcome {
    /// Fine.
    Fine,
    /// The answer is no, and why.
    No(String),
    /// The command or the configuration is wrong, and how.
    Wrong(String),
}

/// Runs a subcommand and says how it ended.
pub(super) fn finish(future: impl Future<Output = Outcome>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rollbot: the machine has no room for another process: {error}");
            return ExitCode::from(NO);
        }
    };
    let outcome = runtime.block_on(future);
    // A reader of standard input may still wait for a line that nobody needs.
    runtime.shutdown_background();
    match outcome {
        Outcome::Fine => ExitCode::SUCCESS,
        Outcome::No(why) => {
            eprintln!("rollbot: {why}");
            ExitCode::from(NO)
        }
        Outcome::Wrong(why) => {
            eprintln!("rollbot: {why}");
            ExitCode::from(USAGE)
        }
    }
}

/// Prints a line.
pub(super) fn line(text: impl Display) {
    println!("{text}");
}

/// Prints a value as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Outcome {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            println!("{text}");
            Outcome::Fine
        }
        Err(error) => Outcome::No(format!("it cannot be printed as JSON: {error}")),
    }
}
