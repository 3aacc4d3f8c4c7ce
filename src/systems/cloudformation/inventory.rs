//! What is known of a stack when a plan is made: plain data.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::content::Content;
use super::events::StackEvent;
use super::status::Status;
use crate::aws::alarms::Alarm;
use crate::incident::ids::Digest;
use crate::incident::release::Release;
use crate::incident::stack::StackChange;

/// A stack as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    /// The target's name.
    pub name: String,
    /// The stack's name or ARN.
    pub stack: String,
    /// Where earlier templates come from.
    pub previous: Previous,
    /// Whether it may be deleted.
    pub deletion: Deletion,
    /// The types that hold data and may be removed or replaced all the same, after a gate.
    pub may_replace: Vec<String>,
}

/// Where earlier templates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// Rollbot's own snapshots.
    History,
    /// A template in S3, with its parameters beside it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The template's key.
        key: String,
    },
}

/// Whether a stack may be deleted from Slack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// No: it is never offered.
    Refused,
    /// Yes, where somebody asks for it and types what it takes.
    Allowed,
}

/// A stack as `DescribeStacks` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
    /// When it was updated last, or created.
    pub updated_at: Option<Timestamp>,
    /// The root of the tree that it is nested in, where it is.
    pub root: Option<String>,
    /// Whether it cannot be deleted.
    pub protection: Protection,
    /// The ARNs of the alarms that take an update back when they fire.
    pub triggers: Vec<String>,
    /// Parameters that are resolved anew whenever the stack is updated, with what they stand for now.
    pub resolved: BTreeMap<String, String>,
    /// Everything of its content but the template.
    pub settings: Content,
}

/// Whether termination protection is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// `DeleteStack` is refused.
    On,
    /// It is not.
    Off,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its logical id, after the name of the nested stack that it belongs to.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its physical id.
    pub physical: String,
    /// Its status.
    pub status: String,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
}

/// A version that Rollbot has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The release.
    pub release: Release,
    /// The digest of the blob with its content.
    pub blob: Digest,
}

/// The version to go back to, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The release.
    pub release: Release,
    /// What it was deployed with.
    pub content: Content,
    /// The template's address in S3, where it lies there.
    pub url: Option<String>,
    /// How it was found, as a sentence.
    pub how: String,
}

/// A change set as CloudFormation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChangeSet {
    /// Its ARN.
    pub arn: String,
    /// `CREATE_COMPLETE`, `FAILED` …
    pub status: String,
    /// Whether it can be executed: `AVAILABLE`, `OBSOLETE` …
    pub execution: String,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
    /// What it would change.
    pub changes: Vec<StackChange>,
}

/// What a look for planning found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackInventory {
    /// What is configured.
    pub spec: StackSpec,
    /// The stack.
    pub stack: Stack,
    /// Its newest events, newest first.
    pub events: Vec<StackEvent>,
    /// What it is deployed with, where nothing is under way.
    pub present: Option<Content>,
    /// What the alarms say that take an update back when they fire, or why that is not known; empty where there are
    /// none, or nothing would be updated.
    pub alarms: Result<Vec<Alarm>, String>,
    /// Its resources, where they matter: before it is deleted.
    pub resources: Vec<StackResource>,
    /// What Rollbot has kept of it, newest first.
    pub history: Vec<Kept>,
    /// The version in S3, or why it cannot be had; `None` where it is not configured.
    pub source: Option<Result<Wanted, String>>,
    /// The version to go back to, or why there is none; `None` until it was looked for.
    pub wanted: Option<Result<Wanted, String>>,
    /// The change set that was made for this plan, or why there is none; `None` where none was made.
    pub change_set: Option<Result<SeenChangeSet, String>>,
}

impl StackInventory {
    /// The release that is deployed now, where nothing is under way.
    pub fn now(&self) -> Option<Release> {
        self.present.as_ref().map(|content| content.release(self.stack.updated_at))
    }

    /// Whether `to` asks for the stack to be deleted.
    pub fn is_deletion(to: Option<&str>) -> bool {
        to == Some(DELETED)
    }
}

/// What one types to go back to no stack at all.
pub const DELETED: &str = "deleted";
