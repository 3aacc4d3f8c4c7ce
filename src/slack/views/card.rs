//! The card: one message in the channel for each incident, edited in place. Its headline says the state, its first
//! paragraph is one sentence, then what the reader needs to decide, then the buttons that are legal.

use serde_json::Value;

use super::asks::{asked, asks};
use super::blocks::{actions, context, header, section};
use super::evidence;
use super::plan::details;
use super::target::{Over, line, standing, title};
use super::words::{Words, missing, more_approvals, place, voters, words};
use crate::incident::due::{Phase, blocking, phase};
use crate::incident::ids::StepId;
use crate::incident::incident::{Closed, End, FreezeNow, Incident, Proposal, Reached, Run};
use crate::incident::plan::Purpose;
use crate::incident::request::Manner;
use crate::incident::step::{Failure, StepRecord, StepState};
use crate::incident::time::Now;
use crate::slack::buttons::{Button, buttons};
use crate::slack::message::Message;
use crate::slack::mrkdwn::{actor, all_of, capital, code, date, foreign, principals, stopped, time, user};

/// How many lines of a list a card shows; with the failures below they stay within a message.
const LINES: usize = 8;
/// How many failed steps a card explains; fewer where their remedies take room.
const FAILURES: usize = 3;
const FAILURES_WITH_REMEDIES: usize = 2;
/// How many of the other side's own words are shown for one failed step.
const DETAILS: usize = 4;

/// The card of `incident`.
pub fn card(incident: &Incident, now: Now) -> Message {
    let Words { emoji, headline, sentence } = words(incident, now);
    let loud = if incident.request.manner == Manner::Emergency { "🚨 EMERGENCY " } else { "" };
    let mut blocks = vec![header(&format!("{loud}{emoji} {}: {headline}", place(incident)))];
    blocks.push(section(&opening(incident, &sentence)));
    let legal = buttons(incident);
    match phase(incident) {
        Phase::Planning | Phase::Starting(_) => {}
        Phase::Waiting(proposal) => {
            blocks.extend(drift(proposal));
            blocks.extend(details(&proposal.plan, proposal.at));
            blocks.extend(freeze(incident, proposal));
            blocks.push(section(&votes(proposal)));
        }
        Phase::Running(run) => blocks.push(section(&progress(run, Over::NotYet, now))),
        Phase::Blocked(run) => {
            blocks.extend(failures(incident, run, &legal));
            blocks.extend(asks(incident, run, &legal));
            let shown: Vec<&StepId> = explained_here(run).into_iter().chain(asked(run)).collect();
            let rest = progress_without(run, &shown, Over::NotYet, now);
            blocks.extend((!rest.is_empty()).then(|| section(&rest)));
        }
        Phase::Awaiting(run) => {
            blocks.extend(asks(incident, run, &legal));
            let rest = progress_without(run, &asked(run), Over::NotYet, now);
            blocks.extend((!rest.is_empty()).then(|| section(&rest)));
        }
        Phase::Draining(run) => blocks.push(section(&progress(run, Over::Stopped, now))),
        Phase::Watching(run, _) => blocks.extend(result(run, now)),
        Phase::Over(closed) => blocks.extend(ending(closed, now)),
    }
    let rest: Vec<&Button> =
        legal.iter().filter(|button| button.action.helps().is_none() && button.action.passes().is_none()).collect();
    if !rest.is_empty() {
        blocks.push(actions(incident, &rest));
    }
    blocks.push(context(&small_print(incident)));
    let text = format!("{loud}{emoji} {}: {headline}. {sentence}", foreign(&place(incident), 120));
    Message { text, blocks }
}

/// The sentence of the state with the reason: the symptoms are part of the evidence, and stay on the card.
fn opening(incident: &Incident, sentence: &str) -> String {
    let emergency = match incident.request.manner {
        Manner::Regular => String::new(),
        Manner::Emergency => {
            format!("*Emergency*, declared by {}: no second person is waited for.\n", user(&incident.request.by))
        }
    };
    match &incident.request.reason {
        Some(reason) => format!("{emergency}{sentence}\n> {}", foreign(reason, 500)),
        None => format!("{emergency}{sentence}"),
    }
}

