//! What a person does by hand: there is nothing to look at, and nothing that Rollbot does but to ask and to wait.

mod spec;

pub use spec::{ManualSpec, plan};
