//! What somebody clicked or sent as a form, carried out.
//!
//! The button says only which one it is; what it means is looked up among the buttons that are legal now, and the
//! engine decides once more. A success shows on the card by itself.

use tracing::{info, warn};

use crate::engine::Refusal;
use crate::incident::command::{Command, Facts};
use crate::incident::decide::decide;
use crate::incident::incident::Incident;
use crate::incident::policy::Actor;
use crate::incident::rejection::Rejection;

use super::buttons::{Action, Asked, Button, buttons, incident_of, meaning};
use super::desk::{Desk, NotDone};
use super::freeze_buttons::freeze_of;
use super::front::{typed_note, typed_phrase, typed_reason};
use super::inbox::{Delivery, Outcome, Turn};
use super::message::Message;
use super::payload::{Click, Submission};
use super::replies::Addressee;
use super::views::ask;
use super::views::confirm::{CALLBACK, Confirming, confirm};
use super::views::pass::{self, pass};
use super::views::private;
use super::views::reason::{self, reason};
use super::views::remedy;

impl Desk {
    /// Carries a click out.
    pub(super) async fn click(&self, click: &Click, delivery: &Delivery) -> Result<(), NotDone> {
        if let Some(freeze) = freeze_of(&click.action_id) {
            return Box::pin(self.freeze_click(&freeze, click, delivery)).await;
        }
        let Some(id) = incident_of(&click.action_id) else {
            info!("a click on something that is no button of Rollbot's");
            return Ok(());
        };
        let incident = self.incident(&id).await?;
        if click.channel.as_ref() != Some(&incident.request.channel) {
            return Err(NotDone::Said(Message::of_text(format!(
                "That card belongs to <#{}>; click there.",
                incident.request.channel
            ))));
        }
        let Some(action) = meaning(&incident, &click.value) else {
            return stale(delivery.turn);
        };
        let command = command_of(&incident, &action, Entry::Nothing)?;
        let actor = self.actor_for(&click.by, &incident).await;
        if matches!(action, Action::Reject | Action::Skip { .. } | Action::Pass { .. }) {
            return match self.would_do(&incident, command, actor) {
                // In order, or what the form asks for alone is missing.
                Ok(()) | Err(Refusal::Rejected(Rejection::NoReason | Rejection::WrongPhrase { .. })) => {
                    self.ask(&incident, click, delivery).await
                }
                Err(refusal) => unless_done_before(refusal, delivery.turn),
            };
        }
        match self.engine.command(&id, command, actor).await {
            Ok(_incident) => Ok(()),
            // Everything else was in order: the phrase, or the choice, alone is missing.
            Err(Refusal::Rejected(Rejection::WrongPhrase { .. } | Rejection::NothingChosen)) => {
                self.ask(&incident, click, delivery).await
            }
            Err(refusal) => unless_done_before(refusal, delivery.turn),
        }
    }

    /// Carries a form out.
    pub(super) async fn submission(&self, submission: &Submission, delivery: &Delivery) -> Outcome {
        if submission.callback_id == ask::CALLBACK {
            return self.asked(submission, delivery).await;
        }
        let ours =
            [CALLBACK, reason::CALLBACK, pass::CALLBACK, remedy::CALLBACK].contains(&submission.callback_id.as_str());
        let confirming = Confirming::read(&submission.private_metadata).filter(|_| ours);
        let Some(confirming) = confirming else {
            info!(slack.callback = %submission.callback_id, "a form that is not Rollbot's");
            return Outcome::Settled;
        };
        let (to, done) = match self.incident(&confirming.incident).await {
            Ok(incident) => {
                let done = self.sent(&incident, &confirming, submission, delivery).await;
                (Some(incident.request.channel), done)
            }
            Err(not_done) => (None, Err(not_done)),
        };
        let to = Addressee { user: submission.by.user.clone(), channel: to, thread: None, response_url: None };
        self.answer(&to, done.map(|()| None)).await
    }

    async fn sent(
        &self,
        incident: &Incident,
        confirming: &Confirming,
        submission: &Submission,
        delivery: &Delivery,
    ) -> Result<(), NotDone> {
        let action = meaning(incident, &confirming.button);
        let (action, entry) = match (submission.callback_id.as_str(), action) {
            (CALLBACK, Some(action @ Action::Approve))
            | (pass::CALLBACK, Some(action @ Action::Pass { asked: Asked::Phrase, .. })) => {
                (action, Entry::Phrase(typed_phrase(submission).unwrap_or_default().to_owned()))
            }
            (reason::CALLBACK, Some(action @ (Action::Reject | Action::Skip { .. }))) => {
                (action, typed_reason(submission).map_or(Entry::Nothing, |reason| Entry::Reason(reason.to_owned())))
            }
            (pass::CALLBACK, Some(action @ Action::Pass { asked: Asked::Done, .. })) => {
                (action, typed_note(submission).map_or(Entry::Nothing, |note| Entry::Note(note.to_owned())))
            }
            (remedy::CALLBACK, Some(action @ Action::Remedy { .. })) => {
                let offered = remedy::offered(incident, &action);
                let chosen = offered.map(|offered| remedy::chosen(offered, &submission.ticked)).unwrap_or_default();
                (action, Entry::Chosen(chosen))
            }
            (_, _) => return stale(delivery.turn),
        };
        let command = command_of(incident, &action, entry)?;
        let actor = self.actor_for(&submission.by, incident).await;
        match self.engine.command(&incident.id, command, actor).await {
            Ok(_incident) => Ok(()),
            Err(refusal) => unless_done_before(refusal, delivery.turn),
        }
    }

