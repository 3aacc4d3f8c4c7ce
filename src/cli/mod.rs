//! The command line: one file per subcommand.

mod ask;
mod check;
mod history;
mod order;
mod output;
mod plan;
#[cfg(feature = "sandbox")]
mod sandbox;
mod serve;
mod show;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Rolls production back from Slack: plan, approval, rollback, proof.
#[derive(Debug, Parser)]
#[command(name = "rollbot", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take Slack's calls and carry rollbacks out.
    Serve,
    /// Play a rollback against stand-ins for AWS and Slack on this machine; nothing is needed and nothing is touched.
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Options),
    /// Say whether the configuration is right.
    Check,
    /// Print the plan that a rollback would propose; nothing is recorded or changed.
    Plan(plan::Options),
    /// List incidents, newest first.
    History(history::Options),
    /// Print one incident with everything that happened.
    Show(show::Options),
    /// Approve the plan of an incident, when Slack is down.
    Approve(order::Approval),
    /// Stop an incident: what is in flight is finished, and nothing new begins.
    Stop(order::Stop),
    /// Try a failed step again.
    Retry(order::Retry),
}

/// Runs the command line. Exit codes: 0 fine, 1 the answer is no, 2 usage or configuration.
pub fn run() -> ExitCode {
    // clap prints usage errors itself, and exits with 2.
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Serve => serve::run(),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(options) => sandbox::run(options),
        Command::Check => check::run(),
        Command::Plan(options) => plan::run(options),
        Command::History(options) => history::run(options),
        Command::Show(options) => show::run(options),
        Command::Approve(options) => order::approve(options),
        Command::Stop(options) => order::stop(options),
        Command::Retry(options) => order::retry(options),
    }
}
