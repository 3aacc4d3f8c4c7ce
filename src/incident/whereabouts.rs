//! Which release each target runs, as far as the record knows; never more than that. Pure.

use super::incident::Run;
use super::plan::{Purpose, Step};
use super::release::Release;
use super::step::{StepRecord, StepState};

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
            StepState::Pending | StepState::Active | StepState::Waiting => Self::OnItsWay { from, to },
            StepState::Failed(_) | StepState::SkippedAfter { .. } => Self::Unsure { from, to },
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

/// Where every target is, in plain text; empty for a run of one target, which needs no list.
pub fn of_targets(run: &Run) -> String {
    let targets: Vec<String> = run
        .of(Purpose::RollBack)
        .filter_map(|(step, record)| Some(format!("{} {}", step.id, Whereabouts::of(step, record)?.words())))
        .collect();
    if targets.len() < 2 { String::new() } else { targets.join("; ") }
}
