//! What is wrong after a crash.

use std::fmt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A write to AWS had its effect more often than in the calm run.
    RepeatedWrite,
    /// A message that the record wants is not there.
    LostPost,
    /// A message is there twice, or is not wanted.
    DoubledPost,
    /// It did not end, or otherwise.
    Different,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::RepeatedWrite => "a repeated write",
            Kind::LostPost => "a lost post",
            Kind::DoubledPost => "a doubled post",
            Kind::Different => "it ended otherwise",
        };
        write!(f, "{kind}: {}", self.what)
    }
}
