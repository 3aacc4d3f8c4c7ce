//! `rollbot plan <env> <service or group> [--to <release>]`

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::admin::{Answer, Question};
use crate::incident::ids::{ChannelId, TeamId, UserId};
use crate::incident::plan::{Plan, Purpose};
use crate::incident::request::{Manner, Request};
use crate::incident::work::{Asks, Work};

use super::ask::{ask, something_else};
use super::output::{Outcome, finish, json, line};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The environment.
    environment: String,
    /// The service, or a group of services.
    service: String,
    /// Go back to this release instead of the one before: a revision, tag, digest or git sha. Several times as
    /// `target=release` to name releases apart.
    #[arg(long)]
    to: Vec<String>,
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
        let (to, apart) = match goals(&options.to) {
            Ok(goals) => goals,
            Err(why) => return Outcome::Wrong(why),
        };
        let request = Request {
            environment: options.environment,
            service: options.service,
            to,
            apart,
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

/// One release for all targets, or one for each.
fn goals(to: &[String]) -> Result<(Option<String>, BTreeMap<String, String>), String> {
    let mut apart = BTreeMap::new();
    let mut one = None;
    for goal in to {
        match goal.split_once('=') {
            Some((target, release)) => apart.insert(target.to_owned(), release.to_owned()).map(drop),
            None => one.replace(goal.clone()).map(drop),
        }
        .map_or(Ok(()), |()| Err(format!("`--to {goal}`: say one release for all targets, or one for each")))?;
    }
    if one.is_some() && !apart.is_empty() {
        return Err("`--to`: say one release for all targets, or `target=release` for each, not both".to_owned());
    }
    Ok((one, apart))
}

fn print(plan: &Plan) {
    line(format!("plan {}, about {} min", plan.digest().short(), plan.estimate().as_secs().div_ceil(60)));
    plan.matched.iter().for_each(|matched| line(matched.clone()));
    for stage in &plan.stages {
        let purpose = match stage.purpose {
            Purpose::Freeze => "Freeze",
            Purpose::RollBack => "Roll back",
            Purpose::Verify => "Verify",
            Purpose::Watch => "Watch",
        };
        match &stage.track {
            Some(track) => line(format!("{purpose} {track}, beside the other services")),
            None if stage.purpose == Purpose::RollBack && stage.lanes.len() > 1 => {
                line(format!("{purpose}, side by side"));
            }
            None => line(purpose),
        }
        for step in stage.lanes.iter().flat_map(|lane| &lane.steps) {
            line(format!("  {}", step.title));
            if let Work::Stack(stack) = &step.work {
                stack.changes().iter().for_each(|change| line(format!("    {}", change.words())));
            }
            match step.work.asks() {
                Some(Asks::Gate(gate)) => {
                    line(format!("    waits until somebody types {}: {}", gate.phrase, gate.what));
                }
                Some(Asks::Manual(manual)) => manual.text.lines().for_each(|text| line(format!("    {text}"))),
                None => {}
            }
            if let (Some(from), Some(to)) = (&step.from, &step.to) {
                line(format!("    {} -> {}", from.name(), to.name()));
            }
            step.chosen.iter().for_each(|chosen| line(format!("    {chosen}")));
            step.loses.iter().for_each(|loss| line(format!("    lost: {loss}")));
        }
    }
    plan.warnings.iter().for_each(|warning| line(format!("warning: {warning}")));
}
