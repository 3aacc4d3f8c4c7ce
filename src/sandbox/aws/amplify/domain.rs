//! A domain, and how an update of it takes effect.

use jiff::Timestamp;
use serde_json::Value;

use super::seed::{SeedDomain, SeedSubDomain};
use crate::incident::time::Now;

/// A domain of an app.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) arn: String,
    /// As it is in effect.
    pub(super) rules: SeedDomain,
    /// What is asked for and not yet in effect.
    pub(super) update: Option<Update>,
    /// Why the last update failed, if it did.
    pub(super) failed: Option<String>,
    /// Whether anybody has updated it since it was made.
    pub(super) has_been_updated: bool,
}

/// An update under way.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) wanted: SeedDomain,
    /// When the next phase begins.
    pub(super) due: Timestamp,
    pub(super) phase: UpdatePhase,
}

/// What an update of a domain waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpdatePhase {
    /// Its wishes have been taken.
    Requesting,
    /// They are on their way to where viewers ask.
    Deploying,
}

impl Domain {
    /// Begins to bring a wish into effect.
    pub(super) fn begin(&mut self, wanted: SeedDomain, now: Now) {
        let due = now.after(self.half());
        self.update = Some(Update { wanted, due, phase: UpdatePhase::Requesting });
        self.failed = None;
        self.has_been_updated = true;
    }

    fn half(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.rules.update_seconds) / 2
    }

    /// Does what is due.
    pub(super) fn step(&mut self, now: Now) {
        let half = self.half();
        let Some(update) = self.update.as_mut().filter(|update| update.due <= now.at) else {
            return;
        };
        match update.phase {
            UpdatePhase::Requesting => {
                update.phase = UpdatePhase::Deploying;
                update.due = now.after(half);
            }
            UpdatePhase::Deploying => {
                let update = self.update.take();
                match (self.rules.fails.clone(), update) {
                    (Some(reason), _) => self.failed = Some(reason),
                    (None, Some(update)) => self.rules = update.wanted,
                    (None, None) => {}
                }
            }
        }
    }

    /// `domainStatus` and `updateStatus`.
    pub(super) fn statuses(&self) -> (&'static str, Option<&'static str>) {
        match (&self.update, &self.failed) {
            (Some(update), _) => match update.phase {
                UpdatePhase::Requesting => ("UPDATING", Some("REQUESTING_CERTIFICATE")),
                UpdatePhase::Deploying => ("UPDATING", Some("PENDING_DEPLOYMENT")),
            },
            (None, Some(_)) => ("AVAILABLE", Some("UPDATE_FAILED")),
            (None, None) if self.has_been_updated => ("AVAILABLE", Some("UPDATE_COMPLETE")),
            (None, None) => ("AVAILABLE", None),
        }
    }

    /// The prefixes as they are asked for: what `subDomains` tells.
    pub(super) fn sub_domains(&self) -> &[SeedSubDomain] {
        self.update.as_ref().map_or(&self.rules.sub_domains, |update| &update.wanted.sub_domains)
    }

    /// Whether a prefix is in effect as it is asked for.
    pub(super) fn verified(&self, sub_domain: &SeedSubDomain) -> bool {
        self.rules.sub_domains.contains(sub_domain)
    }

    /// The branch that viewers of a host get; `None` for hosts that are not of this domain.
    pub(super) fn branch_of(&self, host: &str) -> Option<&str> {
        let prefix = match host.strip_suffix(self.rules.name.as_str())? {
            "" => "",
            longer => longer.strip_suffix('.')?,
        };
        let found = self.rules.sub_domains.iter().find(|one| one.prefix == prefix);
        found.map(|one| one.branch.as_str())
    }
}

/// The list of prefixes in a request.
pub(super) fn requested(request: &Value) -> Option<Vec<SeedSubDomain>> {
    let listed = request.get("subDomainSettings")?.as_array()?;
    let text = |one: &Value, member: &str| super::super::json::text(one, member).unwrap_or_default().to_owned();
    let read = |one: &Value| SeedSubDomain { prefix: text(one, "prefix"), branch: text(one, "branchName") };
    Some(listed.iter().map(read).collect())
}
