//! What somebody clicked or sent as a form, carried out.
//!
//! The button says only which one it is; what it means is looked up among the buttons that are legal now, and the
//! engine decides once more. A success shows on the card by itself.

use tracing::{info, warn};

use crate::engine::Refusal;
use crate::incident::command::Command;
use crate::incident::incident::Incident;
use crate::incident::rejection::Rejection;

use super::buttons::{Action, Button, buttons, incident_of, meaning};
use super::desk::{Desk, NotDone};
use super::front::typed_phrase;
use super::inbox::{Delivery, Outcome, Turn};
use super::message::Message;
use super::payload::{Click, Submission};
use super::replies::Addressee;
use super::views::confirm::{CALLBACK, Confirming, confirm};
use super::views::private;

impl Desk {
    /// Carries a click out.
    pub(super) async fn click(&self, click: &Click, delivery: &Delivery) -> Result<(), NotDone> {
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
        let command = command_of(&incident, &action, None)?;
        let actor = self.actor(&click.by, &incident.request.channel, &incident.request.environment).await;
        match self.engine.command(&id, command, actor).await {
            Ok(_incident) => Ok(()),
            // Everything else was in order: the phrase alone is missing.
            Err(Refusal::Rejected(Rejection::WrongPhrase { .. })) => {
                self.ask_for_phrase(&incident, click, delivery).await
            }
            Err(refusal) => unless_done_before(refusal, delivery.turn),
        }
    }

    /// Carries a form out.
    pub(super) async fn submission(&self, submission: &Submission, delivery: &Delivery) -> Outcome {
        let confirming = Confirming::read(&submission.private_metadata).filter(|_| submission.callback_id == CALLBACK);
        let Some(confirming) = confirming else {
            info!(slack.callback = %submission.callback_id, "a form that is not Rollbot's");
            return Outcome::Settled;
        };
        let (to, done) = match self.incident(&confirming.incident).await {
            Ok(incident) => {
                let done = self.approve(&incident, &confirming, submission, delivery).await;
                (Some(incident.request.channel), done)
            }
            Err(not_done) => (None, Err(not_done)),
        };
        let to = Addressee { user: submission.by.user.clone(), channel: to, thread: None, response_url: None };
        self.answer(&to, done.map(|()| None)).await
    }

    async fn approve(
        &self,
        incident: &Incident,
        confirming: &Confirming,
        submission: &Submission,
        delivery: &Delivery,
    ) -> Result<(), NotDone> {
        let Some(action @ Action::Approve) = meaning(incident, &confirming.button) else {
            return stale(delivery.turn);
        };
        let phrase = typed_phrase(submission).unwrap_or_default().to_owned();
        let command = command_of(incident, &action, Some(phrase))?;
        let request = &incident.request;
        let actor = self.actor(&submission.by, &request.channel, &request.environment).await;
        match self.engine.command(&incident.id, command, actor).await {
            Ok(_incident) => Ok(()),
            Err(refusal) => unless_done_before(refusal, delivery.turn),
        }
    }

    /// Opens the form in which the phrase is typed; the trigger lives three seconds.
    async fn ask_for_phrase(&self, incident: &Incident, click: &Click, delivery: &Delivery) -> Result<(), NotDone> {
        let is_clicked = |button: &Button| button.id == click.value;
        let view = buttons(incident).into_iter().find(is_clicked).and_then(|button| confirm(incident, &button));
        let now = self.engine.clock.now().at;
        let trigger = delivery.arrival.fresh_trigger(click.trigger_id.as_deref(), now);
        if let (Some(view), Some(trigger)) = (view, trigger) {
            match self.front.client.open_view(trigger, &view).await {
                Ok(_view) => return Ok(()),
                Err(error) => warn!(incident = %incident.id, %error, "a form could not be opened"),
            }
        }
        Err(NotDone::Said(Message::of_text(
            "The form in which you type the phrase could not be opened in time, so nothing was approved. Click Approve again.",
        )))
    }
}

fn command_of(incident: &Incident, action: &Action, phrase: Option<String>) -> Result<Command, NotDone> {
    let digest = incident.proposal().map(|proposal| proposal.digest.clone());
    Ok(match action {
        Action::Approve => {
            Command::Approve { digest: digest.ok_or(Refusal::Rejected(Rejection::NotPlannedYet))?, phrase }
        }
        Action::Reject => {
            Command::Reject { digest: digest.ok_or(Refusal::Rejected(Rejection::NotPlannedYet))?, reason: None }
        }
        Action::Stop => Command::Stop,
        Action::Retry { step, attempt } => Command::Retry { step: step.clone(), attempt: *attempt },
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
