//! Freezes as people ask for them: typed commands, and the buttons of a freeze's own message.

use crate::engine::{FreezeAsk, Refusal, Which};
use crate::incident::freeze::{Cause, Freeze, Shown, Then};
use crate::incident::ids::FreezeId;

use super::desk::{Desk, NotDone};
use super::freeze_buttons::{FreezeAction, meaning};
use super::inbox::{Delivery, Turn};
use super::message::Message;
use super::payload::{Click, SlashCommand};
use super::views::freeze::{outcome, with_freezes};
use super::views::private;

impl Desk {
    /// Carries `/rollback freeze` out.
    pub(super) async fn freeze(
        &self,
        environment: String,
        service: String,
        reason: Option<String>,
        command: &SlashCommand,
        key: &str,
    ) -> Result<Message, NotDone> {
        let by = self.actor(&command.by, &command.channel, &environment).await;
        let ask = FreezeAsk {
            environment,
            service,
            cause: Cause::Command,
            by,
            by_name: command.by.name.clone(),
            reason,
            channel: command.channel.clone(),
            at: self.engine.clock.now().at,
            attempt: 0,
        };
        let freezes = Box::pin(self.engine.freeze(&ask, key)).await?;
        Ok(outcome(&freezes))
    }

    /// `message` with the freezes that somebody of `is_meant` (environment, service) holds.
    pub(super) async fn with_freezes(
        &self,
        message: Message,
        is_meant: impl Fn(&str, &str) -> bool,
    ) -> Result<Message, NotDone> {
        let mut freezes = self.engine.freezes().await?;
        freezes.retain(|freeze| {
            let held_by_nobody = freeze.holders.is_empty() && is_meant(&freeze.environment, "");
            held_by_nobody || freeze.services().iter().any(|(environment, service)| is_meant(environment, service))
        });
        Ok(with_freezes(message, &freezes))
    }

    /// Carries `/rollback unfreeze` out.
    pub(super) async fn unfreeze(
        &self,
        environment: &str,
        service: &str,
        command: &SlashCommand,
        key: &str,
    ) -> Result<Message, NotDone> {
        let by = self.actor(&command.by, &command.channel, environment).await;
        let lifted = self.engine.unfreeze(environment, service, Which::All, Then::Nothing, &by, key);
        Ok(outcome(&Box::pin(lifted).await?))
    }

    /// Carries a click on a freeze's message out; what comes of it shows there.
    pub(super) async fn freeze_click(&self, id: &FreezeId, click: &Click, delivery: &Delivery) -> Result<(), NotDone> {
        let stored = self.front.store.freeze(id).await?;
        let (Some(channel), Some(stored)) = (&click.channel, stored) else {
            return Err(NotDone::Said(private::stale_button()));
        };
        let freeze = stored.freeze;
        if freeze.shown.as_ref().map(Shown::channel) != Some(channel) {
            return Err(NotDone::Said(private::stale_button()));
        }
        let key = &delivery.key;
        let done = match meaning(&freeze, &click.value) {
            None if delivery.turn == Turn::Again => return Ok(()),
            None => return Err(NotDone::Said(private::stale_button())),
            Some(FreezeAction::Retry) => {
                let by = self.actor(&click.by, channel, &freeze.environment).await;
                self.engine.retry_freeze(id, &by, key).await
            }
            Some(FreezeAction::LetGo { environment, service, then }) => {
                let by = self.actor(&click.by, channel, &environment).await;
                let which = which(&freeze, &environment, &service);
                let lifted = self.engine.unfreeze(&environment, &service, which, then, &by, key);
                Box::pin(lifted).await.map(drop)
            }
        };
        match done {
            Err(Refusal::NothingToDo(_)) if delivery.turn == Turn::Again => Ok(()),
            done => done.map_err(NotDone::from),
        }
    }
}

/// A message in the thread of a rollback lets go what rollbacks held: what somebody typed for another reason stays.
fn which<'a>(freeze: &'a Freeze, environment: &str, service: &str) -> Which<'a> {
    let of_rollbacks = freeze.of(environment, service).any(|holder| matches!(holder.cause, Cause::Incident { .. }));
    let in_a_thread = matches!(freeze.shown, Some(Shown::Thread { .. }));
    if of_rollbacks && in_a_thread { Which::OfRollbacks(&freeze.id) } else { Which::Of(&freeze.id) }
}