fn drift(proposal: &Proposal) -> Option<Value> {
    let changes = evidence::bullets(proposal.drift.iter().map(String::as_str));
    (!changes.is_empty()).then(|| {
        section(&format!(
            "🔁 *This is a new plan.* Something changed since the one before, so earlier approvals do not count.\n{changes}"
        ))
    })
}

/// Whether deployments are held back while votes come in.
fn freeze(incident: &Incident, proposal: &Proposal) -> Option<Value> {
    let there_is = proposal.plan.steps().any(|(purpose, _)| purpose == Purpose::Freeze);
    let text = match &incident.freeze_now {
        None if there_is => {
            "🧊 Deployments go on until this is approved. *Freeze now* holds them back at once.".to_owned()
        }
        None => return None,
        Some(FreezeNow { by, came_to: None, .. }) => {
            format!("🔄 Deployments are being held back, says {}.", actor(by))
        }
        Some(FreezeNow { by, came_to: Some(froze), .. }) if froze.failed.is_empty() => {
            format!("🧊 Deployments are held back already, says {}.", actor(by))
        }
        Some(FreezeNow { came_to: Some(froze), .. }) => {
            let why = froze.failed.first().map(explained).unwrap_or_default();
            format!("🔴 Deployments could not be held back.\n{why}")
        }
    };
    Some(section(&text))
}

fn votes(proposal: &Proposal) -> String {
    let terms = &proposal.terms;
    let missing = missing(proposal);
    let needs = match terms.required {
        0 => "🗳️ Needs the confirmation of whoever asked.".to_owned(),
        _ => format!("🗳️ Needs *{}* from {}.", more_approvals(missing), principals(&terms.approvers)),
    };
    let so_far = match (proposal.votes.is_empty(), terms.required) {
        (true, _) => String::new(),
        (false, required) => {
            format!(" Approved by {} ({} of {}).", voters(proposal), proposal.votes.len(), required.max(1))
        }
    };
    let fallen = match proposal.fallen.as_slice() {
        [] => String::new(),
        fallen => {
            let who = all_of(fallen.iter().map(|vote| actor(&vote.by)).collect());
            format!(" ↩️ {who} may not approve any more, so that approval does not count.")
        }
    };
    let phrase = terms.confirm_phrase.as_ref().map(|phrase| format!(" Approving asks to type {}.", code(phrase, 80)));
    format!("{needs}{so_far}{fallen}{} Expires at {}.", phrase.unwrap_or_default(), time(proposal.expires_at))
}

/// Where each target stands, and how far the checks are.
pub(super) fn progress(run: &Run, over: Over, now: Now) -> String {
    progress_without(run, &[], over, now)
}

/// How many failed steps the card explains.
fn explains(run: &Run) -> usize {
    let offers =
        |record: &StepRecord| matches!(&record.state, StepState::Failed(failure) if !failure.remedies.is_empty());
    if blocking(run).any(|(_, record)| offers(record)) { FAILURES_WITH_REMEDIES } else { FAILURES }
}

/// The failed steps that the card explains by themselves.
fn explained_here(run: &Run) -> Vec<&StepId> {
    blocking(run).take(explains(run)).map(|(step, _)| &step.id).collect()
}

fn progress_without(run: &Run, without: &[&StepId], over: Over, now: Now) -> String {
    let mut lines: Vec<String> = Vec::new();
    for purpose in [Purpose::Freeze, Purpose::RollBack] {
        let rest = run.of(purpose).filter(|(step, _)| !without.contains(&&step.id));
        lines.extend(rest.map(|(step, record)| line(purpose, step, record, over.unless_left_out(run, step), now)));
    }
    let checks: Vec<_> = run.of(Purpose::Verify).filter(|(step, _)| !without.contains(&&step.id)).collect();
    if !checks.is_empty() {
        let begun = checks.iter().any(|(_, record)| record.state != StepState::Pending);
        if begun {
            lines.extend(checks.iter().map(|(step, record)| line(Purpose::Verify, step, record, over, now)));
        } else {
            let titles: Vec<String> = checks.iter().map(|(step, _)| foreign(&step.title, 120)).collect();
            lines.push(format!("⚪ then: {}", crate::slack::mrkdwn::all_of(titles)));
        }
    }
    cut(lines)
}

