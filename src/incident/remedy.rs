//! Remedies: what a person may have done about a failed step, beside trying it again or going on without it.
//!
//! A system offers them with a failure. Choosing one begins a new attempt, whose journal bears what was chosen, so that
//! the system's `judge` acts on it. A remedy never reaches beyond the verbs of the plan that was approved.

use serde::{Deserialize, Serialize};

use super::policy::Actor;

/// Something that can be done about a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What the system calls it; unique within its failure, of `a-z`, `0-9` and `-`.
    pub id: String,
    /// What its button says; it is cut after some 28 characters.
    pub label: String,
    /// What it does, as a sentence.
    pub says: String,
    /// What one has to be allowed to.
    pub right: RemedyRight,
    /// What has to be chosen from, at least one of them; empty where there is nothing to choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// What one has to be allowed to, to have a remedy carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyRight {
    /// To approve: what is done stays what was approved.
    Approve,
    /// To skip: something of what was approved is left out or forced.
    Skip,
}

/// One thing that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the system calls it; unique within its remedy.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Why one would choose it, in the other side's words.
    pub detail: String,
    /// Whether it is chosen unless somebody takes it out.
    pub preselected: Preselected,
}

/// Whether a choice is made in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preselected {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// A remedy that somebody chose, with what they chose in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenRemedy {
    /// The remedy's id.
    pub id: String,
    /// What its button said, for people.
    pub label: String,
    /// The ids of what was chosen, in the order in which they were offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<String>,
    /// What people call these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Who.
    pub by: Actor,
}
