//! What is known of people now, for a decision that is taken long after they clicked. The engine does not know where
//! that is known; whoever does introduces themselves.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use crate::incident::ids::{ChannelId, GroupId};
use crate::incident::incident::Proposal;
use crate::incident::policy::{Actor, Member};
use crate::incident::request::Request;

use super::engine::Engine;
use super::refusal::Refusal;

/// Whoever knows people.
pub trait People: Send + Sync {
    /// What is known of `member` in `channel` at this moment, with their membership of `groups`; what cannot be found
    /// out in a short time is unknown.
    fn look_again<'a>(
        &'a self,
        member: &'a Member,
        channel: &'a ChannelId,
        groups: &'a [GroupId],
    ) -> BoxFuture<'a, Member>;
}

impl Engine {
    /// Introduces whoever knows people; once.
    pub fn introduce(&self, people: Arc<dyn People>) {
        // Of a second introduction nothing is to be expected but the same.
        let _ = self.people.set(people);
    }

    /// What is known now of the people who approved `proposal`; empty where nobody knows people.
    pub(super) async fn voters(&self, request: &Request, proposal: &Proposal) -> Result<Vec<Member>, Refusal> {
        let Some(people) = self.people.get() else { return Ok(Vec::new()) };
        let groups = self.policy(&request.environment)?.groups();
        let looks = proposal.votes.iter().filter_map(|vote| match &vote.by {
            Actor::Slack(member) => Some(people.look_again(member, &request.channel, &groups)),
            Actor::Machine { .. } | Actor::Rollbot => None,
        });
        Ok(join_all(looks.collect::<Vec<_>>()).await)
    }
}
