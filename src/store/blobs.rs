//! Large things, each under the digest of its bytes: files beside the database, compressed, verified on reading.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::envelope::{pack, unpack};
use super::error::StoreError;
use crate::incident::ids::Digest;

/// The folder of the blobs.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: PathBuf,
    temporary: AtomicU64,
}

impl Blobs {
    /// Blobs in a folder of `store`, made where it is missing. What a crash left half written is removed.
    pub(super) fn open(store: &Path) -> Result<Self, StoreError> {
        let folder = store.join("blobs");
        let blobs = Self { folder, temporary: AtomicU64::new(0) };
        blobs.prepare().map_err(|error| StoreError::Folder { folder: store.to_owned(), why: error.to_string() })?;
        Ok(blobs)
    }

    fn prepare(&self) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Whether there is a blob of this digest.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores `bytes`; durable when it returns. A blob that is there already is left alone.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let packed = pack(bytes).map_err(|why| self.failed(why))?;
        self.write(digest, &packed).map_err(|error| self.failed(error.to_string()))
    }

    fn write(&self, digest: &Digest, packed: &[u8]) -> std::io::Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!("{}-{number}.part", digest.as_str()));
        let mut file = File::create(&part)?;
        file.write_all(packed)?;
        file.sync_all()?;
        fs::rename(&part, self.path(digest))?;
        File::open(&self.folder)?.sync_all()
    }

    /// The bytes of this digest, if they are there.
    pub(super) fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let packed = match fs::read(self.path(digest)) {
            Ok(packed) => packed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error.to_string())),
        };
        let unreadable = |reason: String| StoreError::Unreadable { what: "blob", key: digest.to_string(), reason };
        let bytes = unpack(&packed).map_err(unreadable)?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(Some(bytes))
        } else {
            Err(unreadable(format!("it is damaged: its bytes have the digest {found}")))
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        // A digest is taken as given: only its letters and digits may become part of a path.
        let name: String = digest.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
        self.folder.join(format!("{name}.zst"))
    }

    fn failed(&self, why: String) -> StoreError {
        StoreError::Failed { folder: self.folder.clone(), why }
    }
}
