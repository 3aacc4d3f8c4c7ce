//! Keys that have been used, so that nothing is taken up twice.
//!
//! The memory is bounded by number and not by time: Slack delivers again for an hour at most, SNS for some hours, and a
//! workspace that is busy enough to push a key out within that time would have to send several a second.

use super::error::StoreError;
use super::table::{Table, Tables, Writes};
use crate::incident::ids::IncidentId;

/// How many keys are remembered.
pub(super) const REMEMBERED: u64 = 100_000;

/// What a key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A commit.
    Commit,
    /// An inbox entry.
    Inbox,
    /// A deployment that was told of.
    Deploy,
}

fn name(what: Use, key: &str) -> Vec<u8> {
    match what {
        Use::Commit => format!("commit\0{key}").into_bytes(),
        Use::Inbox => format!("inbox\0{key}").into_bytes(),
        Use::Deploy => format!("deploy\0{key}").into_bytes(),
    }
}

/// By whom `key` was used: an incident's id for commits, nothing for what came in; `None` if it was not used.
pub(super) fn used_by(tables: &Tables, what: Use, key: &str) -> Result<Option<IncidentId>, StoreError> {
    let value = tables.get(Table::Used, &name(what, key))?;
    Ok(value.map(|by| IncidentId::new(String::from_utf8_lossy(&by).into_owned())))
}

/// Remembers `key`, and forgets the oldest where there are too many. Returns the key's place in the order.
pub(super) fn remember(
    tables: &Tables,
    writes: &mut Writes,
    what: Use,
    key: &str,
    by: &str,
) -> Result<u64, StoreError> {
    remember_at_most(REMEMBERED, tables, writes, &name(what, key), by)
}

fn remember_at_most(most: u64, tables: &Tables, writes: &mut Writes, name: &[u8], by: &str) -> Result<u64, StoreError> {
    let newest = tables.with_prefix(Table::UsedOrder, b"").next_back().transpose()?;
    let place = newest.and_then(|(key, _)| number(&key)).map_or(0, |last| last.saturating_add(1));
    let oldest = tables.with_prefix(Table::UsedOrder, b"").next().transpose()?;
    if let Some((key, name)) = oldest
        && number(&key).is_some_and(|first| place.saturating_sub(first) >= most)
    {
        writes.remove(Table::UsedOrder, key);
        writes.remove(Table::Used, name);
    }
    writes.put(Table::UsedOrder, place.to_be_bytes(), name);
    writes.put(Table::Used, name, by);
    Ok(place)
}

fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_key_is_forgotten_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path()).unwrap();
        let keys: Vec<Vec<u8>> = ["a", "b", "c", "d"].map(|key| name(Use::Commit, key)).into();
        for (place, key) in keys.iter().enumerate() {
            let mut writes = Writes::default();
            let at = remember_at_most(3, &tables, &mut writes, key, "rb-23456").unwrap();
            assert_eq!(at, u64::try_from(place).unwrap());
            tables.apply(writes).unwrap();
        }
        assert_eq!(used_by(&tables, Use::Commit, "a").unwrap(), None);
        for key in ["b", "c", "d"] {
            assert_eq!(used_by(&tables, Use::Commit, key).unwrap(), Some(IncidentId::new("rb-23456")), "{key}");
        }
        assert_eq!(tables.with_prefix(Table::UsedOrder, b"").count(), 3);
    }
}
