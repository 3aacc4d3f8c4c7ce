//! Private sentences to one person: by the response URL of what they typed or clicked, or in the channel.

use tracing::warn;

use crate::incident::ids::{ChannelId, UserId};

use super::client::SlackClient;
use super::client_types::{Audience, MessageTs, Original};
use super::message::Message;
use super::payload::{Click, SlashCommand};

/// Who is answered, and how they can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Who.
    pub user: UserId,
    /// Where they are.
    pub channel: Option<ChannelId>,
    /// In which thread.
    pub thread: Option<MessageTs>,
    /// Good for half an hour, and where Rollbot is no member too.
    pub response_url: Option<String>,
}

impl From<&SlashCommand> for Addressee {
    fn from(command: &SlashCommand) -> Self {
        Self {
            user: command.by.user.clone(),
            channel: Some(command.channel.clone()),
            thread: None,
            response_url: command.response_url.clone(),
        }
    }
}

impl From<&Click> for Addressee {
    fn from(click: &Click) -> Self {
        Self {
            user: click.by.user.clone(),
            channel: click.channel.clone(),
            thread: click.thread.clone(),
            response_url: click.response_url.clone(),
        }
    }
}

/// Says `message` to `to` alone: by the response URL, else in the channel. A sentence that cannot be said is logged,
/// and nothing waits for it.
pub(super) async fn tell(client: &SlackClient, to: &Addressee, message: &Message) {
    if let Some(url) = &to.response_url {
        match client.respond(url, message, Audience::Person, Original::Keep).await {
            Ok(()) => return,
            Err(error) => warn!(slack.user = %to.user, %error, "a response URL did not take an answer"),
        }
    }
    let Some(channel) = &to.channel else {
        warn!(slack.user = %to.user, "there is no way to answer somebody");
        return;
    };
    if let Err(error) = client.post_ephemeral(channel, &to.user, to.thread.as_ref(), message).await {
        warn!(slack.user = %to.user, slack.channel = %channel, %error, "an answer did not arrive");
    }
}
