//! `rollbot history [<env> [<service>]]`

use std::process::ExitCode;

use clap::Args;

use crate::admin::{Answer, Question};
use crate::incident::report;

use super::ask::{ask, something_else};
use super::output::{Outcome, finish, json, line};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Of this environment only.
    environment: Option<String>,
    /// Of this service only.
    service: Option<String>,
    /// How many at the most.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print the records as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options) -> ExitCode {
    finish(async {
        let Options { environment, service, limit, json: as_json } = options;
        match ask(Question::History { environment, service, limit }).await {
            Ok(Answer::History { incidents }) if as_json => json(&incidents),
            Ok(Answer::History { incidents }) => {
                if incidents.is_empty() {
                    line("No incidents.");
                }
                incidents.iter().map(report::line).for_each(line);
                Outcome::Fine
            }
            Ok(Answer::No { why }) => Outcome::No(why),
            Ok(Answer::Incident { .. } | Answer::Plan { .. } | Answer::NothingToDo { .. } | Answer::Done { .. }) => {
                something_else()
            }
            Err(outcome) => outcome,
        }
    })
}
