//! The tables, all in one tree of sled, so that one batch is one transaction over all of them.
//!
//! A key begins with the byte of its table. sled 0.34 writes pages of more than 128 KiB (a quarter of its segment) to
//! files that it does not sync, and a page holds up to some twenty entries: so no entry may be large. A value longer
//! than [`PART`] is split over the table [`Table::Parts`], within the same batch.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StoreError;

/// The longest entry, in bytes: twenty of them stay well below sled's 128 KiB.
const PART: usize = 4 * 1024;

/// sled's cache, in bytes: what is open is small, and history is read rarely. sled's own default is 1 GiB.
const CACHE: u64 = 32 * 1024 * 1024;

/// How often the folder's lock is tried for: sled's own threads hold it for some milliseconds after a store was closed,
/// and a process that is being replaced holds it a little longer.
const LOCK_ATTEMPTS: u32 = 20;

/// The pause between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A table. The bytes are part of the stored format: never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Table {
    /// Incident → record.
    Incidents = b'i',
    /// Incident that is not closed → nothing.
    Open = b'o',
    /// Incident, number → event.
    Events = b'e',
    /// Filter, time of opening, incident → nothing.
    History = b'h',
    /// Resource → the incident that holds it.
    Locks = b'l',
    /// Key that was used → its place in the order, and by whom.
    Used = b'u',
    /// Place in the order → key.
    UsedOrder = b'v',
    /// Resource, time, incident → release that was proved.
    Good = b'g',
    /// Environment, service, place in the order → deployment that was told of.
    Deploys = b'd',
    /// Key → what came in.
    Inbox = b'n',
    /// Incident → what the mirror keeps.
    Views = b'w',
    /// Freeze → record.
    Freezes = b'f',
    /// Freeze, number → event.
    FreezeEvents = b'j',
    /// Resource → the newest freeze of it, which may be over.
    FreezesOf = b'r',
    /// Table and key of what could not be read → why, and its bytes.
    Quarantine = b'q',
    /// Resource, time → a version of it that was kept.
    Kept = b's',
    /// Table, key, number → a part of a long value.
    Parts = b'p',
}

/// What no key goes on with: names are text, and numbers in keys are shorter.
pub(super) const END: [u8; 64] = [u8::MAX; 64];

/// A key and a value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// Changes that are applied together.
#[derive(Debug, Default)]
pub(super) struct Writes(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>);

impl Writes {
    pub(super) fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.push((table, key.into(), Some(value.into())));
    }

    pub(super) fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.0.push((table, key.into(), None));
    }

    /// What is put into a table.
    #[cfg(feature = "sandbox")]
    pub(super) fn put_into(&self, table: Table) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(into, ..)| *into == table).filter_map(|(.., value)| value.as_deref())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The tables of one store.
#[derive(Debug)]
pub(super) struct Tables {
    folder: PathBuf,
    db: sled::Db,
    data: File,
}

