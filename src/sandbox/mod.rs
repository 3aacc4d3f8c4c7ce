//! Stand-ins for AWS and Slack on loopback, scenarios, and the script player. Nothing outside `cli/sandbox` uses this.

pub mod aws;
pub mod bot;
mod pipeline;
pub mod player;
pub mod record;
pub mod scenario;
pub mod script;
pub mod slack;
pub mod stage;
pub mod wire;
