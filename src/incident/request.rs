//! What somebody asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{ChannelId, TeamId, UserId};
use super::policy::Right;

/// A rollback as it was asked for; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The environment's name.
    pub environment: String,
    /// What is taken back: a service's name, or a group's.
    pub service: String,
    /// Which release; `None` means the one before.
    pub to: Option<String>,
    /// Which release, for targets that are named apart: a target's name, or a service's for all of its targets, and the
    /// release. Empty unless somebody wrote `to a=42 b=v7`, and then `to` is `None`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apart: BTreeMap<String, String>,
    /// Only these targets; empty means all that are not on request.
    pub only: Vec<String>,
    /// Also these targets, which are left out unless asked for.
    pub with: Vec<String>,
    /// Whether a second person is waited for.
    #[serde(default, skip_serializing_if = "Manner::is_regular")]
    pub manner: Manner,
    /// Why, in the requester's words; compulsory in an emergency.
    pub reason: Option<String>,
    /// Who asked.
    pub by: UserId,
    /// What Slack calls them, for places where a mention does not work.
    pub by_name: String,
    /// The workspace.
    pub team: TeamId,
    /// Where it was asked, and where the card stands.
    pub channel: ChannelId,
}

/// Whether a rollback takes the usual approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// It does.
    #[default]
    Regular,
    /// No second person is waited for; the requester's own confirmation is enough.
    Emergency,
}

impl Manner {
    /// What one has to be allowed to confirm one's own request, where that is enough.
    pub fn right(self) -> Right {
        match self {
            Self::Regular => Right::Request,
            Self::Emergency => Right::Emergency,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_regular(&self) -> bool {
        *self == Self::Regular
    }
}

impl Request {
    /// Whether anybody said why.
    pub fn has_reason(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty())
    }
}
