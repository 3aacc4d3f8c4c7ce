//! `rollbot plan <env> <service> [to <release>]`, and the way to whoever can answer.

use std::process::ExitCode;

use clap::Args;

use crate::admin::{self, Answer, Question};
use crate::config::Config;
use crate::incident::ids::{ChannelId, TeamId, UserId};
use crate::incident::plan::Plan;
use crate::incident::request::Request;
use crate::server;

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
            Ok(other) => Outcome::No(format!("the server answered something else: {other:?}")),
            Err(outcome) => outcome,
        }
    })
}

fn print(plan: &Plan) {
    line(format!("plan {}, about {} min", plan.digest().short(), plan.estimate().as_secs().div_ceil(60)));
    for stage in &plan.stages {
        line(format!("{:?}", stage.purpose));
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

/// Asks the running server, or where none runs a store and an engine of this process.
pub(super) async fn ask(question: Question) -> Result<Answer, Outcome> {
    let config = Config::from_process().map_err(|errors| Outcome::Wrong(errors.to_string()))?;
    match admin::ask(server::folder(&config), &question).await {
        Ok(Some(answer)) => return Ok(answer),
        Ok(None) => {}
        Err(error) => return Err(Outcome::No(format!("the running server did not answer: {error}"))),
    }
    let engine = server::engine_for_questions(&config).await.map_err(|error| Outcome::No(error.to_string()))?;
    Ok(admin::answer(&engine, question).await)
}
