//! What Slack shows of a freeze: its own message, what happens to it, and its lines in a status.

use serde_json::{Value, json};

use super::blocks::{context, header, section};
use super::card::explained;
use super::evidence::bullets;
use crate::incident::freeze::{Cause, Direction, Freeze, Holder, Then};
use crate::incident::freeze_event::{FreezeEvent, FreezeWhat};
use crate::incident::freeze_work::FreezeWork;
use crate::incident::step::{Evidence, StepState};
use crate::incident::work::PipelineFreeze;
use crate::slack::freeze_buttons::{FreezeAction, FreezeButton, buttons};
use crate::slack::message::Message;
use crate::slack::mrkdwn::{actor, all_of, clamp, code, date, foreign, plain, user};

/// How many holders one message names.
const HOLDERS: usize = 8;
/// As much of a post as a notification carries.
const FALLBACK: usize = 3_000;

/// A few words and one sentence.
struct Words {
    emoji: &'static str,
    headline: &'static str,
    sentence: String,
}

/// What is held, in bold.
fn title(freeze: &Freeze) -> String {
    format!("*{}*", foreign(&freeze.title(), 160))
}

fn words(freeze: &Freeze) -> Words {
    let title = title(freeze);
    let by = freeze.work.by_way_of();
    let (emoji, headline, sentence) = match (&freeze.direction, &freeze.record.state) {
        (Direction::Hold, StepState::Pending | StepState::Active | StepState::Waiting) => {
            ("🔄", "holding deployments back", format!("Deployments {by} {title} are being held back."))
        }
        (Direction::Hold, StepState::Failed(_)) => (
            "🔴",
            "deployments could not be held back",
            format!("Deployments {by} {title} may still happen: they could not be held back."),
        ),
        (Direction::Hold, StepState::Done | StepState::SkippedAfter { .. }) => (
            "🧊",
            "deployments are held back",
            format!("Nothing is deployed {by} {title} until somebody lifts this freeze."),
        ),
        (Direction::Lift { .. }, StepState::Pending | StepState::Active | StepState::Waiting) => {
            ("🔄", "letting deployments go", format!("The freeze of {title} is being lifted."))
        }
        (Direction::Lift { .. }, StepState::Failed(_)) => (
            "🔴",
            "the freeze could not be lifted",
            format!("Deployments {by} {title} are still held back: the freeze could not be lifted."),
        ),
        (Direction::Lift { .. }, StepState::Done | StepState::SkippedAfter { .. }) => {
            ("⚪", "freeze lifted", format!("The freeze of {title} is over."))
        }
    };
    Words { emoji, headline, sentence }
}

/// The message of `freeze`, edited in place.
pub fn card(freeze: &Freeze) -> Message {
    let Words { emoji, headline, sentence } = words(freeze);
    let held = if freeze.record.progress.is_some() { freeze.record.progress.clone() } else { None };
    let mut blocks = vec![header(&format!("{emoji} {}: {headline}", freeze.work.name())), section(&sentence)];
    let holders = holders(freeze);
    if !holders.is_empty() {
        blocks.push(section(&holders));
    }
    match &freeze.record.state {
        StepState::Failed(failure) => blocks.push(section(&explained(failure))),
        StepState::Done => blocks.extend(seen(&freeze.record.evidence)),
        StepState::Pending | StepState::Active | StepState::Waiting | StepState::SkippedAfter { .. } => {
            blocks.extend(held.map(|text| section(&foreign(&text, 400))));
        }
    }
    let legal = buttons(freeze);
    if !legal.is_empty() {
        blocks.push(actions(freeze, &legal));
    }
    let since = format!("{} · since {}", foreign(freeze.id.as_str(), 30), date(freeze.opened_at));
    blocks.push(context(&since));
    Message { text: format!("{emoji} {sentence}"), blocks }
}

fn seen(evidence: &[Evidence]) -> Option<Value> {
    let seen = bullets(evidence.iter().map(|evidence| evidence.text.as_str()));
    (!seen.is_empty()).then(|| section(&seen))
}

/// Who holds it, a line each.
fn holders(freeze: &Freeze) -> String {
    let mut lines: Vec<String> =
        freeze.holders.iter().take(HOLDERS).map(|holder| format!("• {}", one(holder))).collect();
    if freeze.holders.len() > HOLDERS {
        lines.push(format!("and {} more", freeze.holders.len() - HOLDERS));
    }
    lines.join("\n")
}

