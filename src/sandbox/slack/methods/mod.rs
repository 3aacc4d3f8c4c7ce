//! The methods of the Web API that are modelled, and the table of them.

mod chat;
mod conversations;
mod directory;
mod marks;
mod table;
mod views;

pub(super) use chat::content;
pub(super) use table::{Method, find};
pub(super) use views::{push_on, replace};
