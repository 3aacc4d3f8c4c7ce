//! Code that is handed out by an address: whoever has it needs no signature, for ten minutes.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::function::{Function, Functions, Slot};

/// What these addresses begin with.
const PLACE: &str = "/snapshots/";
/// For how long an address holds; in real time, as signatures do.
const HOLDS: SignedDuration = SignedDuration::from_mins(10);

impl Function {
    /// The address of a version's code, without the host.
    pub(super) fn handed_out(&self, slot: &Slot, at: Timestamp) -> String {
        let until = at.checked_add(HOLDS).unwrap_or(Timestamp::MAX).as_second();
        format!("{PLACE}{}/{}/{until}/{}", self.name, slot.version, self.proof(&slot.version, until))
    }

    fn proof(&self, version: &str, until: i64) -> String {
        hex::encode(Sha256::digest(format!("{} {version} {until} handed out", self.arn)))
    }
}

impl Functions {
    /// The code under `path`, if it is such an address and still holds.
    pub(in super::super) fn code_at(&self, path: &str, at: Timestamp) -> Option<Vec<u8>> {
        let mut parts = path.strip_prefix(PLACE)?.split('/');
        let (name, version, until, proof) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let until: i64 = until.parse().ok()?;
        let function = self.find(name).ok()?;
        let slot = function.slot(version)?;
        let holds = at.as_second() <= until && function.proof(version, until) == proof;
        let known = function.codes.get(&slot.content.sha256)?;
        holds.then(|| known.zip.clone())
    }

    /// Whether `path` is where code is handed out.
    pub(in super::super) fn hands_out(path: &str) -> bool {
        path.starts_with(PLACE)
    }
}
