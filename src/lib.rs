//! Rollbot rolls production back from Slack.
//!
//! Folders are rooms, and a room uses only rooms below it: `ARCHITECTURE.md` draws the house, `tests/architecture.rs`
//! holds it to the drawing.

pub mod admin;
pub mod aws;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod incident;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod slack;
pub mod store;
pub mod systems;
pub mod telemetry;
pub mod triggers;
