//! What follows from what was seen of a function whose settings shall change, and from what was done so far. Pure.
//!
//! | what was seen of `$LATEST` | what follows |
//! |---|---|
//! | it is being updated | wait |
//! | the settings that were asked for | done |
//! | a number that is neither the plan's nor the one asked for | fail: somebody else has changed it |
//! | anything else | `UpdateFunctionConfiguration`, for the `RevisionId` that was seen |

use serde_json::json;

use super::act::Do;
use super::inventory::Code;
use super::judge::{Past, accepted, failure, is_outrun, is_unseen, not_ready, outrun};
use super::settings::Fingerprint;
use crate::incident::lambda::{Change, SettingsChange};
use crate::incident::step::{Evidence, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::Judgement;

/// What follows; `own` are the acts of this attempt.
pub fn judge(change: &SettingsChange, latest: &Code, own: &[&Past], now: Now) -> Judgement<Do> {
    let function = &change.function;
    if let Some(waiting) = not_ready(function, latest, own) {
        return waiting;
    }
    let left = left(change, latest);
    if left.is_empty() {
        let done = words(change).join(", ");
        return Judgement::Done {
            evidence: vec![Evidence::new(format!("{function} got {done}; its code stayed as it was."))],
            output: json!({"timeout": latest.timeout, "memory": latest.memory}),
        };
    }
    if let Some(entry) = accepted(own)
        && is_unseen(entry, &latest.revision, now)
    {
        return Judgement::Wait(format!("AWS accepted the order for {function}, and does not show it yet"));
    }
    let numbers = [("timeout", "s", change.timeout, latest.timeout), ("memory", "MB", change.memory, latest.memory)];
    let other = numbers.into_iter().find_map(|(what, unit, change, seen)| {
        let Change { from, to } = change.filter(|change| seen != change.from && seen != change.to)?;
        Some(format!("its {what} is {seen} {unit} now, and was to go from {from} to {to} {unit}"))
    });
    if let Some(other) = other.or_else(|| accepted(own).map(|_| format!("{} is not as it was set", left.join(", ")))) {
        return Judgement::Failed(failure(
            format!("Somebody else has changed the settings of {function}: {other}."),
            Finding::Wrong,
            "If this is what is wanted, Stop; else Stop and ask again, from what is set now.",
        ));
    }
    if is_outrun(own) {
        return Judgement::Failed(outrun(function));
    }
    if let (Some(why), false) = (&latest.settings.unreadable, change.environment.is_empty()) {
        return Judgement::Failed(failure(
            format!("The environment variables of {function} cannot be read: {}.", why.trim_end_matches('.')),
            Finding::Wrong,
            "Let Rollbot's role decrypt them (kms:Decrypt on the function's key), then Retry.",
        ));
    }
    Judgement::Act(Do::UpdateFunctionConfiguration {
        like: None,
        sets: words(change),
        revision: latest.revision.clone(),
    })
}

/// What is not as it shall be, in words.
pub(super) fn left(change: &SettingsChange, latest: &Code) -> Vec<String> {
    let timeout = change.timeout.filter(|timeout| timeout.to != latest.timeout).map(|_| "the timeout".to_owned());
    let memory = change.memory.filter(|memory| memory.to != latest.memory).map(|_| "the memory".to_owned());
    let variables = change
        .environment
        .iter()
        .filter(|(name, value)| latest.settings.environment.get(*name) != Some(&Fingerprint::of(value)))
        .map(|(name, _)| format!("the environment variable {name}"));
    timeout.into_iter().chain(memory).chain(variables).collect()
}

/// What is set, in words; of environment variables the names alone.
pub(super) fn words(change: &SettingsChange) -> Vec<String> {
    let timeout = change.timeout.map(|timeout| format!("timeout {} s", timeout.to));
    let memory = change.memory.map(|memory| format!("memory {} MB", memory.to));
    let variables = change.environment.keys().map(|name| format!("{name} set"));
    timeout.into_iter().chain(memory).chain(variables).collect()
}
