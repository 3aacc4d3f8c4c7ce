//! Stand-ins for AWS and Slack on loopback, scenarios, and the script player. Nothing outside `cli/sandbox` uses this.

pub mod wire;
