//! Dying on purpose, for tests that crash everywhere: at the n-th durable write, before it or after it.
//!
//! Only in builds with the sandbox. The store reads no environment: whoever opens it says where it shall die.

use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::committer::Kind;

/// On which side of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It has been decided on, and nothing of it is stored.
    BeforeApply,
    /// It is durable, and nobody has been told.
    AfterSync,
}

/// Where to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// Which durable write since the store was opened, from 1.
    pub number: u64,
    /// On which side of it.
    pub when: When,
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

    /// `17:before` or `17:after`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no crash point; write a number and a side, as in 17:before or 17:after");
        let (number, when) = text.split_once(':').ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        let when = match when {
            "before" => When::BeforeApply,
            "after" => When::AfterSync,
            _ => return Err(wrong()),
        };
        Ok(Self { number, when })
    }
}

/// Counts the durable writes of one store.
#[derive(Debug, Default)]
pub(super) struct Counter {
    rehearsal: Rehearsal,
    count: AtomicU64,
}

impl Counter {
    pub(super) fn new(rehearsal: Rehearsal) -> Self {
        Self { rehearsal, count: AtomicU64::new(0) }
    }

    /// Numbers a write that is about to be applied.
    pub(super) fn before(&self) -> u64 {
        let number = self.count.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.die_at(number, When::BeforeApply);
        number
    }

    /// A numbered write is durable.
    pub(super) fn after(&self, number: u64, kind: Kind) {
        if let Some(path) = &self.rehearsal.tally {
            let line = format!("{number} {}\n", kind.word());
            let file = std::fs::File::options().create(true).append(true).open(path);
            if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
                tracing::warn!(path = %path.display(), %error, "the tally of durable writes cannot be written");
            }
        }
        self.die_at(number, When::AfterSync);
    }

    fn die_at(&self, number: u64, when: When) {
        if self.rehearsal.crash == Some(CrashPoint { number, when }) {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_is_a_number_and_a_side() {
        let number = 17;
        assert_eq!("17:before".parse(), Ok(CrashPoint { number, when: When::BeforeApply }));
        assert_eq!("17:after".parse(), Ok(CrashPoint { number, when: When::AfterSync }));
        for wrong in ["", "17", "0:before", "x:after", "17:never"] {
            assert!(wrong.parse::<CrashPoint>().is_err(), "{wrong}");
        }
    }
}