    /// Whether `command` would be carried out now; nothing is recorded.
    fn would_do(&self, incident: &Incident, command: Command, actor: Actor) -> Result<(), Refusal> {
        let policy = self.policy(&incident.request.environment)?;
        let facts = Facts { now: self.engine.clock.now(), actor, policy };
        decide(incident, command, &facts).map(|_events| ()).map_err(Refusal::Rejected)
    }

    /// Opens the form that a button needs; the trigger lives three seconds.
    async fn ask(&self, incident: &Incident, click: &Click, delivery: &Delivery) -> Result<(), NotDone> {
        let is_clicked = |button: &Button| button.id == click.value;
        let view = buttons(incident).into_iter().find(is_clicked).and_then(|button| match button.action {
            Action::Approve => confirm(incident, &button),
            Action::Reject | Action::Skip { .. } => reason(incident, &button),
            Action::Pass { .. } => pass(incident, &button),
            Action::Remedy { .. } => remedy::remedy(incident, &button),
            Action::Stop | Action::FreezeNow | Action::Retry { .. } => None,
        });
        let now = self.engine.clock.now().at;
        let trigger = delivery.arrival.fresh_trigger(click.trigger_id.as_deref(), now);
        if let (Some(view), Some(trigger)) = (view, trigger) {
            match self.front.client.open_view(trigger, &view).await {
                Ok(_view) => return Ok(()),
                Err(error) => warn!(incident = %incident.id, %error, "a form could not be opened"),
            }
        }
        Err(NotDone::Said(Message::of_text(
            "The form that belongs to this button could not be opened in time, so nothing was done. Click again.",
        )))
    }
}

/// What was filled into a form.
enum Entry {
    /// Nothing, or there was no form.
    Nothing,
    /// The phrase that approves a plan.
    Phrase(String),
    /// A reason.
    Reason(String),
    /// A note.
    Note(String),
    /// The ids of what was ticked.
    Chosen(Vec<String>),
}

fn command_of(incident: &Incident, action: &Action, entry: Entry) -> Result<Command, NotDone> {
    let digest = incident.proposal().map(|proposal| proposal.digest.clone());
    let (mut phrase, mut reason, mut note, mut chosen) = (None, None, None, Vec::new());
    match entry {
        Entry::Nothing => {}
        Entry::Phrase(typed) => phrase = Some(typed),
        Entry::Reason(typed) => reason = Some(typed),
        Entry::Note(typed) => note = Some(typed),
        Entry::Chosen(ticked) => chosen = ticked,
    }
    Ok(match action {
        Action::Approve => {
            Command::Approve { digest: digest.ok_or(Refusal::Rejected(Rejection::NotPlannedYet))?, phrase }
        }
        Action::Reject => {
            Command::Reject { digest: digest.ok_or(Refusal::Rejected(Rejection::NotPlannedYet))?, reason }
        }
        Action::Stop => Command::Stop,
        Action::FreezeNow => Command::FreezeNow,
        Action::Retry { step, attempt } => Command::Retry { step: step.clone(), attempt: *attempt },
        Action::Skip { step, attempt, .. } => {
            Command::Skip { step: step.clone(), attempt: *attempt, reason: reason.unwrap_or_default() }
        }
        Action::Remedy { step, attempt, remedy } => {
            Command::Remedy { step: step.clone(), attempt: *attempt, remedy: remedy.clone(), chosen }
        }
        Action::Pass { step, attempt, .. } => Command::Pass { step: step.clone(), attempt: *attempt, phrase, note },
    })
}

/// A button that is not there any more. After a restart that may be because the click was carried out before it.
fn stale(turn: Turn) -> Result<(), NotDone> {
    match turn {
        Turn::First => Err(NotDone::Said(private::stale_button())),
        Turn::Again => Ok(()),
    }
}

/// The refusal, unless it says only that an earlier process carried this out before it ended.
fn unless_done_before(refusal: Refusal, turn: Turn) -> Result<(), NotDone> {
    match (turn, refusal) {
        (
            Turn::Again,
            Refusal::Rejected(
                Rejection::AlreadyApproved
                | Rejection::AlreadyApprovedAndRunning { .. }
                | Rejection::AlreadyStopping { .. },
            ),
        ) => Ok(()),
        (_, refusal) => Err(refusal.into()),
    }
}
