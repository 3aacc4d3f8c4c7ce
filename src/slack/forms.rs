//! The form in which one says what to roll back: opened, told what runs, and carried out like a command.

use tracing::{debug, warn};

use super::client_types::ViewId;
use super::desk::{Desk, NotDone};
use super::grammar::{Misread, Typed, parse};
use super::inbox::{Delivery, Outcome};
use super::message::Message;
use super::payload::{SlashCommand, Submission};
use super::replies::Addressee;
use super::views::ask::{self, Asking, Offered, ask};

/// What a form offers, and what it shows.
struct Form {
    asking: Asking,
    offered: Vec<Offered>,
    preselected: Option<String>,
    /// The environment whose services it shows, and the group where there is one group alone.
    shows: Option<(String, Option<String>)>,
}

impl Desk {
    /// Opens the form. Slack's trigger lives three seconds and a look at AWS may take longer, so what runs is put in
    /// when it is known.
    pub(super) async fn form(
        &self,
        environment: Option<String>,
        command: &SlashCommand,
        delivery: &Delivery,
    ) -> Result<Option<Message>, NotDone> {
        self.may_look(command).await?;
        let form = self.form_of(environment.as_deref(), command);
        let now = self.engine.clock.now().at;
        let Some(trigger) = delivery.arrival.fresh_trigger(command.trigger_id.as_deref(), now) else {
            return Err(NotDone::Said(too_late()));
        };
        let looking = ask::looking();
        let stands = form.shows.as_ref().map(|_| looking.as_str());
        let view = ask(&form.asking, &form.offered, form.preselected.as_deref(), stands);
        match self.front.client.open_view(trigger, &view).await {
            Ok(id) => self.tell_what_runs(&form, &id).await,
            Err(error) => {
                warn!(%error, "a form could not be opened");
                return Err(NotDone::Said(too_late()));
            }
        }
        Ok(None)
    }

    fn form_of(&self, environment: Option<&str>, command: &SlashCommand) -> Form {
        let here = self.front.here(&command.channel);
        let chosen: Vec<_> = here.filter(|known| environment.is_none_or(|only| only == known.name)).collect();
        let offered = chosen.iter().map(|known| Offered {
            environment: known.name.clone(),
            subjects: known.groups.iter().chain(&known.services).map(|subject| subject.name.clone()).collect(),
        });
        let (shows, preselected) = match chosen.as_slice() {
            [one] => {
                let group = match one.groups.as_slice() {
                    [group] => Some(group.name.clone()),
                    _ => None,
                };
                let alone = match (one.services.as_slice(), &group) {
                    ([service], None) => Some(service.name.clone()),
                    _ => group.clone(),
                };
                let preselected = alone.map(|subject| format!("{} {subject}", one.name));
                (Some((one.name.clone(), group)), preselected)
            }
            _ => (None, None),
        };
        Form {
            asking: Asking { channel: command.channel.clone() },
            offered: offered.filter(|of: &Offered| !of.subjects.is_empty()).collect(),
            preselected,
            shows,
        }
    }

    /// Puts into an open form what runs. Whoever has closed or sent it meanwhile does not miss it.
    async fn tell_what_runs(&self, form: &Form, id: &ViewId) {
        let Some((environment, group)) = &form.shows else { return };
        let stands = match Box::pin(self.engine.status(Some(environment), group.as_deref())).await {
            Ok(services) => ask::stands(&services, self.engine.clock.now()),
            Err(refusal) => super::mrkdwn::foreign(&refusal.to_string(), 600),
        };
        let view = ask(&form.asking, &form.offered, form.preselected.as_deref(), Some(&stands));
        if let Err(error) = self.front.client.update_view(id, &view).await {
            debug!(%error, "a form was closed before what runs was known");
        }
    }

    /// Carries out what was filled in, as if it had been typed.
    pub(super) async fn asked(&self, submission: &Submission, delivery: &Delivery) -> Outcome {
        let Some(asking) = Asking::read(&submission.private_metadata) else { return Outcome::Settled };
        let command = SlashCommand {
            command: "/rollback".to_owned(),
            text: ask::typed(submission),
            by: submission.by.clone(),
            channel: asking.channel.clone(),
            trigger_id: None,
            response_url: None,
        };
        let done = match self.front.read(&command) {
            Ok(Typed::RollBack(wanted)) => Box::pin(self.roll_back(wanted, &command, &delivery.key)).await,
            Ok(_) => Ok(None),
            Err(answer) => Err(NotDone::Said(answer)),
        };
        let to = Addressee {
            user: submission.by.user.clone(),
            channel: Some(asking.channel),
            thread: None,
            response_url: None,
        };
        self.answer(&to, done).await
    }
}

fn too_late() -> Message {
    Message::of_text(
        "The form could not be opened in time, so nothing was done. Type it again, or say it at once, as in `/rollback prod api`.",
    )
}

impl super::front::Front {
    /// What is wrong with what was filled into the form, by block; `None` where a plan can be made of it.
    pub(super) fn wrong_command(&self, submission: &Submission) -> Option<serde_json::Value> {
        let asking = Asking::read(&submission.private_metadata)?;
        let filled = |block: &str| {
            submission.values.get(block).is_some_and(|fields| fields.values().any(|text| !text.trim().is_empty()))
        };
        let sentence = match parse(&ask::typed(submission), self.vocabulary(), &asking.channel) {
            Ok(Typed::RollBack(_)) => return None,
            Err(Misread::Sentence(sentence)) => sentence,
            Ok(_) => "Choose what to roll back.".to_owned(),
            Err(Misread::Elsewhere { environment, .. }) => format!("{environment} takes no commands in this channel."),
        };
        // A field that was left empty is not what is wrong.
        let block = [ask::RELEASE_BLOCK, ask::ONLY_BLOCK].into_iter().find(|block| filled(block));
        let mut errors = serde_json::Map::new();
        errors.insert(block.unwrap_or(ask::SUBJECT_BLOCK).to_owned(), serde_json::Value::from(sentence));
        Some(serde_json::Value::Object(errors))
    }
}
