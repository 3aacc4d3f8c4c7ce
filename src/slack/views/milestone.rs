//! The thread: one post for each event that a reader would want to know of later. What only moves on is in the step
//! list instead.

use serde_json::Value;

use super::asks::{Ask, ask};
use super::blocks::{context, section};
use super::card::{explained, progress};
use super::evidence::{bullets, of_run};
use super::target::{Over, but_not, title};
use super::words::{Watch, accepted_by, goals, not_back, short, unchanged, watch, words};
use crate::incident::due::proves_nothing;
use crate::incident::event::{Event, What};
use crate::incident::ids::StepId;
use crate::incident::incident::{End, Froze, Incident, Proposal, Run, Verdict};
use crate::incident::plan::{Need, Plan, Purpose, Step};
use crate::incident::policy::{Actor, Principal};
use crate::incident::remedy::ChosenRemedy;
use crate::incident::request::Manner;
use crate::incident::step::{Act, Evidence, Failure, Finding, StepState};
use crate::incident::time::{Now, Pace};
use crate::slack::message::Message;
use crate::slack::mrkdwn::{actor, capital, clamp, code, duration, foreign, group, plural, stopped, time, user};

/// The thread post for `event` of `incident`, whose record is at least as new as the event; `None` where the event is
/// no milestone. `pace` is the pace at which durations were lived.
pub fn milestone(incident: &Incident, event: &Event, pace: Pace) -> Option<Message> {
    let now = Now { at: event.at, pace };
    match &event.what {
        What::Proposed { proposal } => asks(incident, proposal).map(|text| said(&text)),
        What::Approved { .. } => Some(said(&approved(incident, event))),
        What::VoteFell { voter } => Some(said(&vote_fell(incident, voter))),
        What::FreezeAsked => {
            Some(said(&format!("🧊 {} has deployments held back now, ahead of the approval.", actor(&event.by))))
        }
        What::FreezeSettled { froze } => Some(froze_now(froze)),
        What::Started { .. } => Some(said("▶️ A fresh look found everything as the plan says. The rollback starts.")),
        What::Accepted { step, number, request_id, .. } => {
            let (_, step) = step_of(incident, step)?;
            (!is_further_portion(incident, step, *number))
                .then(|| accepted(incident, step, *number, request_id.as_deref()))
        }
        What::Refused { step, why, .. } => {
            let (_, step) = step_of(incident, step)?;
            Some(said(&format!("🚫 {}: AWS refused, and nothing was changed.\n{}", title(step), code(why, 600))))
        }
        What::Finished { step, evidence, output } => {
            let (purpose, step) = step_of(incident, step)?;
            Some(finished(incident, purpose, step, (evidence, &step.work.left_out(output)), event, now))
        }
        What::Failed { step, failure } => {
            let (purpose, step) = step_of(incident, step)?;
            Some(failed(incident, purpose, step, failure))
        }
        What::Retried { step } => {
            let (_, step) = step_of(incident, step)?;
            Some(said(&format!("🔁 {} has {} tried again.", actor(&event.by), title(step))))
        }
        What::Began { step, .. } => {
            let (_, step) = step_of(incident, step)?;
            awaits(incident, step).map(|text| said(&text))
        }
        What::Passed { step, note } => {
            let (_, step) = step_of(incident, step)?;
            Some(said(&passed(step, &event.by, note.as_deref())))
        }
        What::Remedied { step, remedy } => {
            let (_, step) = step_of(incident, step)?;
            Some(said(&remedied(step, remedy)))
        }
        What::Skipped { step, reason } => {
            let (purpose, step) = step_of(incident, step)?;
            let (by, reason) = (actor(&event.by), foreign(reason, 600));
            let state = incident.run()?.record(&step.id).state;
            let unproved =
                matches!(&state, StepState::SkippedAfter { failure, .. } if proves_nothing(purpose, failure));
            Some(said(&if unproved {
                format!("⏭️ {by} accepts that {} proves nothing: “{reason}”.", title(step))
            } else {
                format!("⏭️ {by} goes on without {}: “{reason}”.", title(step))
            }))
        }
        What::StopRequested => Some(said(&format!(
            "🟠 {} stopped it. What is in flight is finished, and nothing new begins.",
            actor(&event.by)
        ))),
        What::VerdictReached { verdict } => Some(verdict_reached(incident, *verdict, now)),
        What::Closed { end } => Some(closed(incident, end, event, now)),
        What::Reported { step, lines, .. } => {
            let (_, step) = step_of(incident, step)?;
            Some(reported(step, lines))
        }
        What::Requested { .. }
        | What::Preparing { .. }
        | What::Removed { .. }
        | What::Acting { .. }
        | What::Progressed { .. }
        | What::Withdrawn { .. } => None,
    }
}

