//! One step on one line, and which release a target runs, as far as the record knows.

use crate::incident::due::{is_left_out, proves_nothing};
use crate::incident::incident::Run;
use crate::incident::plan::{Purpose, Step};
use crate::incident::step::{Finding, Passed, StepRecord, StepState};
use crate::incident::time::Now;
use crate::incident::whereabouts::{Whereabouts, left_at, left_out};
use crate::incident::work::Asks;
use crate::slack::mrkdwn::{actor, all_of, code, duration, foreign};

use super::brief::brief;
use super::words::short;

/// A step's sign: always beside words that say the same.
pub(super) fn sign(step: &Step, record: &StepRecord) -> &'static str {
    match &record.state {
        StepState::Pending => "⚪",
        StepState::Active => "🔄",
        StepState::Waiting => "✋",
        StepState::Done if left_out(step, record).is_empty() => "✅",
        StepState::Done => "🟠",
        StepState::Failed(failure) if failure.finding == Finding::Inconclusive => "❔",
        StepState::Failed(_) => "❌",
        StepState::SkippedAfter { .. } => "⏭️",
    }
}

/// A step's title, in bold.
pub(super) fn title(step: &Step) -> String {
    format!("*{}*", foreign(&step.title, 120))
}

/// How long the present attempt took, where it has ended.
pub(super) fn took(record: &StepRecord, now: Now) -> Option<String> {
    Some(duration(now.between(record.began_at?, record.ended_at?)))
}

/// A step on one line.
pub(super) fn line(purpose: Purpose, step: &Step, record: &StepRecord, over: Over, now: Now) -> String {
    // Checks are watched under the titles that they were verified under.
    let watch = if purpose == Purpose::Watch { "watch " } else { "" };
    format!("{} {watch}{}{}", sign(step, record), title(step), said(purpose, step, record, over, now))
}

/// Whether a step that has not begun still may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It waits for its turn.
    NotYet,
    /// Nothing new begins.
    Stopped,
}

impl Over {
    /// The same, but for a step that is left out since what it was to rest on has failed.
    pub(super) fn unless_left_out(self, run: &Run, step: &Step) -> Self {
        if is_left_out(run, &step.id) { Self::Stopped } else { self }
    }
}

fn said(purpose: Purpose, step: &Step, record: &StepRecord, over: Over, now: Now) -> String {
    let takes_back = purpose == Purpose::RollBack;
    let place = if takes_back { release_now(step, record) } else { String::new() };
    let with = |words: &str| {
        if place.is_empty() { format!(": {words}") } else { format!(": {place}; {words}") }
    };
    match &record.state {
        StepState::Pending => match over {
            Over::NotYet => with("waits for its turn"),
            Over::Stopped => match left_at(record) {
                Some(left) => with(&brief(&left, 300)),
                None if place.is_empty() => ": not begun".to_owned(),
                None => format!(": {place}"),
            },
        },
        StepState::Waiting => match over {
            Over::NotYet => with(&waits(step)),
            Over::Stopped => with("nobody did it"),
        },
        StepState::Active => match &record.progress {
            Some(progress) => with(&brief(progress, 240)),
            None => with("under way"),
        },
        StepState::Done => {
            let took = took(record, now).map(|took| format!(" ({took})")).unwrap_or_default();
            if let Some(passed) = &record.passed {
                return format!(": {}", by_whom(step, passed));
            }
            match (purpose, &step.to) {
                (Purpose::RollBack, Some(to)) => {
                    format!(": runs {}{}{took}", short(to), but_not(&left_out(step, record)))
                }
                (Purpose::Watch, _) => format!(": nothing got worse{took}"),
                (Purpose::Verify, _) => format!(": passed{took}"),
                (Purpose::Freeze, _) => format!(": deployments are held back{took}"),
                (Purpose::RollBack, _) => format!(": done{took}"),
            }
        }
        StepState::Failed(failure) => with(&brief(&failure.why, 300)),
        StepState::SkippedAfter { failure, by, reason } => {
            let what = if proves_nothing(purpose, failure) { "not proved, accepted by" } else { "skipped by" };
            with(&format!("{what} {}: “{}”", actor(by), foreign(reason, 200)))
        }
    }
}

/// What a step of a person waits for.
fn waits(step: &Step) -> String {
    match step.work.asks() {
        Some(Asks::Gate(gate)) => format!("waits until {} is typed", code(&gate.phrase, 80)),
        Some(Asks::Manual(_)) => "waits until it is done by hand".to_owned(),
        None => "waits".to_owned(),
    }
}

/// Who did what a step of a person asks for.
fn by_whom(step: &Step, passed: &Passed) -> String {
    let by = actor(&passed.by);
    let done = match step.work.gate() {
        Some(gate) => format!("{by} typed {}", code(&gate.phrase, 80)),
        None => format!("done by {by}"),
    };
    match &passed.note {
        Some(note) => format!("{done}: “{}”", foreign(note, 200)),
        None => done,
    }
}

/// `: may run *v42* or *v41*`, for a step that takes something back; empty for others.
pub(super) fn standing(step: &Step, record: &StepRecord) -> String {
    let release = release_now(step, record);
    if release.is_empty() { release } else { format!(": {release}") }
}

/// Which release a target runs, as far as the record knows; never more than that.
fn release_now(step: &Step, record: &StepRecord) -> String {
    match Whereabouts::of(step, record) {
        None => String::new(),
        Some(Whereabouts::Back(to)) => format!("runs {}", short(to)),
        Some(Whereabouts::BackWithout { to, left_out }) => format!("runs {}{}", short(to), but_not(&left_out)),
        Some(Whereabouts::AsBefore(from)) => format!("{} as before", short(from)),
        Some(Whereabouts::OnItsWay { from, to }) => format!("on its way from {} to {}", short(from), short(to)),
        Some(Whereabouts::Unsure { from, to }) => format!("may run {} or {}", short(from), short(to)),
        Some(Whereabouts::Mixed { from, to }) => {
            format!("may have parts of {} and parts of {}", short(from), short(to))
        }
    }
}

/// `, but LogRetention was left out`; empty where nothing was.
pub(super) fn but_not(left_out: &[String]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let verb = if left_out.len() == 1 { "was" } else { "were" };
    format!(", but {} {verb} left out", all_of(left_out.iter().map(|name| foreign(name, 80)).collect()))
}
