//! An incident in plain text: what the command line shows. Pure.

use jiff::Timestamp;

use super::due::{Phase, phase};
use super::event::{Event, What};
use super::ids::StepId;
use super::incident::{End, Incident};
use super::plan::Step;
use super::request::Manner;
use super::step::{StepRecord, StepState};
use super::time::Now;
use super::whereabouts;
use super::work::Asks;

/// One line of a history: id, when, what, how it stands.
pub fn line(incident: &Incident) -> String {
    let request = &incident.request;
    let to = incident
        .proposal()
        .map(|proposal| {
            let releases =
                proposal.plan.steps().filter_map(|(_, step)| step.to.as_ref().map(super::release::Release::name));
            releases.collect::<Vec<_>>().join(", ")
        })
        .filter(|to| !to.is_empty())
        .map_or_else(String::new, |to| format!(" to {to}"));
    let emergency = match request.manner {
        Manner::Regular => "",
        Manner::Emergency => "  EMERGENCY",
    };
    format!(
        "{}  {}  {} {}{to}  {}  by {}{emergency}",
        incident.id,
        second(incident.opened_at),
        request.environment,
        request.service,
        standing(incident),
        request.by_name,
    )
}

/// How an incident stands, in a word or two.
pub fn standing(incident: &Incident) -> &'static str {
    match phase(incident) {
        Phase::Planning => "planning",
        Phase::Waiting(_) => "waiting for approval",
        Phase::Starting(_) => "starting",
        Phase::Running(_) => "running",
        Phase::Blocked(_) => "waiting for a decision",
        Phase::Awaiting(_) => "waiting for a person",
        Phase::Draining(_) => "stopping",
        Phase::Watching(_, verdict) => match verdict {
            super::incident::Verdict::RolledBack => "rolled back, being watched",
            super::incident::Verdict::PartlyRolledBack => "partly rolled back, being watched",
            super::incident::Verdict::Unproved => "unproved, being watched",
        },
        Phase::Over(closed) => closed.end.word(),
    }
}

/// The whole story, line by line.
pub fn story(incident: &Incident, events: &[Event], now: Now) -> Vec<String> {
    let request = &incident.request;
    let mut lines = vec![
        format!("{}  {} {}  {}", incident.id, request.environment, request.service, standing(incident)),
        format!("asked by {} at {} in {}", request.by_name, second(incident.opened_at), request.channel),
    ];
    if request.manner == Manner::Emergency {
        lines.push("emergency: no second person was waited for".to_owned());
    }
    if let Some(reason) = &request.reason {
        lines.push(format!("because {reason}"));
    }
    if let Some(proposal) = incident.proposal() {
        lines.push(String::new());
        lines.push(format!("plan {} (proposal {})", proposal.digest.short(), proposal.number));
        for (_, step) in proposal.plan.steps() {
            let way = match (&step.from, &step.to) {
                (Some(from), Some(to)) => format!("  {} -> {}", from.name(), to.name()),
                _ => String::new(),
            };
            let record = incident.run().map(|run| run.record(&step.id)).unwrap_or_default();
            lines.push(format!("  {:<9} {}{way}", word(&record), step.title));
            lines
                .extend(asked_of_people(incident, step, &record).into_iter().map(|text| format!("            {text}")));
            lines.extend(record.evidence.iter().map(|evidence| format!("            {}", evidence.text)));
            lines.extend(whereabouts::left_at(&record).map(|text| format!("            left after this: {text}")));
            if let StepState::Failed(failure) | StepState::SkippedAfter { failure, .. } = &record.state {
                lines.push(format!("            {}", failure.why));
                lines.extend(failure.details.iter().map(|detail| format!("            {detail}")));
            }
        }
        lines.extend(proposal.plan.warnings.iter().map(|warning| format!("  warning   {warning}")));
    }
    lines.push(String::new());
    for (place, event) in events.iter().enumerate() {
        if let Some(text) = sentence(event, events.get(..place).unwrap_or_default()) {
            lines.push(format!("{}  {text}", second(event.at)));
        }
    }
    if let Some(run) = incident.run()
        && let Some(record) = run.verdict
    {
        lines.push(String::new());
        lines.push(format!("took {} s until the verdict", now.between(run.started_at, record.at).as_secs()));
    }
    lines
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// What a step of a person waits for and how that is done on the command line, or who did it.
fn asked_of_people(incident: &Incident, step: &Step, record: &StepRecord) -> Vec<String> {
    if let Some(passed) = &record.passed {
        let note = passed.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        return vec![format!("done by {}{note}", passed.by.name())];
    }
    let (what, phrase) = match step.work.asks() {
        Some(Asks::Gate(gate)) => (&gate.what, format!(" --phrase '{}'", gate.phrase)),
        Some(Asks::Manual(manual)) => (&manual.text, String::new()),
        None => return Vec::new(),
    };
    let mut lines: Vec<String> = what.lines().map(str::to_owned).collect();
    if record.state == StepState::Waiting && !incident.is_closed() {
        lines.push(format!("then: rollbot approve {} --step {}{phrase}", incident.id, step.id));
    }
    lines
}

fn word(record: &StepRecord) -> &'static str {
    match record.state {
        StepState::Pending => "pending",
        StepState::Active => "running",
        StepState::Waiting => "waiting",
        StepState::Done => "done",
        StepState::Failed(_) => "failed",
        StepState::SkippedAfter { .. } => "skipped",
    }
}

