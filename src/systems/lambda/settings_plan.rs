//! Makes the step that changes some settings of a function and leaves its code alone. Pure.

use std::time::Duration;

use super::inventory::{LATEST, SettingsInventory};
use super::plan::owned;
use super::settings_step::{left, words};
use crate::incident::ids::{Resource, StepId};
use crate::incident::lambda::{Change, LambdaWork, SettingsChange};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned};

/// An update of settings takes some seconds; functions in a VPC take longer.
const SETTINGS: Duration = Duration::from_secs(20);
/// As long as AWS's own waiter waits.
const AT_MOST: Duration = Duration::from_mins(5);

/// What is to be done so that the function has the configured settings.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &SettingsInventory) -> Result<Planned, PlanRefusal> {
    let (spec, latest) = (&inventory.spec, &inventory.latest);
    let function = &spec.function;
    let change = SettingsChange {
        function: function.clone(),
        timeout: spec.timeout.map(|to| Change { from: latest.timeout, to }),
        memory: spec.memory.map(|to| Change { from: latest.memory, to }),
        environment: spec.environment.clone(),
    };
    if let (Some(why), false) = (&latest.settings.unreadable, change.environment.is_empty()) {
        return Err(PlanRefusal::new(format!(
            "The environment variables of {function} cannot be read: {}. Let Rollbot's role decrypt them (kms:Decrypt on \
             the function's key), then ask again.",
            why.trim_end_matches('.')
        )));
    }
    if left(&change, latest).is_empty() {
        let why = format!("{function} has {} already.", words(&change).join(", "));
        return Ok(Planned::NothingToDo { release: as_release(&words(&change)), why });
    }
    let mut warnings = Vec::new();
    let published: Vec<String> = inventory
        .aliases
        .iter()
        .filter(|(_, version)| version != LATEST)
        .map(|(alias, version)| format!("{alias} (version {version})"))
        .collect();
    if !published.is_empty() {
        warnings.push(format!(
            "Only $LATEST is changed. Versions keep the settings that they were published with, so whoever calls {function} \
             by its alias notices nothing: {}.",
            published.join(", ")
        ));
    }
    warnings.extend(owned(inventory.stack.as_deref(), function));
    let step = Step {
        id: StepId::new(&spec.name),
        title: format!("settings of Lambda function {function} ({})", way(&change).join(", ")),
        resource: Resource::new(latest.arn.clone()),
        // It is no release: a later step of the same plan may set it back with the code.
        from: None,
        to: None,
        chosen: Some(chosen(&change, inventory)),
        verbs: vec!["UpdateFunctionConfiguration".to_owned()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: AT_MOST,
        estimate: SETTINGS,
        work: Work::Lambda(LambdaWork::Settings(change)),
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

/// What is set, from what to what; of environment variables the names alone.
fn way(change: &SettingsChange) -> Vec<String> {
    let number = |what: &str, unit: &str, change: Option<Change>| {
        change.map(|Change { from, to }| format!("{what} {from} → {to} {unit}"))
    };
    let numbers = number("timeout", "s", change.timeout).into_iter().chain(number("memory", "MB", change.memory));
    numbers.chain(change.environment.keys().map(|name| format!("{name} set"))).collect()
}

fn chosen(change: &SettingsChange, inventory: &SettingsInventory) -> String {
    let mut sentences = vec!["As configured; the code stays as it is.".to_owned()];
    let back: Vec<String> = [("timeout", "s", change.timeout), ("memory", "MB", change.memory)]
        .into_iter()
        .filter_map(|(what, unit, change)| {
            let Change { from, to } = change?;
            (from != to).then(|| format!("{what} {from} {unit}"))
        })
        .collect();
    if !back.is_empty() {
        sentences.push(format!("The way back is {}.", back.join(", ")));
    }
    if !change.environment.is_empty() {
        let others =
            inventory.latest.settings.environment.keys().filter(|name| !change.environment.contains_key(*name));
        let count = others.count();
        let others = match count {
            0 => String::new(),
            1 => "; the other one stays".to_owned(),
            more => format!("; the other {more} stay"),
        };
        let names: Vec<&str> = change.environment.keys().map(String::as_str).collect();
        sentences.push(format!("Environment variables that are set: {}{others}.", names.join(", ")));
    }
    sentences.join(" ")
}

fn as_release(words: &[String]) -> Release {
    let label = words.join(", ");
    Release {
        id: label.clone(),
        label,
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}
