//! The engine in this process: a store in a folder of its own, the stand-in for AWS, and no Slack.

#![cfg(feature = "sandbox")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them; clippy knows test functions only by their attribute"
)]

mod carrying;
mod groups;
mod house;
mod planning;
mod restarts;
