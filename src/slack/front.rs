//! What can be answered at once, before anything is recorded: from the configuration and the store alone.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::config::{Config, ServiceIn};
use crate::incident::ids::ChannelId;
use crate::incident::rejection::Rejection;
use crate::store::Store;

use super::buttons::{Action, meaning};
use super::client::SlackClient;
use super::directory::Directory;
use super::grammar::{Misread, Typed, parse};
use super::grammar_vocabulary::{KnownEnvironment, KnownService, Vocabulary};
use super::message::Message;
use super::mrkdwn::{all_of, foreign};
use super::payload::{Person, SlashCommand, Submission};
use super::replies::{Addressee, tell};
use super::views::ask;
use super::views::confirm::{CALLBACK, Confirming, PHRASE_BLOCK, PHRASE_INPUT};
use super::views::pass::{self, NOTE_BLOCK, NOTE_INPUT};
use super::views::private;
use super::views::reason::{self, REASON_BLOCK, REASON_INPUT};
use super::views::remedy::{self, CHOICES_BLOCK};

/// What answers at once. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    vocabulary: Arc<Vocabulary>,
    pub(super) store: Store,
    pub(super) client: SlackClient,
    pub(super) directory: Directory,
    tasks: TaskTracker,
}

impl Front {
    /// A front for what `config` names.
    pub fn new(config: &Config, store: Store, client: SlackClient, directory: Directory, tasks: TaskTracker) -> Self {
        Self { vocabulary: Arc::new(Vocabulary::of(config)), store, client, directory, tasks }
    }

    /// What a command asks for; `Err` is the whole answer.
    ///
    /// # Errors
    /// Somebody of another workspace, a typing error, the wrong channel.
    pub fn read(&self, command: &SlashCommand) -> Result<Typed, Message> {
        if self.directory.is_foreign(&command.by) {
            return Err(private::rejection(&Rejection::ForeignWorkspace));
        }
        match parse(&command.text, &self.vocabulary, &command.channel) {
            Ok(typed) => Ok(typed),
            Err(Misread::Sentence(sentence)) => Err(Message::of_text(sentence)),
            Err(Misread::Elsewhere { environment, channels }) => Err(elsewhere(&environment, &channels)),
        }
    }

    /// Whether somebody's payload itself says that they belong to another workspace.
    pub fn is_foreign(&self, person: &Person) -> bool {
        self.directory.is_foreign(person)
    }

    /// Says something to one person, without being waited for.
    pub fn tell(&self, to: Addressee, message: Message) {
        let client = self.client.clone();
        self.tasks.spawn(async move { tell(&client, &to, &message).await });
    }

    /// What is wrong with what was filled into a form, by block; the form shows it and stays open.
    pub async fn wrong_entry(&self, submission: &Submission) -> Option<Value> {
        if submission.callback_id == ask::CALLBACK {
            return self.wrong_command(submission);
        }
        let confirming = Confirming::read(&submission.private_metadata)?;
        let stored = match self.store.load(&confirming.incident).await {
            Ok(stored) => stored?,
            Err(error) => {
                warn!(incident = %confirming.incident, %error, "a form is not looked at in advance");
                return None;
            }
        };
        match submission.callback_id.as_str() {
            CALLBACK => {
                let phrase = stored.incident.proposal()?.terms.confirm_phrase.as_deref()?;
                let typed = typed_phrase(submission).unwrap_or_default();
                let wrong = format!("That is not the phrase. Type {phrase} exactly.");
                (typed.trim() != phrase).then(|| entry_error(submission, &wrong))
            }
            reason::CALLBACK => {
                let compulsory = matches!(meaning(&stored.incident, &confirming.button), Some(Action::Skip { .. }));
                (compulsory && typed_reason(submission).is_none())
                    .then(|| entry_error(submission, "Say why in a few words: the card shows it."))
            }
            pass::CALLBACK => {
                let Some(Action::Pass { step, .. }) = meaning(&stored.incident, &confirming.button) else {
                    return None;
                };
                let phrase = pass::phrase_of(&stored.incident, &step)?;
                let typed = typed_phrase(submission).unwrap_or_default();
                let wrong = format!("That is not the phrase. Type {phrase} exactly.");
                (typed.trim() != phrase).then(|| entry_error(submission, &wrong))
            }
            remedy::CALLBACK => {
                let action = meaning(&stored.incident, &confirming.button)?;
                let offered = remedy::offered(&stored.incident, &action)?;
                let nothing = remedy::chosen(offered, &submission.ticked).is_empty();
                (nothing && !offered.choices.is_empty())
                    .then(|| entry_error(submission, "Choose at least one, or cancel."))
            }
            _ => None,
        }
    }