fn cut(mut lines: Vec<String>) -> String {
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} more, in the thread"));
    }
    lines.join("\n")
}

/// Every failed step with what the other side said, what one can do, and its buttons.
fn failures(incident: &Incident, run: &Run, legal: &[Button]) -> Vec<Value> {
    let mut blocks = Vec::new();
    for (step, record) in blocking(run).take(explains(run)) {
        let StepState::Failed(failure) = &record.state else {
            continue;
        };
        let stand = standing(step, record);
        let attempt = if record.attempt > 1 { format!(" (attempt {})", record.attempt) } else { String::new() };
        blocks.push(section(&format!("❌ {}{stand}{attempt}\n{}", title(step), explained(failure))));
        let is_about_it = |button: &&Button| button.action.helps() == Some(&step.id);
        let ways: Vec<&Button> = legal.iter().filter(is_about_it).collect();
        if !ways.is_empty() {
            blocks.push(actions(incident, &ways));
        }
    }
    let more = blocking(run).count().saturating_sub(explains(run));
    if more > 0 {
        blocks.push(context(&format!("{more} more did not succeed; they are in the thread.")));
    }
    blocks
}

/// Why a step failed, in the other side's words, and what one can do.
pub(super) fn explained(failure: &Failure) -> String {
    let mut lines = vec![stopped(&capital(&foreign(&failure.why, 300)))];
    lines.extend(failure.details.iter().take(DETAILS).map(|detail| code(detail, 240)));
    if failure.details.len() > DETAILS {
        lines.push(format!("and {} more in the record", failure.details.len() - DETAILS));
    }
    lines.push(format!("👉 {}", stopped(&capital(&foreign(&failure.advice, 300)))));
    lines.join("\n")
}

/// What a verdict rests on, and what has got worse since.
fn result(run: &Run, now: Now) -> Vec<Value> {
    let mut blocks = Vec::new();
    let regressions = evidence::bullets(run.regressions.iter().map(String::as_str));
    if !regressions.is_empty() {
        blocks.push(section(&format!("*Since then*\n{regressions}")));
    }
    let unproved = run
        .of(Purpose::Freeze)
        .map(|of| (Purpose::Freeze, of))
        .chain(run.of(Purpose::Verify).map(|of| (Purpose::Verify, of)))
        .filter(|(_, (_, record))| record.state != StepState::Done);
    let lines = run
        .of(Purpose::RollBack)
        .map(|of| (Purpose::RollBack, of))
        .chain(unproved)
        .map(|(purpose, (step, record))| line(purpose, step, record, Over::Stopped, now));
    blocks.push(section(&cut(lines.collect())));
    let seen = evidence::of_run(run);
    if !seen.is_empty() {
        blocks.push(context(&format!("What was seen:\n{seen}")));
    }
    blocks
}

fn ending(closed: &Closed, now: Now) -> Vec<Value> {
    match (&closed.end, &closed.reached) {
        (End::Verdict { .. } | End::Failed { .. }, Reached::Run(run)) => result(run, now),
        (
            End::Verdict { .. }
            | End::Failed { .. }
            | End::NothingToDo { .. }
            | End::Rejected { .. }
            | End::Expired
            | End::Aborted { .. },
            Reached::Request | Reached::Proposal(_) | Reached::Run(_),
        ) => Vec::new(),
    }
}

/// Which incident this is, who asked and who approved, and since when.
fn small_print(incident: &Incident) -> String {
    let mut parts = vec![format!(
        "{} · asked by {} at {}",
        foreign(incident.id.as_str(), 30),
        user(&incident.request.by),
        time(incident.opened_at)
    )];
    if let Some(run) = incident.run() {
        parts.push(format!("approved by {}", voters(&run.proposal)));
        if let Some(stopped) = &run.stopped {
            parts.push(format!("stopped by {}", actor(&stopped.by)));
        }
    }
    if let crate::incident::incident::State::Closed(closed) = &incident.state {
        parts.push(format!("ended {}", date(closed.at)));
    }
    parts.join(" · ")
}