fn said(text: &str) -> Message {
    with(text, Vec::new())
}

/// As much of a post as a notification carries.
const FALLBACK: usize = 3_000;

fn with(text: &str, more: Vec<Value>) -> Message {
    let mut blocks = vec![section(text)];
    blocks.extend(more);
    Message { text: clamp(text, FALLBACK), blocks }
}

fn plan(incident: &Incident) -> Option<&Plan> {
    incident.proposal().map(|proposal| &proposal.plan)
}

fn step_of<'a>(incident: &'a Incident, id: &StepId) -> Option<(Purpose, &'a Step)> {
    plan(incident)?.step(id)
}

/// Calls whoever may approve: a card that is changed calls nobody, and a post in its thread calls those it names and no
/// one else. `None` where nobody has to be called: whoever asked and confirms alone is looking at the card.
fn asks(incident: &Incident, proposal: &Proposal) -> Option<String> {
    let anew = (proposal.number > 1).then(|| {
        let changes = bullets(proposal.drift.iter().map(String::as_str));
        format!("🔁 The plan no longer fitted, so it was made anew and has to be approved again.\n{changes}")
    });
    let approvers = approvers(incident, proposal);
    let by = user(&incident.request.by);
    let called = match (incident.request.manner, proposal.terms.required) {
        (Manner::Emergency, _) => {
            let called = if approvers.is_empty() { String::new() } else { format!("{approvers}: ") };
            Some(format!(
                "🚨 {called}{by} declared an emergency and rolls *{}* back without a second person.",
                foreign(&incident.request.service, 60)
            ))
        }
        (Manner::Regular, 0) => None,
        (Manner::Regular, _) if approvers.is_empty() => None,
        (Manner::Regular, _) => {
            Some(format!("✋ {approvers}: the plan above waits for your approval until {}.", time(proposal.expires_at)))
        }
    };
    let lines: Vec<String> = anew.into_iter().chain(called).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The people and groups that may approve, by mention.
fn approvers(incident: &Incident, proposal: &Proposal) -> String {
    let mentions = proposal.terms.approvers.iter().filter_map(|principal| match principal {
        Principal::Members | Principal::Requester => None,
        Principal::Person { id, .. } => (*id != incident.request.by).then(|| user(id)),
        Principal::Group { id, .. } => Some(group(id)),
    });
    mentions.collect::<Vec<_>>().join(" ")
}

fn approved(incident: &Incident, event: &Event) -> String {
    let by = actor(&event.by);
    let counted = incident.proposal().and_then(|proposal| {
        let place = proposal.votes.iter().position(|vote| vote.at == event.at && vote.by == event.by)?;
        (proposal.needed() > 1).then(|| format!("{} of {}", place + 1, proposal.needed()))
    });
    match counted {
        Some(counted) => format!("👍 {by} approved ({counted})."),
        None => format!("👍 {by} approved."),
    }
}

fn vote_fell(incident: &Incident, voter: &Actor) -> String {
    format!(
        "↩️ {}: {} may not approve here any more, so that approval does not count and the plan waits again. Nothing was \
         changed.",
        user(&incident.request.by),
        actor(voter)
    )
}

/// Calls whoever has to do what a step of a person asks for; `None` for any other step.
fn awaits(incident: &Incident, step: &Step) -> Option<String> {
    let Ask { act, what, by } = ask(incident.proposal()?, step)?;
    let mentions = by.iter().filter_map(|principal| match principal {
        Principal::Members => None,
        Principal::Requester => Some(user(&incident.request.by)),
        Principal::Person { id, .. } => Some(user(id)),
        Principal::Group { id, .. } => Some(group(id)),
    });
    let mut called = std::collections::BTreeSet::new();
    let called: Vec<String> = mentions.filter(|mention| called.insert(mention.clone())).collect();
    let called = if called.is_empty() { String::new() } else { format!("{}: ", called.join(" ")) };
    Some(format!("✋ {called}{} waits for somebody to {act}; the button is on the card.\n{what}", title(step)))
}

fn passed(step: &Step, by: &Actor, note: Option<&str>) -> String {
    let by = actor(by);
    let note = note.map(|note| format!("\n“{}”", foreign(note, 600))).unwrap_or_default();
    match step.work.gate() {
        Some(gate) => {
            let what = stopped(&capital(&foreign(&gate.what, 400)));
            format!("🔓 {by} typed {}, so {} is open. {what}{note}", code(&gate.phrase, 80), title(step))
        }
        None => format!("✅ {by} says that {} is done.{note}", title(step)),
    }
}

fn remedied(step: &Step, remedy: &ChosenRemedy) -> String {
    let by = actor(&remedy.by);
    let label = foreign(&remedy.label, 80);
    let text = format!("🩹 {by} chose “{label}” for {}.", title(step));
    let chosen = bullets(remedy.names.iter().map(String::as_str));
    if chosen.is_empty() { text } else { format!("{text}\n{chosen}") }
}

fn accepted(incident: &Incident, step: &Step, number: u32, request_id: Option<&str>) -> Message {
    let record = incident.run().map(|run| run.record(&step.id)).unwrap_or_default();
    let act = record.acts.iter().find(|act| act.number == number);
    let verb = act.and_then(verb).map(|verb| format!(" of {}", code(verb, 60)));
    let verb = verb.unwrap_or_default();
    let text = match &step.to {
        Some(to) => format!("⚙️ {}: AWS accepted the order{verb} to take it to {}.", title(step), short(to)),
        None => format!("⚙️ {}: AWS accepted the order{verb}.", title(step)),
    };
    let request = request_id.map(|id| context(&format!("request {}", code(id, 80))));
    with(&text, request.into_iter().collect())
}

/// Whether an act is one more portion of what was begun before: how far that is, the step list and the reports say.
fn is_further_portion(incident: &Incident, step: &Step, number: u32) -> bool {
    let record = incident.run().map(|run| run.record(&step.id)).unwrap_or_default();
    let Some(act) = record.acts.iter().find(|act| act.number == number) else { return false };
    let before = record.acts.iter().filter(|before| before.number < number && before.attempt == act.attempt);
    act.what.get("progress").is_some() && before.into_iter().any(|before| verb(before) == verb(act))
}

/// AWS's verb, which the intention of every act bears under this name.
fn verb(act: &Act) -> Option<&str> {
    act.what.get("verb").and_then(Value::as_str)
}

/// How many lines of a report are posted; the newest are those that matter.
const LINES: usize = 15;

/// What the other side reports of a step.
fn reported(step: &Step, lines: &[String]) -> Message {
    let more = lines.len().saturating_sub(LINES);
    let mut shown: Vec<String> = lines.iter().skip(more).map(|line| foreign(line, 260)).collect();
    if more > 0 {
        shown.insert(0, format!("{} before these", plural(more as u64, "event")));
    }
    said(&format!("📋 {}\n{}", title(step), bullets(shown.iter().map(String::as_str))))
}

fn finished(
    incident: &Incident,
    purpose: Purpose,
    step: &Step,
    (evidence, left_out): (&[Evidence], &[String]),
    event: &Event,
    now: Now,
) -> Message {
    let began = incident.run().and_then(|run| run.record(&step.id).began_at);
    let took = began.map(|began| duration(now.between(began, event.at)));
    let after = took.as_ref().map(|took| format!(" after {took}")).unwrap_or_default();
    let text = match (purpose, &step.to) {
        (Purpose::RollBack, Some(to)) => {
            let sign = if left_out.is_empty() { "✅" } else { "🟠" };
            format!("{sign} {} runs {}{after}{}.", title(step), short(to), but_not(left_out))
        }
        (Purpose::Verify, _) => format!("✅ {}: passed{after}.", title(step)),
        (Purpose::Watch, _) => {
            format!(
                "✅ {}: nothing got worse{}.",
                title(step),
                took.map(|took| format!(" in {took}")).unwrap_or_default()
            )
        }
        (Purpose::Freeze, _) => format!("🧊 {}: deployments are held back{after}.", title(step)),
        (Purpose::RollBack, _) => format!("✅ {}: done{after}.", title(step)),
    };
    let seen = bullets(evidence.iter().map(|evidence| evidence.text.as_str()));
    with(&text, if seen.is_empty() { Vec::new() } else { vec![context(&seen)] })
}

/// What holding deployments back ahead of the approval came to.
fn froze_now(froze: &Froze) -> Message {
    let seen = bullets(froze.held.iter().map(|evidence| evidence.text.as_str()));
    let mut text = if froze.failed.is_empty() {
        "🧊 Deployments are held back. They stay so until somebody lifts the freeze, whatever becomes of this plan."
            .to_owned()
    } else {
        "❌ Not everything could be held back. The card offers to try again.".to_owned()
    };
    for failure in &froze.failed {
        text = format!("{text}\n{}", explained(failure));
    }
    with(&text, if seen.is_empty() { Vec::new() } else { vec![context(&seen)] })
}

fn failed(incident: &Incident, purpose: Purpose, step: &Step, failure: &Failure) -> Message {
    let text = match (purpose, step.need) {
        (Purpose::Watch, _) => {
            let found = match failure.finding {
                Finding::Wrong => "got worse again while it was watched",
                Finding::Inconclusive => "could not be seen any more while it was watched",
            };
            format!("🔴 {}: {} {found}.\n{}", called(incident), title(step), explained(failure))
        }
        (Purpose::Freeze | Purpose::RollBack | Purpose::Verify, Need::Optional) => format!(
            "⚠️ {} did not succeed. It is optional, so the rollback goes on.\n{}",
            title(step),
            explained(failure)
        ),
        (Purpose::Freeze | Purpose::RollBack | Purpose::Verify, Need::Required) => format!(
            "❌ {}: {} did not succeed, and somebody has to decide.\n{}",
            called(incident),
            title(step),
            explained(failure)
        ),
    };
    said(&text)
}

/// Whoever has to hear of it: who asked and who approved.
fn called(incident: &Incident) -> String {
    let mut people = vec![incident.request.by.clone()];
    people.extend(incident.proposal().map(crate::incident::incident::Proposal::approvers).unwrap_or_default());
    let mut seen = std::collections::BTreeSet::new();
    people.retain(|person| seen.insert(person.clone()));
    people.truncate(5);
    people.iter().map(user).collect::<Vec<_>>().join(" ")
}

fn verdict_reached(incident: &Incident, verdict: Verdict, now: Now) -> Message {
    let name = format!("*{}*", foreign(&incident.request.service, 60));
    let Some(run) = incident.run() else {
        return said(&format!("{} {name}: the verdict is in.", user(&incident.request.by)));
    };
    let took = duration(run.took(now, now.at));
    let by = user(&incident.request.by);
    let goals = goals(&run.proposal.plan);
    let text = match verdict {
        Verdict::RolledBack => format!("🏁 {by} {name} is rolled back: it runs {goals}. It took {took}."),
        Verdict::PartlyRolledBack => {
            format!("🏁 {by} {name} is only partly back after {took}. {}", not_back(run))
        }
        Verdict::Unproved => format!(
            "🏁 {by} {name} runs {goals}, but whether it is healthy could not be seen, so it is not proved{}.",
            accepted_by(run)
        ),
    };
    let seen = of_run(run);
    with(&text, if seen.is_empty() { Vec::new() } else { vec![context(&format!("What was seen:\n{seen}"))] })
}

fn watched(run: &Run) -> String {
    let all_done = run.of(Purpose::Watch).all(|(_, record)| record.state == StepState::Done);
    match (watch(run), run.of(Purpose::Watch).count()) {
        (Watch::Worse, _) => {
            "🔴 The watch is over. It got worse again; another rollback can go back further.".to_owned()
        }
        (Watch::Blind, _) => {
            "🟠 The watch is over, and in the end nothing could be seen. Look for yourself.".to_owned()
        }
        (Watch::Quiet, 0) => "⚪ This incident is closed.".to_owned(),
        (Watch::Quiet, _) if all_done => {
            "⚪ The watch is over, and nothing got worse. This incident is closed.".to_owned()
        }
        (Watch::Quiet, _) => "⚪ The watch was stopped. This incident is closed.".to_owned(),
    }
}

fn closed(incident: &Incident, end: &End, event: &Event, now: Now) -> Message {
    let asked = user(&incident.request.by);
    let by = actor(&event.by);
    let text = match end {
        End::Verdict { .. } => match incident.run() {
            Some(run) => watched(run),
            None => "⚪ This incident is closed.".to_owned(),
        },
        End::Rejected { reason: Some(reason) } => {
            format!("⚪ {asked} {by} rejected the plan: “{}”. {}", foreign(reason, 600), unchanged(incident))
        }
        End::Rejected { reason: None } => format!("⚪ {asked} {by} rejected the plan. {}", unchanged(incident)),
        End::NothingToDo { .. } | End::Expired | End::Aborted { .. } | End::Failed { .. } => {
            let words = words(incident, now);
            let stand = match (end, incident.run()) {
                (End::Failed { .. }, Some(run)) => format!("\n{}", progress(run, Over::Stopped, now)),
                _ => String::new(),
            };
            format!("{} {asked} {}{stand}", words.emoji, stopped(&words.sentence))
        }
    };
    said(&text)
}
