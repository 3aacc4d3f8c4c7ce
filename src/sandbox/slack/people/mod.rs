//! The people's side: what they do leaves as the requests that Slack would send.

mod clicks;
mod forms;
mod typing;
