//! Which release each target runs, as far as the record knows; never more than that. Pure.

use serde_json::Value;

use super::incident::Run;
use super::plan::{Purpose, Step};
use super::release::Release;
use super::site::number;
use super::step::{ActOutcome, StepRecord, StepState};

/// Which release a target runs, as far as the record knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts<'a> {
    /// It was proved to run what it was to go back to.
    Back(&'a Release),
    /// It went back to this, and some of it was left out: that is not as it was to be.
    BackWithout {
        /// What it went back to.
        to: &'a Release,
        /// What was left out, by name.
        left_out: Vec<String>,
    },
    /// Nothing was changed.
    AsBefore(&'a Release),
    /// Something was told to change, and it is being followed.
    OnItsWay {
        /// What ran.
        from: &'a Release,
        /// What is to run.
        to: &'a Release,
    },
    /// Something was told to change, and nobody knows what came of it.
    Unsure {
        /// What ran.
        from: &'a Release,
        /// What was to run.
        to: &'a Release,
    },
    /// The same of something that changes part by part: it may have parts of both.
    Mixed {
        /// What ran.
        from: &'a Release,
        /// What was to run.
        to: &'a Release,
    },
}

impl<'a> Whereabouts<'a> {
    /// Where the target of `step` is; `None` for a step that takes nothing from one release to another.
    pub fn of(step: &'a Step, record: &StepRecord) -> Option<Self> {
        let (from, to) = (step.from.as_ref()?, step.to.as_ref()?);
        Some(match &record.state {
            StepState::Done => match left_out(step, record) {
                left_out if left_out.is_empty() => Self::Back(to),
                left_out => Self::BackWithout { to, left_out },
            },
            _ if !record.may_have_changed_something() => Self::AsBefore(from),
            StepState::Active | StepState::Waiting => Self::OnItsWay { from, to },
            // Pending with something done: a stop came before the next attempt, and nobody follows it.
            StepState::Pending | StepState::Failed(_) | StepState::SkippedAfter { .. } => {
                if step.work.changes_part_by_part() { Self::Mixed { from, to } } else { Self::Unsure { from, to } }
            }
        })
    }

    /// In plain text, after the target's name: `runs v41 (api:41)`.
    fn words(self) -> String {
        match self {
            Self::Back(to) => format!("runs {}", to.name()),
            Self::BackWithout { to, left_out } => {
                let verb = if left_out.len() == 1 { "was" } else { "were" };
                format!("runs {}, but {} {verb} left out", to.name(), left_out.join(", "))
            }
            Self::AsBefore(from) => format!("runs {} as before", from.name()),
            Self::OnItsWay { from, to } => format!("is on its way from {} to {}", from.name(), to.name()),
            Self::Unsure { from, to } => format!("may run {} or {}", from.name(), to.name()),
            Self::Mixed { from, to } => format!("may have parts of {} and parts of {}", from.name(), to.name()),
        }
    }
}

/// What a step that is done went on without, by name; empty where it is wholly done, or not done.
pub fn left_out(step: &Step, record: &StepRecord) -> Vec<String> {
    if record.state == StepState::Done { step.work.left_out(&record.output) } else { Vec::new() }
}

/// Whether a step is done, and nothing of it was left out.
pub fn is_wholly_done(step: &Step, record: &StepRecord) -> bool {
    record.state == StepState::Done && left_out(step, record).is_empty()
}

/// Where every target is, in plain text; empty for a run that has none.
pub fn of_targets(run: &Run) -> String {
    let targets: Vec<String> = run
        .of(Purpose::RollBack)
        .filter_map(|(step, record)| {
            let words = Whereabouts::of(step, record).map(Whereabouts::words).or_else(|| of_settings(step, record))?;
            Some(format!("{} {words}", step.id))
        })
        .collect();
    targets.join("; ")
}

/// How it stands with settings, which are no release.
fn of_settings(step: &Step, record: &StepRecord) -> Option<String> {
    let words = match &record.state {
        _ if !step.work.is_of_settings() => return None,
        StepState::Done => "is set",
        _ if !record.may_have_changed_something() => "is as before",
        StepState::Active | StepState::Waiting => "is being set",
        StepState::Pending | StepState::Failed(_) | StepState::SkippedAfter { .. } => "may be set or not",
    };
    Some(words.to_owned())
}

/// What was done for a step that was left before its end, in AWS's verbs; `None` where nothing was, or it has not been left.
/// `AWS accepted CopyObject (2,500 objects); nobody knows whether CreateInvalidation was taken`.
pub fn left_at(record: &StepRecord) -> Option<String> {
    if record.state != StepState::Pending {
        return None;
    }
    let mut accepted: Vec<(String, u64)> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for act in &record.acts {
        let verb = act.what.get("verb").and_then(Value::as_str).unwrap_or("a call").to_owned();
        match &act.outcome {
            ActOutcome::Refused { .. } => {}
            ActOutcome::Unknown if unknown.contains(&verb) => {}
            ActOutcome::Unknown => unknown.push(verb),
            ActOutcome::Accepted { receipt, .. } => {
                // What is done in portions says of each how many objects were done.
                let done = receipt.get("done").and_then(Value::as_u64).unwrap_or_default();
                match accepted.iter_mut().find(|(other, _)| *other == verb) {
                    Some((_, objects)) => *objects += done,
                    None => accepted.push((verb, done)),
                }
            }
        }
    }
    let told = accepted.into_iter().map(|(verb, objects)| match objects {
        0 => verb,
        1 => format!("{verb} (1 object)"),
        objects => format!("{verb} ({} objects)", number(objects)),
    });
    let told: Vec<String> = told.collect();
    let accepted = (!told.is_empty()).then(|| format!("AWS accepted {}", told.join(", ")));
    let unknown = (!unknown.is_empty()).then(|| format!("nobody knows whether {} was taken", unknown.join(", ")));
    let parts: Vec<String> = accepted.into_iter().chain(unknown).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
