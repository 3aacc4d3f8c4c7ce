//! The conversation as a person would see it, as lines of plain text.

mod blocks;
mod card;
mod mrkdwn;
mod rich;
mod transcript;
mod wrap;

pub use card::{message, modal};
pub use mrkdwn::mrkdwn;
pub use transcript::Transcript;
