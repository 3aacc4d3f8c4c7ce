//! The stand-in for Slack: its Web API on loopback, and the people who type, click and fill in forms.
//!
//! It knows Slack and nothing of the app that talks to it. What an app sends is held to Slack's own rules (block
//! limits, scopes, memberships, trigger lives, rate limits); what people do leaves as the signed requests that Slack
//! would send. Limits and dates go by real time, whatever the pace of the process clock.

mod answer;
mod args;
mod blocks;
mod connection;
mod delivery;
mod form;
mod limits;
mod message;
mod methods;
mod people;
mod reply;
mod response_url;
mod server;
mod stand_in;
mod state;
mod view;
mod workspace;

pub mod render;

#[cfg(test)]
mod tests;

pub use message::{Author, Message, MessageRef};
pub use reply::{Outcome, Reply};
pub use stand_in::SlackStandIn;
pub use view::View;
pub use workspace::{Channel, Person, SlashCommand, UserGroup, Visibility, Workspace};
