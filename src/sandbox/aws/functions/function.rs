//! A function and what belongs to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::ids::Ids;
use super::seed::{SeedCode, SeedEventSource, SeedPackage, SeedProvisioned, SeedState, SeedUpdateFailure};

/// What `$LATEST` is called.
pub(super) const LATEST: &str = "$LATEST";

/// All functions of an account.
#[derive(Debug, Default)]
pub(in super::super) struct Functions {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) all: Vec<Function>,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) package: SeedPackage,
    pub(super) latest: Slot,
    /// Oldest first.
    pub(super) versions: Vec<Slot>,
    /// The number of the newest version, deleted ones included.
    pub(super) numbered: u64,
    pub(super) aliases: Vec<Alias>,
    /// What code does, by `CodeSha256`, with its name.
    pub(super) codes: BTreeMap<String, Known>,
    pub(super) permissions: BTreeMap<String, Vec<String>>,
    pub(super) event_sources: Vec<(String, SeedEventSource)>,
    pub(super) urls: Vec<String>,
    pub(super) calls: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) update_seconds: u64,
    /// The update of `$LATEST` that is under way.
    pub(super) update: Option<Update>,
    /// When it was made, for what has no time of its own.
    pub(super) since: Timestamp,
}

/// Code, and what it does.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) zip: Vec<u8>,
    pub(super) does: SeedCode,
}

/// A version, or `$LATEST`.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) version: String,
    pub(super) description: String,
    pub(super) content: Content,
    pub(super) modified: Timestamp,
    pub(super) revision: String,
    /// Why it cannot be called, and until when.
    pub(super) state: Option<(SeedState, Option<Timestamp>)>,
    /// Why the last update failed.
    pub(super) failed: Option<SeedUpdateFailure>,
}

/// Code and settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    /// `CodeSha256`.
    pub(super) sha256: String,
    /// As `UpdateFunctionConfiguration` takes them.
    pub(super) settings: Map<String, Value>,
}

/// An update of `$LATEST` that is under way.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) ends_at: Timestamp,
    /// What calls get until then, and afterwards if it fails.
    pub(super) before: Content,
    pub(super) fails: Option<SeedUpdateFailure>,
}

/// An alias.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: Option<String>,
    pub(super) weights: BTreeMap<String, f64>,
    pub(super) revision: String,
    pub(super) shifted_by: Option<String>,
    pub(super) provisioned: Option<Provisioned>,
}

/// Provisioned concurrency of an alias.
#[derive(Debug, Clone)]
pub(super) struct Provisioned {
    pub(super) rules: SeedProvisioned,
    /// Until when instances of the present version are warmed up.
    pub(super) warm_at: Timestamp,
    pub(super) modified: Timestamp,
}

impl Functions {
    /// When something happens next by itself.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        self.all.iter().filter_map(|function| function.update.as_ref().map(|update| update.ends_at)).min()
    }

    /// Lets everything happen that is due.
    pub(in super::super) fn step(&mut self, at: Timestamp, ids: &mut Ids) {
        for function in &mut self.all {
            let Some(update) = function.update.take_if(|update| update.ends_at <= at) else { continue };
            if update.fails.is_some() {
                function.latest.content = update.before;
            }
            function.latest.failed = update.fails;
            function.latest.revision = ids.uuid();
        }
    }
}

impl Function {
    /// The version called `version`, or `$LATEST`.
    pub(super) fn slot(&self, version: &str) -> Option<&Slot> {
        if version == LATEST {
            return Some(&self.latest);
        }
        self.versions.iter().find(|slot| slot.version == version)
    }

    /// What calls of a version get: of `$LATEST`, while it is updated, what was there before.
    pub(super) fn answering<'f>(&'f self, slot: &'f Slot) -> &'f Content {
        match &self.update {
            Some(update) if slot.version == LATEST => &update.before,
            Some(_) | None => &slot.content,
        }
    }
}

impl Slot {
    /// Why it cannot be called at `at`, or not yet; `None` while it can.
    pub(super) fn state_at(&self, at: Timestamp) -> Option<&SeedState> {
        self.state.as_ref().filter(|(_, until)| until.is_none_or(|until| at < until)).map(|(state, _)| state)
    }
}
