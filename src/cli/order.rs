//! `rollbot approve`, `rollbot stop` and `rollbot retry`: for the hour in which Slack is down.

use std::process::ExitCode;

use clap::Args;

use crate::admin::{self, Answer, Order, Question};
use crate::config::Config;
use crate::incident::ids::{IncidentId, StepId};
use crate::server;

use super::output::{Outcome, finish, line};

#[derive(Debug, Args)]
pub(super) struct Approval {
    /// The incident's name: rb-7k3fq.
    incident: String,
    /// The phrase that the environment asks for.
    #[arg(long)]
    phrase: Option<String>,
    /// Approve only if this is the plan, as `rollbot show` names it.
    #[arg(long)]
    plan: Option<String>,
    /// Not the plan: the step that waits for a person, as `rollbot show` names it.
    #[arg(long, conflicts_with = "plan")]
    step: Option<String>,
    /// What others should know of the step that is done.
    #[arg(long, requires = "step")]
    note: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Stop {
    /// The incident's name: rb-7k3fq.
    incident: String,
}

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The incident's name: rb-7k3fq.
    incident: String,
    /// The step that failed, as `rollbot show` names it.
    step: String,
}

pub(super) fn approve(options: Approval) -> ExitCode {
    let Approval { incident, phrase, plan, step, note } = options;
    let what = match step {
        Some(step) => Order::Pass { step: StepId::new(step), phrase, note },
        None => Order::Approve { phrase, plan },
    };
    order(incident, what)
}

pub(super) fn stop(options: Stop) -> ExitCode {
    order(options.incident, Order::Stop)
}

pub(super) fn retry(options: Retry) -> ExitCode {
    order(options.incident, Order::Retry { step: StepId::new(options.step) })
}

/// Has the running server carry `order` out. Without one nothing is done: an incident moves only where a server runs.
fn order(incident: String, order: Order) -> ExitCode {
    finish(async {
        let config = match Config::from_process() {
            Ok(config) => config,
            Err(errors) => return Outcome::Wrong(errors.to_string()),
        };
        let question = Question::Order { id: IncidentId::new(incident), order };
        match admin::ask(server::folder(&config), &question).await {
            Ok(Some(Answer::Done { what })) => {
                line(what);
                Outcome::Fine
            }
            Ok(Some(Answer::No { why })) => Outcome::No(why),
            Ok(Some(other)) => Outcome::No(format!("the server answered something else: {other:?}")),
            Ok(None) => Outcome::No(admin::NO_SERVER.to_owned()),
            Err(error) => Outcome::No(format!("the running server did not answer: {error}")),
        }
    })
}
