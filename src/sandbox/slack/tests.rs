//! The stand-in driven from both sides: by an app over the wire, and by people.

mod app;
mod interactivity;
mod looks;
mod web_api;

pub(super) use app::workspace;
