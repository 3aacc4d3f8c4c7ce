//! What a step does to a CloudFormation stack, and what a change set would change: plain data.

use serde::{Deserialize, Serialize};

use super::ids::Digest;

/// A stack and how it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackWork {
    /// The stack's ARN: a name may stand for another stack tomorrow.
    pub stack: String,
    /// The stack's name.
    pub name: String,
    /// How it is taken back.
    pub way: StackWay,
    /// The digest of template and parameters that the stack shall have in the end, where it is known.
    pub content: Option<Digest>,
}

/// How a stack is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum StackWay {
    /// CloudFormation takes back the update that is under way, failed or stuck.
    Undo,
    /// CloudFormation takes back a creation that failed: it deletes what was created.
    UndoCreation,
    /// A change set with an earlier template is executed.
    ChangeSet(ChangeSet),
    /// The stack is deleted.
    Delete,
}

/// A change set: the plan of CloudFormation itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its ARN; `None` where templates were only compared, so that there is nothing to execute.
    pub arn: Option<String>,
    /// What it would change, in CloudFormation's order.
    pub changes: Vec<StackChange>,
}

/// One resource that a change set would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackChange {
    /// What would happen to it: `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    /// Its logical id; within a nested stack that of the nested stack comes first: `Workers.Queue`.
    pub resource: String,
    /// Its type: `AWS::Lambda::Function`.
    pub kind: String,
    /// Whether it would be made anew.
    pub replacement: Replacement,
    /// What becomes of the thing itself where it is removed or replaced: `Retain`, `Snapshot`, `Delete`.
    pub policy: Option<String>,
}

/// Whether a resource would be made anew under a new physical id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// No.
    No,
    /// That depends on values that are known only when it is done.
    Perhaps,
    /// Yes.
    Yes,
}

/// What a step of a stack puts out when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StackOutput {
    /// The stack's status in the end.
    pub status: String,
    /// The resources that the rollback went on without, by name: they are not as the template says.
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl StackWork {
    /// What approval binds beside resource, releases, verbs and losses: the change set itself and what it changes.
    pub fn bound(&self) -> Option<serde_json::Value> {
        match &self.way {
            StackWay::ChangeSet(set) => serde_json::to_value(set).ok(),
            StackWay::Undo | StackWay::UndoCreation | StackWay::Delete => None,
        }
    }

    /// What it would change, where a change set says so.
    pub fn changes(&self) -> &[StackChange] {
        match &self.way {
            StackWay::ChangeSet(set) => &set.changes,
            StackWay::Undo | StackWay::UndoCreation | StackWay::Delete => &[],
        }
    }
}

impl StackChange {
    /// The change in a few words: `Modify ApiFunction (Lambda::Function)`.
    pub fn words(&self) -> String {
        let kind = self.kind.strip_prefix("AWS::").unwrap_or(&self.kind);
        let replaced = match self.replacement {
            Replacement::No => "",
            Replacement::Perhaps => ", may be replaced",
            Replacement::Yes => ", replaced",
        };
        let policy = match self.policy.as_deref() {
            Some("Retain" | "ReplaceAndRetain") => ", the old one is kept",
            Some("Snapshot" | "ReplaceAndSnapshot") => ", a snapshot of the old one is kept",
            Some(_) | None => "",
        };
        format!("{} {} ({kind}{replaced}{policy})", self.action, self.resource)
    }
}
