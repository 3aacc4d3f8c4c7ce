//! The work on what came in: from the inbox to the engine, and back to the person.
//!
//! It may be done twice for one entry (the process can end in between), so what it asks of the engine either bears the
//! entry's key or is refused the second time; such a refusal is then no news to anybody.

use tracing::{error, warn};

use crate::engine::{Engine, Refusal};
use crate::incident::ids::{ChannelId, IncidentId};
use crate::incident::incident::Incident;
use crate::incident::policy::{Actor, Member, Policy, Standing};
use crate::incident::rejection::Rejection;
use crate::store::StoreError;

use super::front::Front;
use super::inbox::{Delivery, Door, Outcome};
use super::message::Message;
use super::mirror_state::MirrorState;
use super::mrkdwn::{foreign, stopped};
use super::payload::{self, Called, Interaction, Person};
use super::replies::{Addressee, tell};
use super::views::private;

/// Works off deliveries. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub(super) engine: Engine,
    pub(super) front: Front,
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum NotDone {
    /// This is said to whoever tried.
    Said(Message),
    /// The engine refused.
    Refused(Refusal),
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        if error.is_final() {
            return Self::Refused(Refusal::Storage(error.to_string()));
        }
        error!(%error, "a record cannot be read");
        Self::Said(Message::of_text(
            "The record of that incident cannot be read by this version, so nothing was done. Whoever runs Rollbot finds the reason in its log.",
        ))
    }
}

impl Desk {
    /// A desk that asks `engine`, and answers through what `front` has.
    pub fn new(engine: Engine, front: Front) -> Self {
        Self { engine, front }
    }

    /// Works off one delivery.
    pub async fn work(&self, delivery: Delivery) -> Outcome {
        let body = delivery.arrival.body.as_bytes();
        match delivery.arrival.door {
            Door::Commands => match payload::command(body) {
                Ok(Called::Command(command)) => {
                    let done = Box::pin(self.command(&command, &delivery)).await;
                    self.answer(&Addressee::from(&*command), done).await
                }
                Ok(Called::SslCheck) => Outcome::Settled,
                Err(error) => unreadable(&delivery, &error),
            },
            Door::Interactions => match payload::interaction(body) {
                Ok(Interaction::Click(click)) => {
                    let done = Box::pin(self.click(&click, &delivery)).await;
                    self.answer(&Addressee::from(&*click), done.map(|()| None)).await
                }
                Ok(Interaction::Submission(submission)) => Box::pin(self.submission(&submission, &delivery)).await,
                Ok(Interaction::Closed | Interaction::Other(_)) => Outcome::Settled,
                Err(error) => unreadable(&delivery, &error),
            },
        }
    }

    /// Says to `to` what there is to say.
    pub(super) async fn answer(&self, to: &Addressee, done: Result<Option<Message>, NotDone>) -> Outcome {
        let (message, outcome) = match done {
            Ok(message) => (message, Outcome::Settled),
            Err(NotDone::Said(message)) => (Some(message), Outcome::Settled),
            Err(NotDone::Refused(refusal)) => {
                let outcome = match refusal {
                    Refusal::Storage(_) => Outcome::Unsettled,
                    Refusal::Rejected(_)
                    | Refusal::InTheWay(_)
                    | Refusal::CannotPlan(_)
                    | Refusal::NothingToDo(_)
                    | Refusal::NoSuchIncident(_) => Outcome::Settled,
                };
                (Some(self.refused(&refusal).await), outcome)
            }
        };
        if let Some(message) = message {
            tell(&self.front.client, to, &message).await;
        }
        outcome
    }

    /// Who does something in `channel`, with what the rules of `environment` need to know of them.
    pub(super) async fn actor(&self, by: &Person, channel: &ChannelId, environment: &str) -> Actor {
        let environment = self.engine.config.environments.get(environment);
        let groups = environment.map(|environment| environment.policy.groups()).unwrap_or_default();
        Actor::Slack(self.front.directory.member(by, channel, &groups).await)
    }

    /// Who does something about `incident`, with what its rules and its plan need to know of them.
    pub(super) async fn actor_for(&self, by: &Person, incident: &Incident) -> Actor {
        let environment = self.engine.config.environments.get(&incident.request.environment);
        let mut groups = environment.map(|environment| environment.policy.groups()).unwrap_or_default();
        groups.extend(incident.proposal().map(|proposal| proposal.plan.groups()).unwrap_or_default());
        groups.sort();
        groups.dedup();
        Actor::Slack(self.front.directory.member(by, &incident.request.channel, &groups).await)
    }

    /// The rules of an environment.
    pub(super) fn policy(&self, environment: &str) -> Result<&Policy, Refusal> {
        let environment = self.engine.config.environments.get(environment);
        environment
            .map(|environment| &environment.policy)
            .ok_or_else(|| Refusal::CannotPlan("The configuration has no such environment any more.".to_owned()))
    }

    /// The incident called `id`.
    pub(super) async fn incident(&self, id: &IncidentId) -> Result<Incident, NotDone> {
        let found = self.engine.incident(id).await?;
        found.ok_or_else(|| Refusal::NoSuchIncident(id.clone()).into())
    }

    /// A link to an incident's card; its name alone where no card stands yet, or Slack does not give the link.
    pub(super) async fn link(&self, id: &IncidentId) -> String {
        let permalink = async {
            let view = self.front.store.view(id).await.ok()??;
            let card = MirrorState::from_bytes(&view)?.card?;
            let incident = self.engine.incident(id).await.ok()??;
            self.front.client.permalink(&incident.request.channel, &card.ts).await.ok()
        };
        match permalink.await {
            Some(url) if !url.contains(['<', '>', '|', ' ']) => format!("<{url}|{id}>"),
            Some(_) | None => format!("`{id}`"),
        }
    }

    async fn refused(&self, refusal: &Refusal) -> Message {
        match refusal {
            Refusal::Rejected(rejection) => private::rejection(rejection),
            Refusal::InTheWay(id) => Message::of_text(format!(
                "{} is at work on this already; go on there, or stop it first.",
                self.link(id).await
            )),
            Refusal::CannotPlan(why) => Message::of_text(stopped(&foreign(why, 2000))),
            Refusal::NothingToDo(why) => Message::of_text(stopped(&format!("Nothing to do: {}", foreign(why, 2000)))),
            Refusal::NoSuchIncident(id) => Message::of_text(format!(
                "There is no incident {}; `/rollback status` lists what is in flight.",
                foreign(id.as_str(), 40)
            )),
            Refusal::Storage(why) => {
                error!(%why, "the store failed under somebody's request");
                Message::of_text(
                    "Rollbot's store has failed. What you asked for is taken up when Rollbot is started again; look with `/rollback status` then.",
                )
            }
        }
    }
}

/// The refusal of a person who is no full member of the workspace, for questions that need no other right.
pub(super) fn full_member(member: &Member) -> Result<(), Rejection> {
    match member.standing {
        Standing::Full => Ok(()),
        Standing::Guest => Err(Rejection::Guest),
        Standing::Foreign => Err(Rejection::ForeignWorkspace),
        Standing::NotAPerson => Err(Rejection::NotAPerson),
        Standing::Unknown => Err(Rejection::UnknownPerson),
    }
}

fn unreadable(delivery: &Delivery, error: &payload::Malformed) -> Outcome {
    warn!(inbox.key = %delivery.key, %error, "what was recorded cannot be read any more");
    Outcome::Settled
}
