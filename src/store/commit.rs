//! One atomic change of one incident.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::event::Event;
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::incident::release::Release;

/// The revision of a stored incident: 1 when it is new, one more with every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rev(u64);

impl Rev {
    /// The revision of a new incident.
    pub const FIRST: Self = Self(1);

    /// The next revision.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The revision as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An incident and the revision that it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The revision, for the next commit.
    pub rev: Rev,
    /// The record.
    pub incident: Incident,
}

/// What is to be written, all of it or none.
///
/// The locks follow from the record: after the commit the incident holds exactly [`Incident::holds`].
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// The record as it shall be.
    pub incident: &'a Incident,
    /// The revision that was decided on; `None`: the incident must not exist yet.
    pub expected: Option<Rev>,
    /// What happened; appended to the incident's events.
    pub events: &'a [Event],
    /// A key that no commit may have used before: of a click, of a delivery.
    pub dedup: Option<&'a str>,
    /// The inbox entry that this settles; removed with the commit, refused if it is not there.
    pub takes_inbox: Option<&'a str>,
}

/// A release that Rollbot itself proved on a resource: the target of a step of an incident that ended `rolled_back`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodRelease {
    /// The release.
    pub release: Release,
    /// The incident that proved it.
    pub incident: IncidentId,
    /// When.
    pub at: Timestamp,
}