/// That a step was not gone on with after a stop; `before` are the events up to then.
fn withdrawn(step: &StepId, before: &[Event]) -> String {
    let has_acted = before.iter().any(|event| matches!(&event.what, What::Acting { step: of, .. } if of == step));
    let how = if has_acted { "not gone on with" } else { "not begun" };
    format!("{step} {how}, because of the stop")
}

/// An event in one sentence; `None` for mere progress. `before` are the events up to then.
fn sentence(event: &Event, before: &[Event]) -> Option<String> {
    let by = event.by.name();
    Some(match &event.what {
        What::Requested { .. } => "requested".to_owned(),
        What::Proposed { proposal } if proposal.number > 1 => {
            format!("proposed anew, plan {}: {}", proposal.digest.short(), proposal.drift.join("; "))
        }
        What::Proposed { proposal } => format!("proposed, plan {}", proposal.digest.short()),
        What::Approved { .. } => format!("approved by {by}"),
        What::VoteFell { voter } => format!("the approval by {} no longer counts", voter.name()),
        What::FreezeAsked => format!("deployments to be held back ahead of the approval, says {by}"),
        What::FreezeSettled { froze } => match froze.failed.first() {
            None => "deployments are held back".to_owned(),
            Some(failure) => format!("deployments could not be held back: {}", failure.why),
        },
        What::Started { .. } => "started".to_owned(),
        What::Began { step, attempt: 1 } => format!("{step} began"),
        What::Began { step, attempt } => format!("{step} began, attempt {attempt}"),
        What::Acting { step, number, what } => format!("{step} acts ({number}): {what}"),
        What::Accepted { step, number, request_id, .. } => match request_id {
            Some(request_id) => format!("{step}: act {number} was accepted, request {request_id}"),
            None => format!("{step}: act {number} was accepted"),
        },
        What::Refused { step, number, why } => format!("{step}: act {number} was refused: {why}"),
        What::Progressed { .. } => return None,
        What::Preparing { preparation } => format!("change set {} is made", preparation.name),
        What::Removed { name, .. } => format!("change set {name} is gone"),
        What::Reported { step, lines, .. } => format!("{step}: {}", lines.join("; ")),
        What::Finished { step, .. } => format!("{step} done"),
        What::Failed { step, failure } => format!("{step} failed: {}", failure.why),
        What::Retried { step } => format!("{step} to be tried again, says {by}"),
        What::Remedied { step, remedy } if remedy.chosen.is_empty() => {
            format!("{step}: {by} chose “{}”", remedy.label)
        }
        What::Remedied { step, remedy } => {
            format!("{step}: {by} chose “{}” with {}", remedy.label, remedy.chosen.join(", "))
        }
        What::Passed { step, note: Some(note) } => format!("{step} done by {by}: {note}"),
        What::Passed { step, note: None } => format!("{step} done by {by}"),
        What::Skipped { step, reason } => format!("{step} skipped by {by}: {reason}"),
        What::Withdrawn { step } => withdrawn(step, before),
        What::StopRequested => format!("stopped by {by}"),
        What::VerdictReached { verdict } => format!("verdict: {}", verdict.word()),
        What::Closed { end } => match end {
            End::NothingToDo { why } | End::Aborted { why } | End::Failed { why } => {
                format!("closed: {} ({why})", end.word())
            }
            End::Rejected { reason: Some(reason) } => format!("closed: rejected by {by}: {reason}"),
            End::Rejected { reason: None } => format!("closed: rejected by {by}"),
            End::Verdict { .. } | End::Expired => format!("closed: {}", end.word()),
        },
    })
}
