//! Things that say healthy, unhealthy or inconclusive. They look, they never act.

pub mod alarms;
pub mod http;
pub mod look;
pub mod tally;
pub mod target_group;
