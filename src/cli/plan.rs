//! `rollbot plan <env> <service> [--to <release>]`

use std::process::ExitCode;

use clap::Args;

use crate::admin::{Answer, Question};
use crate::incident::ids::{ChannelId, TeamId, UserId};
use crate::incident::plan::{Plan, Purpose};
use crate::incident::request::{Manner, Request};

use super::ask::{ask, something_else};
use super::output::{Outcome, finish, json, line};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The environment.
    environment: String,
    /// The service.
    service: String,
    /// Go back to this release instead of the one before: a revision, tag, digest or git sha.
    #[arg(long)]
    to: Option<String>,
    /// Only these targets.
    #[arg(long)]
    only: Vec<String>,
    /// Also these targets, which are left out unless asked for.
    #[arg(long)]
    with: Vec<String>,
    /// Print the plan as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options) -> ExitCode {
    finish(async {
        let as_json = options.json;
        let request = Request {
            environment: options.environment,
            service: options.service,
            to: options.to,
            only: options.only,
            with: options.with,
            manner: Manner::Regular,
            reason: None,
            by: UserId::new("command-line"),
            by_name: "the command line".to_owned(),
            team: TeamId::new("command-line"),
            channel: ChannelId::new("command-line"),
        };
        match ask(Question::Plan { request }).await {
            Ok(Answer::Plan { plan }) if as_json => json(&serde_json::json!({ "digest": plan.digest(), "plan": plan })),
            Ok(Answer::Plan { plan }) => {
                print(&plan);
                Outcome::Fine
            }
            Ok(Answer::NothingToDo { why }) => {
                if as_json {
                    return json(&serde_json::json!({ "nothing_to_do": why }));
                }
                line(format!("Nothing to do. {why}"));
                Outcome::Fine
            }
            Ok(Answer::No { why }) => Outcome::No(why),
            Ok(Answer::History { .. } | Answer::Incident { .. } | Answer::Done { .. }) => something_else(),
            Err(outcome) => outcome,
        }
    })
}

fn print(plan: &Plan) {
    line(format!("plan {}, about {} min", plan.digest().short(), plan.estimate().as_secs().div_ceil(60)));
    for stage in &plan.stages {
        line(match stage.purpose {
            Purpose::Freeze => "Freeze",
            Purpose::RollBack => "Roll back",
            Purpose::Verify => "Verify",
            Purpose::Watch => "Watch",
        });
        for step in stage.lanes.iter().flat_map(|lane| &lane.steps) {
            line(format!("  {}", step.title));
            if let (Some(from), Some(to)) = (&step.from, &step.to) {
                line(format!("    {} -> {}", from.name(), to.name()));
            }
            step.chosen.iter().for_each(|chosen| line(format!("    {chosen}")));
            step.loses.iter().for_each(|loss| line(format!("    lost: {loss}")));
        }
    }
    plan.warnings.iter().for_each(|warning| line(format!("warning: {warning}")));
}