/// `*prod api*, by @anna since 1 Nov 12:00: “Christmas”`.
fn one(holder: &Holder) -> String {
    let place = foreign(&format!("{} {}", holder.environment, holder.service), 120);
    let by = match (&holder.cause, holder.by.user()) {
        (Cause::Incident { id }, Some(by)) => format!("by {} for {}", user(by), foreign(id.as_str(), 30)),
        (Cause::Incident { id }, None) => format!("for {}", foreign(id.as_str(), 30)),
        (Cause::Command, _) => format!("by {}", actor(&holder.by)),
    };
    let reason = holder.reason.as_ref().map(|reason| format!(": “{}”", foreign(reason, 300)));
    format!("*{place}*, {by} since {}{}", date(holder.at), reason.unwrap_or_default())
}

fn actions(freeze: &Freeze, legal: &[FreezeButton]) -> Value {
    let single = freeze.services().len() == 1;
    let elements: Vec<Value> =
        legal.iter().enumerate().map(|(place, button)| element(freeze, button, place, single)).collect();
    json!({ "type": "actions", "elements": elements })
}

fn element(freeze: &Freeze, button: &FreezeButton, place: usize, single: bool) -> Value {
    let (text, label, confirm) = match &button.action {
        FreezeAction::Retry => ("Try again".to_owned(), "Try again what did not succeed".to_owned(), None),
        FreezeAction::LetGo { service, then, .. } => {
            let text = match (then, single) {
                (Then::Rerun, _) => "Lift and rerun last good".to_owned(),
                (Then::Nothing, true) => "Lift the freeze".to_owned(),
                (Then::Nothing, false) => format!("Let {service} go"),
            };
            let label = format!("Let deployments of {service} go again");
            (text, label, Some(confirm(freeze, *then, single)))
        }
    };
    let mut element = json!({
        "type": "button",
        "text": { "type": "plain_text", "text": plain(&text, 29), "emoji": true },
        "accessibility_label": plain(&label, 75),
        "action_id": button.action_id(&freeze.id, place),
        "value": button.id,
    });
    if let (Some(element), Some(confirm)) = (element.as_object_mut(), confirm) {
        element.insert("confirm".to_owned(), confirm);
    }
    element
}

fn confirm(freeze: &Freeze, then: Then, single: bool) -> Value {
    let name = freeze.work.name();
    let text = match (&freeze.work, then, single) {
        (_, _, false) => "The others go on holding deployments back.".to_owned(),
        (FreezeWork::AutoBuild(_), _, true) => "The next push is built and deployed at once.".to_owned(),
        (FreezeWork::Pipeline(PipelineFreeze { stage, .. }), Then::Nothing, true) => {
            format!("What waits in front of {stage} is deployed at once.")
        }
        (FreezeWork::Pipeline(PipelineFreeze { stage, .. }), Then::Rerun, true) => format!(
            "What waits in front of {stage} is deployed at once. Then the newest execution that succeeded in {stage}, \
             other than the one that was rolled back from, runs again."
        ),
    };
    let plain_text = |text: &str, max: usize| json!({ "type": "plain_text", "text": plain(text, max), "emoji": true });
    json!({
        "title": plain_text(&format!("Let {name} deploy again?"), 100),
        "text": plain_text(&text, 300),
        "confirm": plain_text("Let it go", 30),
        "deny": plain_text("Keep it frozen", 30),
    })
}

