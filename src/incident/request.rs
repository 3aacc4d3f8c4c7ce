//! What somebody asked for.

use serde::{Deserialize, Serialize};

use super::ids::{ChannelId, TeamId, UserId};

/// A rollback as it was asked for; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// Which release; `None` means the one before.
    pub to: Option<String>,
    /// Only these targets; empty means all that are not on request.
    pub only: Vec<String>,
    /// Also these targets, which are left out unless asked for.
    pub with: Vec<String>,
    /// Why, in the requester's words.
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
