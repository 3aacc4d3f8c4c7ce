//! Dying on purpose, for tests that crash everywhere: at the n-th durable write, before it or after it.
//!
//! A write is also known by its kind, which for a commit says what happened: `commit acting`. The n-th of a kind is the
//! same moment of a story however often something else was written meanwhile. Only in builds with the sandbox. The store reads no environment: whoever opens it says where it shall die.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::committer::Kind;
use super::decode::event;
use super::table::{Table, Writes};

/// On which side of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It has been decided on, and nothing of it is stored.
    BeforeApply,
    /// It is durable, and nobody has been told.
    AfterSync,
}

/// Where to die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashPoint {
    /// Which durable write since the store was opened, from 1; of its kind, where that is given.
    pub number: u64,
    /// On which side of it.
    pub when: When,
    /// Only writes of this kind count.
    pub kind: Option<String>,
}

/// What a test wants of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rehearsal {
    /// Where to die.
    pub crash: Option<CrashPoint>,
    /// A file that gets a line for every durable write, once it is durable: its number and kind.
    pub tally: Option<PathBuf>,
}

impl FromStr for CrashPoint {
    type Err = String;

    /// `17:before`, or `2:after:commit acting`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no crash point; write a number and a side, as in 17:before or 17:after");
        let (number, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (when, kind) = rest.split_once(':').map_or((rest, None), |(when, kind)| (when, Some(kind.to_owned())));
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        let when = match when {
            "before" => When::BeforeApply,
            "after" => When::AfterSync,
            _ => return Err(wrong()),
        };
        Ok(Self { number, when, kind })
    }
}

/// Counts the durable writes of one store.
#[derive(Debug, Default)]
pub(super) struct Counter {
    rehearsal: Rehearsal,
    count: AtomicU64,
    of_kind: Mutex<BTreeMap<String, u64>>,
}

/// A write, as it is counted.
#[derive(Debug)]
pub(super) struct Counted {
    number: u64,
    /// Its kind and its number of the kind; only where a test wants something of the store.
    of_kind: Option<(String, u64)>,
}

impl Counter {
    pub(super) fn new(rehearsal: Rehearsal) -> Self {
        Self { rehearsal, count: AtomicU64::new(0), of_kind: Mutex::default() }
    }

    /// Counts writes that are about to be applied.
    pub(super) fn before(&self, kind: Kind, writes: &Writes) -> Counted {
        let number = self.count.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let of_kind = (self.rehearsal != Rehearsal::default()).then(|| {
            let kind = what(kind, writes);
            let mut counts = self.of_kind.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(kind.clone()).or_default();
            *count = count.saturating_add(1);
            (kind, *count)
        });
        let counted = Counted { number, of_kind };
        self.die_at(&counted, When::BeforeApply);
        counted
    }

    /// Counted writes are durable.
    pub(super) fn after(&self, counted: &Counted) {
        if let (Some(path), Some((kind, _))) = (&self.rehearsal.tally, &counted.of_kind) {
            let line = format!("{} {kind}\n", counted.number);
            let file = std::fs::File::options().create(true).append(true).open(path);
            if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
                tracing::warn!(path = %path.display(), %error, "the tally of durable writes cannot be written");
            }
        }
        self.die_at(counted, When::AfterSync);
    }

    fn die_at(&self, counted: &Counted, when: When) {
        let Some(crash) = &self.rehearsal.crash else { return };
        let is_there = match (&crash.kind, &counted.of_kind) {
            (None, _) => crash.number == counted.number,
            (Some(kind), Some((counted, number))) => kind == counted && crash.number == *number,
            (Some(_), None) => false,
        };
        if is_there && crash.when == when {
            std::process::abort();
        }
    }
}

/// The kind of a change; of a commit also what happened in it.
fn what(kind: Kind, writes: &Writes) -> String {
    let events = writes.put_into(Table::Events).filter_map(|stored| {
        let what = serde_json::to_value(event(stored).ok()?.what).ok()?;
        Some(format!(" {}", what.get("event")?.as_str()?))
    });
    std::iter::once(kind.word().to_owned()).chain(events).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_is_a_number_and_a_side() {
        let (number, when, kind) = (17, When::BeforeApply, None);
        assert_eq!("17:before".parse(), Ok(CrashPoint { number, when, kind }));
        let (number, when, kind) = (2, When::AfterSync, Some("commit acting".to_owned()));
        assert_eq!("2:after:commit acting".parse(), Ok(CrashPoint { number, when, kind }));
        for wrong in ["", "17", "0:before", "x:after", "17:never"] {
            assert!(wrong.parse::<CrashPoint>().is_err(), "{wrong}");
        }
    }
}