/// The post for `event` in the thread of the freeze's message; `None` where the event is no news.
pub fn milestone(freeze: &Freeze, event: &FreezeEvent) -> Option<Message> {
    let title = title(freeze);
    let text = match &event.what {
        FreezeWhat::Joined { holder } if holder.cause == Cause::Command => format!("🧊 {}.", one(holder)),
        FreezeWhat::LetGo { environment, service, .. } => {
            let place = foreign(&format!("{environment} {service}"), 120);
            format!("👋 {} lets *{place}* go{}.", actor(&event.by), stays(freeze))
        }
        FreezeWhat::Retried => format!("🔁 {} has it tried again.", actor(&event.by)),
        FreezeWhat::Accepted { number, request_id, .. } => {
            let act = freeze.record.acts.iter().find(|act| act.number == *number);
            let verb = act.and_then(|act| act.what.get("verb")?.as_str().map(str::to_owned)).unwrap_or_default();
            let request = request_id.as_ref().map(|id| context(&format!("request {}", code(id, 80))));
            return Some(with(
                &format!("⚙️ {title}: AWS accepted the order of {}.", code(&verb, 60)),
                request.into_iter().collect(),
            ));
        }
        FreezeWhat::Refused { why, .. } => {
            format!("🚫 {title}: AWS refused, and nothing was changed.\n{}", code(why, 600))
        }
        FreezeWhat::Finished { evidence, output } => {
            // What the hold of a stage puts out says what was found; lifting puts out nothing.
            let text = if output.is_null() {
                format!("⚪ {title}: the freeze is lifted.")
            } else {
                format!("🧊 {title}: deployments are held back.")
            };
            return Some(with(&text, seen(evidence).into_iter().collect()));
        }
        FreezeWhat::Failed { failure } => {
            format!("❌ {}{title}: this did not succeed.\n{}", called(freeze), explained(failure))
        }
        FreezeWhat::Reminded { seen } => {
            let services: Vec<String> = freeze
                .services()
                .iter()
                .map(|(environment, service)| format!("`/rollback unfreeze {environment} {service}`"))
                .collect();
            let lift = if services.is_empty() { String::new() } else { format!("\nTo lift it: {}.", all_of(services)) };
            let words = words(freeze);
            format!(
                "{} *Still frozen*, since {}. {} {}\n{}{lift}",
                words.emoji,
                date(freeze.opened_at),
                words.sentence,
                foreign(seen, 800),
                holders(freeze)
            )
        }
        FreezeWhat::Opened { .. }
        | FreezeWhat::Joined { .. }
        | FreezeWhat::Began
        | FreezeWhat::Acting { .. }
        | FreezeWhat::Progressed { .. }
        | FreezeWhat::Outlived { .. } => return None,
    };
    Some(with(&text, Vec::new()))
}

/// `; it stays held for *prod web*`, where somebody else holds it.
fn stays(freeze: &Freeze) -> String {
    let services: Vec<String> = freeze
        .services()
        .iter()
        .map(|(environment, service)| format!("*{}*", foreign(&format!("{environment} {service}"), 120)))
        .collect();
    if services.is_empty() { String::new() } else { format!("; it stays held for {}", all_of(services)) }
}

/// Whoever has to hear of it: the people who hold it.
fn called(freeze: &Freeze) -> String {
    let mut people: Vec<String> = freeze.holders.iter().filter_map(|holder| holder.by.user().map(user)).collect();
    people.dedup();
    people.truncate(5);
    if people.is_empty() { String::new() } else { format!("{} ", people.join(" ")) }
}

fn with(text: &str, more: Vec<Value>) -> Message {
    let mut blocks = vec![section(text)];
    blocks.extend(more);
    Message { text: clamp(text, FALLBACK), blocks }
}

/// `message` with what is frozen below it.
pub fn with_freezes(mut message: Message, freezes: &[Freeze]) -> Message {
    if freezes.is_empty() {
        return message;
    }
    if message.blocks.is_empty() {
        message.blocks.push(section(&message.text));
    }
    let lines: Vec<String> = freezes.iter().take(HOLDERS).map(line).collect();
    message.text = clamp(&format!("{} {}", message.text, lines.join(" ")), FALLBACK);
    message.blocks.extend(lines.iter().map(|line| section(line)));
    if freezes.len() > HOLDERS {
        message.blocks.push(context(&format!("and {} more that are frozen", freezes.len() - HOLDERS)));
    }
    message
}

fn line(freeze: &Freeze) -> String {
    let words = words(freeze);
    format!("{} {}\n{}", words.emoji, words.sentence, holders(freeze))
}

/// What somebody who typed `freeze` or `unfreeze` reads: what came of it at each place.
pub fn outcome(freezes: &[Freeze]) -> Message {
    let lines: Vec<String> = freezes
        .iter()
        .map(|freeze| {
            let Words { emoji, sentence, .. } = words(freeze);
            let more = match &freeze.record.state {
                StepState::Failed(failure) => format!("\n{}", explained(failure)),
                StepState::Done => {
                    let seen = bullets(freeze.record.evidence.iter().map(|evidence| evidence.text.as_str()));
                    if seen.is_empty() { seen } else { format!("\n{seen}") }
                }
                StepState::Pending | StepState::Active | StepState::Waiting => {
                    "\nIt is still under way; its message shows how it goes on.".to_owned()
                }
                StepState::SkippedAfter { .. } => String::new(),
            };
            format!("{emoji} {sentence}{more}")
        })
        .collect();
    let blocks = lines.iter().map(|line| section(line)).collect();
    Message { text: clamp(&lines.join("\n"), FALLBACK), blocks }
}