impl Tables {
    /// Opens sled in `folder`, which exists.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let sled_folder = folder.join("sled");
        let unusable = |why: String| StoreError::Folder { folder: folder.to_owned(), why };
        let config = sled::Config::new()
            .path(&sled_folder)
            .cache_capacity(CACHE)
            // The committer flushes, with every batch.
            .flush_every_ms(None);
        let mut attempts = LOCK_ATTEMPTS;
        let db = loop {
            attempts = attempts.saturating_sub(1);
            match config.open() {
                Ok(db) => break db,
                // sled 0.34 has no error of its own for this (config.rs, try_lock).
                Err(error) if !error.to_string().contains("could not acquire lock") => {
                    return Err(unusable(error.to_string()));
                }
                Err(_) if attempts == 0 => {
                    return Err(StoreError::InUse { folder: folder.to_owned() });
                }
                Err(_) => std::thread::sleep(LOCK_PAUSE),
            }
        };
        let open = |path: &Path| File::open(path).map_err(|error| unusable(error.to_string()));
        let data = open(&sled_folder.join("db"))?;
        // The names of new files have to survive a power cut too.
        for path in [&sled_folder, folder] {
            open(path)?.sync_all().map_err(|error| unusable(error.to_string()))?;
        }
        Ok(Self { folder: folder.to_owned(), db, data })
    }

    /// The value under `key`.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.db.get(full(table, key)).map_err(|error| self.failed(&error))? {
            Some(raw) => self.whole(table, key, &raw).map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is something under `key`.
    pub(super) fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.db.contains_key(full(table, key)).map_err(|error| self.failed(&error))
    }

    /// All entries whose keys begin with `prefix`, in the order of their keys.
    pub(super) fn with_prefix<'t>(
        &'t self,
        table: Table,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> + use<'t> {
        self.from(table, prefix, prefix)
    }

    /// The entries from `from` on whose keys begin with `prefix`; `from` itself begins with it.
    pub(super) fn from<'t>(
        &'t self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> + use<'t> {
        let mut after = full(table, prefix);
        after.extend(END);
        self.between(table, full(table, from), after)
    }

    /// The entries below `before` whose keys begin with `prefix`; `before` itself begins with it.
    pub(super) fn before<'t>(
        &'t self,
        table: Table,
        prefix: &[u8],
        before: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> + use<'t> {
        self.between(table, full(table, prefix), full(table, before))
    }

    fn between(
        &self,
        table: Table,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> + use<'_> {
        self.db.range(from..to).map(move |entry| {
            let (key, raw) = entry.map_err(|error| self.failed(&error))?;
            let key = key.get(1..).unwrap_or_default().to_vec();
            let value = self.whole(table, &key, &raw)?;
            Ok((key, value))
        })
    }

    /// Applies `writes`, all or none. Not durable before [`Self::sync`].
    pub(super) fn apply(&self, writes: Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (table, key, value) in writes.0 {
            let name = full(table, &key);
            let old = self.db.get(&name).map_err(|error| self.failed(&error))?;
            for number in 0..old.as_deref().map_or(0, parts) {
                batch.remove(part_name(table, &key, number));
            }
            match value {
                None => batch.remove(name),
                Some(value) if value.len() <= PART => {
                    let mut raw = vec![WHOLE];
                    raw.extend(value);
                    batch.insert(name, raw);
                }
                Some(value) => {
                    let mut count: u32 = 0;
                    for part in value.chunks(PART) {
                        batch.insert(part_name(table, &key, count), part);
                        count = count.saturating_add(1);
                    }
                    let mut raw = vec![SPLIT];
                    raw.extend(count.to_be_bytes());
                    batch.insert(name, raw);
                }
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.failed(&error))
    }

    /// Makes everything that was applied survive a power cut. sled's own flush does not on Linux (sled#1452): it ends
    /// in `sync_file_range`, which neither waits for the disk's cache nor writes the file's length.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| self.failed(&error))?;
        self.data.sync_data().map_err(|error| self.lost(&error.to_string()))
    }

    fn whole(&self, table: Table, key: &[u8], raw: &[u8]) -> Result<Vec<u8>, StoreError> {
        match raw.split_first() {
            Some((&WHOLE, value)) => Ok(value.to_vec()),
            Some((&SPLIT, _)) => {
                let mut value = Vec::new();
                for number in 0..parts(raw) {
                    let part = self.db.get(part_name(table, key, number));
                    // A missing part shows when the value is decoded: it is cut short.
                    if let Some(part) = part.map_err(|error| self.failed(&error))? {
                        value.extend_from_slice(&part);
                    }
                }
                Ok(value)
            }
            Some(_) | None => Ok(raw.to_vec()),
        }
    }

    fn failed(&self, error: &sled::Error) -> StoreError {
        self.lost(&error.to_string())
    }

    /// The error after which nothing is answered any more.
    pub(super) fn lost(&self, why: &str) -> StoreError {
        StoreError::Failed { folder: self.folder.clone(), why: why.to_owned() }
    }
}

/// The first byte of a stored value that follows at once.
const WHOLE: u8 = 0;
/// The first byte of a stored value that lies in parts; their number follows, big-endian.
const SPLIT: u8 = 1;

fn parts(raw: &[u8]) -> u32 {
    match raw.split_first() {
        Some((&SPLIT, count)) => count.try_into().map_or(0, u32::from_be_bytes),
        Some(_) | None => 0,
    }
}

fn full(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = vec![table as u8];
    full.extend_from_slice(key);
    full
}

fn part_name(table: Table, key: &[u8], number: u32) -> Vec<u8> {
    let mut name = vec![Table::Parts as u8, table as u8];
    name.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
    name.extend_from_slice(key);
    name.extend(number.to_be_bytes());
    name
}