    /// Every name that commands may use.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The environments that take commands in `channel`.
    pub(super) fn here<'a>(&'a self, channel: &'a ChannelId) -> impl Iterator<Item = &'a KnownEnvironment> {
        self.vocabulary.here(channel)
    }
}

/// What was typed into the form that approves a plan.
pub(super) fn typed_phrase(submission: &Submission) -> Option<&str> {
    let phrase = submission.values.get(PHRASE_BLOCK)?.get(PHRASE_INPUT)?;
    Some(phrase.as_str())
}

/// The reason that was typed into a form, if one was.
pub(super) fn typed_reason(submission: &Submission) -> Option<&str> {
    let reason = submission.values.get(REASON_BLOCK)?.get(REASON_INPUT)?.trim();
    (!reason.is_empty()).then_some(reason)
}

/// The note that was typed into a form, if one was.
pub(super) fn typed_note(submission: &Submission) -> Option<&str> {
    let note = submission.values.get(NOTE_BLOCK)?.get(NOTE_INPUT)?.trim();
    (!note.is_empty()).then_some(note)
}

/// A sentence of plain text under the one field of a form.
pub(super) fn entry_error(submission: &Submission, sentence: &str) -> Value {
    let block = match submission.callback_id.as_str() {
        reason::CALLBACK => REASON_BLOCK.to_owned(),
        remedy::CALLBACK => format!("{CHOICES_BLOCK}0"),
        ask::CALLBACK => ask::SUBJECT_BLOCK.to_owned(),
        pass::CALLBACK if submission.values.contains_key(NOTE_BLOCK) => NOTE_BLOCK.to_owned(),
        _ => PHRASE_BLOCK.to_owned(),
    };
    let mut errors = Map::new();
    errors.insert(block, Value::from(sentence));
    Value::Object(errors)
}

/// Where an environment's commands are taken.
pub(super) fn elsewhere(environment: &str, channels: &[ChannelId]) -> Message {
    let channels = channels.iter().map(|channel| format!("<#{channel}>")).collect();
    Message::of_text(format!(
        "Commands for {} are not taken in this channel; type them in {}.",
        foreign(environment, 60),
        all_of(channels)
    ))
}

impl Vocabulary {
    /// The names that `config` defines.
    pub fn of(config: &Config) -> Self {
        let targets = |service: &ServiceIn| -> Vec<String> {
            service.targets.iter().flat_map(|stage| &stage.targets).map(|target| target.name.clone()).collect()
        };
        let services = |environment: &str| {
            let here = config.services.values().filter_map(|service| service.environments.get(environment));
            here.map(|service| KnownService {
                name: service.service.clone(),
                targets: targets(service),
                parts: Vec::new(),
            })
            .collect()
        };
        let groups = |environment: &str| {
            let here = config.groups.keys().filter_map(|name| config.group(environment, name));
            here.map(|group| KnownService {
                targets: group
                    .services
                    .iter()
                    .flat_map(|service| {
                        targets(service).into_iter().map(move |target| format!("{}/{target}", service.service))
                    })
                    .collect(),
                parts: group.services.iter().map(|service| service.service.clone()).collect(),
                name: group.name,
            })
            .collect()
        };
        let environments = config.environments.values().map(|environment| KnownEnvironment {
            name: environment.name.clone(),
            channels: environment.channels.clone(),
            services: services(&environment.name),
            groups: groups(&environment.name),
        });
        Self { environments: environments.collect() }
    }
}
