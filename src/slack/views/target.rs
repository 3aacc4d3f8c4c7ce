//! One step on one line, and which release a target runs, as far as the record knows.

use crate::incident::due::proves_nothing;
use crate::incident::plan::{Purpose, Step};
use crate::incident::step::{Finding, StepRecord, StepState};
use crate::incident::time::Now;
use crate::slack::mrkdwn::{actor, duration, foreign};

use super::brief::brief;
use super::words::short;

/// A step's sign: always beside words that say the same.
pub(super) fn sign(record: &StepRecord) -> &'static str {
    match &record.state {
        StepState::Pending => "⚪",
        StepState::Active => "🔄",
        StepState::Done => "✅",
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
    format!("{} {watch}{}{}", sign(record), title(step), said(purpose, step, record, over, now))
}

/// Whether a step that has not begun still may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It waits for its turn.
    NotYet,
    /// Nothing new begins.
    Stopped,
}

fn said(purpose: Purpose, step: &Step, record: &StepRecord, over: Over, now: Now) -> String {
    let takes_back = purpose == Purpose::RollBack;
    let place = if takes_back { release_now(step, record) } else { String::new() };
    let with = |words: &str| {
        if place.is_empty() { format!(": {words}") } else { format!(": {place}; {words}") }
    };
    match &record.state {
        StepState::Pending => match (over, takes_back) {
            (Over::NotYet, _) => with("waits for its turn"),
            (Over::Stopped, true) => format!(": {place}"),
            (Over::Stopped, false) => ": not begun".to_owned(),
        },
        StepState::Active => match &record.progress {
            Some(progress) => with(&brief(progress, 240)),
            None => with("under way"),
        },
        StepState::Done => {
            let took = took(record, now).map(|took| format!(" ({took})")).unwrap_or_default();
            match (purpose, &step.to) {
                (Purpose::RollBack, Some(to)) => format!(": runs {}{took}", short(to)),
                (Purpose::Watch, _) => format!(": nothing got worse{took}"),
                (Purpose::Verify, _) => format!(": passed{took}"),
                (Purpose::Freeze | Purpose::RollBack, _) => format!(": done{took}"),
            }
        }
        StepState::Failed(failure) => with(&brief(&failure.why, 300)),
        StepState::SkippedAfter { failure, by, reason } => {
            let what = if proves_nothing(purpose, failure) { "not proved, accepted by" } else { "skipped by" };
            with(&format!("{what} {}: “{}”", actor(by), foreign(reason, 200)))
        }
    }
}

/// `: may run *v42* or *v41*`, for a step that takes something back; empty for others.
pub(super) fn standing(step: &Step, record: &StepRecord) -> String {
    let release = release_now(step, record);
    if release.is_empty() { release } else { format!(": {release}") }
}

/// Which release a target runs, as far as the record knows; never more than that.
fn release_now(step: &Step, record: &StepRecord) -> String {
    let (Some(from), Some(to)) = (&step.from, &step.to) else {
        return String::new();
    };
    let (from, to) = (short(from), short(to));
    match &record.state {
        StepState::Done => format!("runs {to}"),
        _ if !record.may_have_changed_something() => format!("{from} as before"),
        StepState::Pending | StepState::Active => format!("on its way from {from} to {to}"),
        StepState::Failed(_) | StepState::SkippedAfter { .. } => format!("may run {from} or {to}"),
    }
}
