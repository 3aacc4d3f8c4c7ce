//! `rollbot show <incident>`

use std::process::ExitCode;

use clap::Args;

use crate::admin::{Answer, Question};
use crate::clock::Clock;
use crate::incident::ids::IncidentId;
use crate::incident::report;
use crate::incident::time::Pace;

use super::ask::{ask, something_else};
use super::output::{Outcome, finish, json, line};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The incident's name: rb-7k3fq.
    incident: String,
    /// Print the record and its events as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options) -> ExitCode {
    finish(async {
        let id = IncidentId::new(options.incident);
        match ask(Question::Show { id }).await {
            Ok(Answer::Incident { incident, events }) if options.json => {
                json(&serde_json::json!({ "incident": incident, "events": events }))
            }
            Ok(Answer::Incident { incident, events }) => {
                let now = Clock::start(Pace::REAL).now();
                report::story(&incident, &events, now).into_iter().for_each(line);
                Outcome::Fine
            }
            Ok(Answer::No { why }) => Outcome::No(why),
            Ok(Answer::History { .. } | Answer::Plan { .. } | Answer::NothingToDo { .. } | Answer::Done { .. }) => {
                something_else()
            }
            Err(outcome) => outcome,
        }
    })
}
