//! Slack: what comes in (commands, clicks, forms) and what goes out (messages, forms, answers).

pub mod budget;
pub mod buttons;
pub mod client;
pub mod client_error;
pub mod client_types;
mod commands;
pub mod deploy_mirror;
pub mod desk;
#[cfg(test)]
mod desk_people_tests;
#[cfg(test)]
mod desk_tests;
pub mod directory;
#[cfg(test)]
mod directory_tests;
mod forms;
pub mod freeze_buttons;
mod freeze_desk;
pub mod freeze_mirror;
mod front;
pub mod grammar;
mod grammar_clauses;
#[cfg(test)]
mod grammar_tests;
pub mod grammar_vocabulary;
mod grammar_words;
pub mod http;
#[cfg(test)]
mod http_tests;
pub mod inbound;
pub mod inbox;
mod interactions;
pub mod message;
pub mod mirror;
mod mirror_next;
mod mirror_state;
mod mirror_write;
pub mod mrkdwn;
pub mod payload;
#[cfg(test)]
mod payload_tests;
pub mod replies;
#[cfg(test)]
mod scripted_slack;
pub mod views;

pub use inbound::inbound;
