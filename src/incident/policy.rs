//! Who may do what. Fails closed: what is not known is not allowed, and the refusal says what was not known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{GroupId, UserId};
use super::rejection::Rejection;

/// Somebody, or several, as the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Principal {
    /// Every full member of the workspace who is in the channel: no guest, nobody from another workspace.
    Members,
    /// Whoever asked for this rollback.
    Requester,
    /// One person.
    Person {
        /// The Slack user.
        id: UserId,
        /// What the configuration calls them.
        name: String,
    },
    /// Everybody in a user group.
    Group {
        /// The Slack user group.
        id: GroupId,
        /// What the configuration calls it.
        name: String,
    },
}

/// What one may be allowed to do in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Ask for a rollback.
    Request,
    /// Approve or reject a plan; retry a failed step.
    Approve,
    /// Go on without a step, or accept what could not be proved.
    Skip,
    /// Stop an incident.
    Stop,
    /// Hold deployments back, or let them go.
    Freeze,
    /// Ask for a rollback that waits for no second person.
    Emergency,
}

/// What an environment asks of a plan before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// How many people have to approve; 0 means that the requester's own confirmation is enough.
    pub required: u8,
    /// Whether whoever requested a plan counts among its approvers.
    pub self_approval: SelfApproval,
    /// What has to be typed to approve.
    pub confirm_phrase: Option<String>,
    /// How long a plan waits for votes.
    pub expires_after: Duration,
}

/// Whether whoever requested a plan may approve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfApproval {
    /// Two people are needed.
    Refused,
    /// The requester's vote counts like any other.
    Allowed,
}

/// The rules of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Who may ask.
    pub request: Vec<Principal>,
    /// Who may approve.
    pub approve: Vec<Principal>,
    /// Who may skip.
    pub skip: Vec<Principal>,
    /// Who may stop.
    pub stop: Vec<Principal>,
    /// Who may freeze.
    pub freeze: Vec<Principal>,
    /// Who may do without a second person; empty: nobody.
    pub emergency: Vec<Principal>,
    /// What approval takes.
    pub approval: Approval,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// A person in Slack, with what is known of them at this moment.
    Slack(Member),
    /// A user of the machine that the server runs on, over the socket in the store's folder.
    Machine {
        /// The machine's name for them.
        user: String,
    },
    /// Rollbot itself.
    Rollbot,
}

/// What is known of a person in Slack at the moment of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Whether they are a full member of the workspace that Rollbot is installed in.
    pub standing: Standing,
    /// Whether they are in the channel where this happens.
    pub in_channel: Known,
    /// The groups that were asked about.
    pub groups: BTreeMap<GroupId, Known>,
}

/// A person's standing in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A full member.
    Full,
    /// A guest of one or several channels.
    Guest,
    /// From another workspace, by Slack Connect.
    Foreign,
    /// A bot, or a deactivated account.
    NotAPerson,
    /// Slack did not say.
    Unknown,
}

/// A yes or no that may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Could not be found out.
    Unknown,
}

impl Principal {
    /// The group, if it is one.
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Group { id, .. } => Some(id),
            Self::Members | Self::Requester | Self::Person { .. } => None,
        }
    }
}

impl Right {
    /// What one wants to do, as in "may …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Request => "ask for a rollback",
            Self::Approve => "approve",
            Self::Skip => "skip a step",
            Self::Stop => "stop this",
            Self::Freeze => "freeze deployments",
            Self::Emergency => "declare an emergency",
        }
    }
}

impl Policy {
    /// Who has a right.
    pub fn holders(&self, right: Right) -> &[Principal] {
        match right {
            Right::Request => &self.request,
            Right::Approve => &self.approve,
            Right::Skip => &self.skip,
            Right::Stop => &self.stop,
            Right::Freeze => &self.freeze,
            Right::Emergency => &self.emergency,
        }
    }

    /// Every group that the rules name, so that memberships can be looked up before a decision.
    pub fn groups(&self) -> Vec<GroupId> {
        let all = [&self.request, &self.approve, &self.skip, &self.stop, &self.freeze, &self.emergency];
        let mut groups: Vec<GroupId> = all.into_iter().flatten().filter_map(Principal::group).cloned().collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// Whether `actor` may use `right` on something that `requester` asked for.
    ///
    /// The machine's own users and Rollbot may do everything: who reaches the socket owns the store.
    ///
    /// # Errors
    /// A [`Rejection`] that says who may, or what could not be found out.
    pub fn may(&self, right: Right, actor: &Actor, requester: Option<&UserId>) -> Result<(), Rejection> {
        let holders = || self.holders(right).to_vec();
        match is_among(self.holders(right), actor, requester)? {
            Known::Yes => Ok(()),
            Known::No => Err(Rejection::NotAllowed { right, holders: holders() }),
            Known::Unknown => Err(Rejection::UnknownMembership { right, holders: holders() }),
        }
    }
}

/// Whether `actor` is one of `principals`, of whom the requester may be one. The machine's own users and Rollbot are
/// always.
///
/// # Errors
/// A [`Rejection`] of whoever is no full member of the workspace.
pub(super) fn is_among(
    principals: &[Principal],
    actor: &Actor,
    requester: Option<&UserId>,
) -> Result<Known, Rejection> {
    let member = match actor {
        Actor::Machine { .. } | Actor::Rollbot => return Ok(Known::Yes),
        Actor::Slack(member) => member,
    };
    match member.standing {
        Standing::Full => {}
        Standing::Guest => return Err(Rejection::Guest),
        Standing::Foreign => return Err(Rejection::ForeignWorkspace),
        Standing::NotAPerson => return Err(Rejection::NotAPerson),
        Standing::Unknown => return Err(Rejection::UnknownPerson),
    }
    let holds = principals.iter().map(|principal| match principal {
        Principal::Members => member.in_channel,
        Principal::Requester => known(requester == Some(&member.user)),
        Principal::Person { id, .. } => known(*id == member.user),
        Principal::Group { id, .. } => member.groups.get(id).copied().unwrap_or(Known::Unknown),
    });
    Ok(holds.fold(Known::No, |so_far, holds| match (so_far, holds) {
        (Known::Yes, _) | (_, Known::Yes) => Known::Yes,
        (Known::Unknown, _) | (_, Known::Unknown) => Known::Unknown,
        (Known::No, Known::No) => Known::No,
    }))
}

fn known(holds: bool) -> Known {
    if holds { Known::Yes } else { Known::No }
}
