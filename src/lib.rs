//! Rollbot rolls production back from Slack.
//!
//! Folders are rooms, and a room uses only rooms below it: `ARCHITECTURE.md` draws the house, `tests/architecture.rs`
//! holds it to the drawing.

pub mod clock;
pub mod incident;
#[cfg(feature = "sandbox")]
pub mod sandbox;
