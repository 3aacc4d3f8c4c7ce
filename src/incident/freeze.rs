//! Deployments held back at one place, until the last who holds them back lets go.
//!
//! A freeze is a record of its own, because it outlives the incidents that began it and is shared by the services that
//! deploy through the same pipeline. What is wanted follows from its holders: as long as there is one, the place is to
//! be held; when there is none, it is to be opened. Whoever holds or lets go only changes that list, durably; one
//! keeper for each freeze then looks, judges and acts until AWS shows what is wanted. So two services never act on one
//! pipeline at the same time, and a command, a plan and a click are one path.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::freeze_work::FreezeWork;
use super::ids::{ChannelId, FreezeId, IncidentId, Resource};
use super::policy::Actor;
use super::step::{Evidence, StepRecord, StepState};
use super::work::Stop;

/// Deployments held back at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Its name; it stands in the reason that AWS shows, so that Rollbot knows its own work again.
    pub id: FreezeId,
    /// The environment through whose account it is reached.
    pub environment: String,
    /// The pipeline's ARN and the stage, or the branch's ARN.
    pub resource: Resource,
    /// What is held.
    pub work: FreezeWork,
    /// Since when.
    pub opened_at: Timestamp,
    /// Who holds it; when there is nobody left, it is opened.
    pub holders: Vec<Holder>,
    /// Which way it is being taken, or was taken last.
    pub direction: Direction,
    /// What has become of that, with every act of every time.
    pub record: StepRecord,
    /// What was found and changed when it was held; from the first time that it was.
    pub held: Option<Held>,
    /// When somebody was last told that it stays.
    pub reminded_at: Option<Timestamp>,
    /// Where its own message stands, once it has one.
    pub shown: Option<Shown>,
}

/// Somebody who holds deployments back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// In which environment.
    pub environment: String,
    /// For which service.
    pub service: String,
    /// On which occasion.
    pub cause: Cause,
    /// Who.
    pub by: Actor,
    /// What Slack calls them, for the reason that AWS shows.
    pub by_name: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Where that was said.
    pub channel: ChannelId,
    /// When.
    pub at: Timestamp,
    /// Which attempt of the incident's step asked; 0 for whoever asked ahead of it.
    pub attempt: u32,
    /// Whether the execution that is in the stage is stopped.
    pub stop: Stop,
    /// When the incident was seen to be over, so that nobody but a person lets go any more.
    pub outlived_at: Option<Timestamp>,
}

/// On which occasion somebody holds deployments back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// They typed it.
    Command,
    /// A rollback needs it.
    Incident {
        /// Which.
        id: IncidentId,
    },
}

/// Which way a freeze is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "direction", rename_all = "snake_case")]
pub enum Direction {
    /// Deployments are held back.
    Hold,
    /// Deployments are let go.
    Lift {
        /// What follows.
        then: Then,
    },
}

/// What follows when deployments are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The latest good execution runs again.
    Rerun,
}

/// What was found and changed when deployments were held: what has to be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// When that was first seen.
    pub at: Timestamp,
    /// Who had disabled the transition.
    pub transition: Transition,
    /// The execution that Rollbot stopped.
    pub stopped: Option<String>,
    /// What was in the stage then: what is being rolled back from.
    pub execution: Option<Execution>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

/// Who disabled a transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disabled", rename_all = "snake_case")]
pub enum Transition {
    /// Rollbot did, and enables it again.
    ByRollbot,
    /// Somebody else had, before; it stays disabled when the freeze is lifted.
    Before {
        /// Why, in their words.
        reason: Option<String>,
        /// Who, as AWS names them.
        by: Option<String>,
    },
}

/// A pipeline execution, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// How it stood in the stage, in AWS's word.
    pub status: String,
    /// The commit, or whatever its source is named by.
    pub revision: Option<String>,
    /// The commit's message.
    pub summary: Option<String>,
    /// Where the commit can be looked at.
    pub url: Option<String>,
}

/// What the hold of a step puts out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldOutput {
    /// Who had disabled the transition.
    pub transition: Transition,
    /// The execution that Rollbot stopped.
    pub stopped: Option<String>,
    /// What was in the stage.
    pub execution: Option<Execution>,
}

/// Where a freeze's own message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "where", rename_all = "snake_case")]
pub enum Shown {
    /// In a channel.
    Channel {
        /// Which.
        channel: ChannelId,
    },
    /// In the thread of an incident.
    Thread {
        /// Which.
        incident: IncidentId,
        /// The channel of that incident.
        channel: ChannelId,
    },
}

impl Shown {
    /// The channel.
    pub fn channel(&self) -> &ChannelId {
        match self {
            Self::Channel { channel } | Self::Thread { channel, .. } => channel,
        }
    }
}

impl Freeze {
    /// Whether it has been lifted: nothing happens to it any more.
    pub fn is_over(&self) -> bool {
        matches!(self.direction, Direction::Lift { .. }) && self.record.state == StepState::Done
    }

    /// Whether something is to be done at AWS.
    pub fn is_under_way(&self) -> bool {
        matches!(self.record.state, StepState::Pending | StepState::Active)
    }

    /// Whether deployments are held, as far as was last seen.
    pub fn is_held(&self) -> bool {
        self.direction == Direction::Hold && self.record.state == StepState::Done
    }

    /// Whether the execution in the stage is to be stopped: one holder who wants that is enough.
    pub fn stop(&self) -> Stop {
        if self.holders.iter().any(|holder| holder.stop == Stop::Stop) { Stop::Stop } else { Stop::Leave }
    }

    /// The services that hold it with their environments, each once.
    pub fn services(&self) -> Vec<(&str, &str)> {
        let mut services: Vec<(&str, &str)> =
            self.holders.iter().map(|holder| (holder.environment.as_str(), holder.service.as_str())).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// What is held, for people: `pipeline shop-prod, stage Deploy`.
    pub fn title(&self) -> String {
        self.work.title()
    }

    /// The holder for a service on an occasion.
    pub fn holder(&self, environment: &str, service: &str, cause: &Cause) -> Option<&Holder> {
        self.holders.iter().find(|holder| {
            (holder.environment.as_str(), holder.service.as_str(), &holder.cause) == (environment, service, cause)
        })
    }

    /// Those who hold it for a service.
    pub fn of<'a>(&'a self, environment: &'a str, service: &'a str) -> impl Iterator<Item = &'a Holder> {
        self.holders.iter().filter(move |holder| holder.environment == environment && holder.service == service)
    }

    /// The incidents that hold it and were not seen to be over.
    pub fn incidents(&self) -> Vec<IncidentId> {
        let of = |holder: &Holder| match (&holder.cause, holder.outlived_at) {
            (Cause::Incident { id }, None) => Some(id.clone()),
            (Cause::Incident { .. } | Cause::Command, _) => None,
        };
        self.holders.iter().filter_map(of).collect()
    }
}

impl Execution {
    /// On one line: `4f1c (v42: faster cart, commit 9a8b7c6d)`.
    pub fn line(&self) -> String {
        let revision = self.revision.as_ref().map(|revision| {
            let short = if revision.len() >= 40 { revision.get(..8).unwrap_or(revision) } else { revision.as_str() };
            format!("commit {short}")
        });
        let about: Vec<String> = revision.into_iter().chain(self.summary.clone()).chain(self.url.clone()).collect();
        if about.is_empty() { self.id.clone() } else { format!("{} ({})", self.id, about.join(", ")) }
    }
}
