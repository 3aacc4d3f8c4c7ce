//! What a step does to a static site in S3 behind `CloudFront`: plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::Digest;

/// A static site and how it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteWork {
    /// The bucket's name.
    pub bucket: String,
    /// The distribution's id.
    pub distribution: String,
    /// The paths that `CloudFront` is told to forget.
    pub invalidate: Vec<String>,
    /// For how long browsers may keep the entry page that was live when the plan was made: no invalidation reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlives: Option<Duration>,
    /// How it is taken back.
    pub way: SiteWay,
}

/// How a static site is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum SiteWay {
    /// The distribution is told to take its objects from another prefix.
    OriginPath(OriginPath),
    /// Objects are copied over the live ones, as a manifest says.
    Objects(ObjectCopies),
}

/// Where a distribution takes its objects from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginPath {
    /// The id of the origin within the distribution.
    pub origin: String,
    /// Its path when the plan was made: `/releases/41`.
    pub from: String,
    /// The path that it shall have.
    pub to: String,
}

/// The objects that are copied and deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCopies {
    /// The prefix that visitors see; empty for the whole bucket.
    pub live: String,
    /// The digest of the manifest, which names every object. It lies in the store.
    pub manifest: Digest,
    /// What the manifest comes to.
    pub counts: Counts,
}

/// What a manifest comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// How many objects are copied.
    pub copied: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many live objects are deleted.
    pub deleted: u64,
    /// How many live objects stay as they are.
    pub left: u64,
}

/// How many objects one act copies: what S3 copies in a second or two. Before and after each act the record is synced to
/// disk, and the copies under way run out, so smaller portions spend more time on that. Larger ones would say less often
/// how far it is; of a portion that is broken off, only what is missing is copied again, whatever its size.
pub const COPIES: usize = 2_500;
/// How many objects one act deletes: what `DeleteObjects` takes at once.
pub const DELETES: usize = 1_000;

impl SiteWork {
    /// What approval binds beside resource, releases, verbs and losses.
    pub fn bound(&self) -> Option<serde_json::Value> {
        let Self { distribution, invalidate, way, .. } = self;
        serde_json::to_value((distribution, invalidate, way)).ok()
    }

    /// In how many portions it is done.
    pub fn portions(&self) -> usize {
        match &self.way {
            SiteWay::OriginPath(_) => 1,
            SiteWay::Objects(copies) => {
                let portions = |objects: u64, each| usize::try_from(objects).unwrap_or(usize::MAX).div_ceil(each);
                let Counts { copied, deleted, .. } = copies.counts;
                let full = portions(copied, COPIES).saturating_add(portions(deleted, DELETES));
                // The three groups of copies are not mixed, so two may end in a portion that is not full; and CloudFront
                // may be told twice.
                full.saturating_add(4)
            }
        }
    }

    /// What it changes in objects, in a few words: `copy 3 objects (1.2 MB), delete 1, leave 9,996`; `None` where none is
    /// touched.
    pub fn preview(&self) -> Option<String> {
        match &self.way {
            SiteWay::OriginPath(_) => None,
            SiteWay::Objects(copies) => Some(copies.counts.words()),
        }
    }
}

impl Counts {
    /// In a few words.
    pub fn words(&self) -> String {
        let noun = if self.copied == 1 { "object" } else { "objects" };
        let copied = format!("copy {} {noun} ({})", number(self.copied), size(self.bytes));
        format!("{copied}, delete {}, leave {}", number(self.deleted), number(self.left))
    }
}

/// A number with commas between thousands: `10,000`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Bytes as people read them: `1.2 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", number(tenths / 10), tenths % 10)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let counts = Counts { copied: 10_000, bytes: 48_260_000, deleted: 1, left: 0 };
        assert_eq!(counts.words(), "copy 10,000 objects (48.2 MB), delete 1, leave 0");
        let one = Counts { copied: 1, bytes: 512, ..Counts::default() };
        assert_eq!(one.words(), "copy 1 object (512 bytes), delete 0, leave 0");
    }

    #[test]
    fn copies_and_deletions_have_portions_of_their_own() {
        let portions = |copied, deleted| {
            let counts = Counts { copied, deleted, ..Counts::default() };
            let copies = ObjectCopies { live: String::new(), manifest: Digest::new("b6"), counts };
            let (bucket, distribution) = ("web".to_owned(), "E1".to_owned());
            let way = SiteWay::Objects(copies);
            SiteWork { bucket, distribution, invalidate: Vec::new(), outlives: None, way }.portions()
        };
        assert_eq!(portions(0, 0), 4);
        assert_eq!(portions(2_500, 1_000), 6, "one portion of each");
        assert_eq!(portions(10_000, 1_001), 10, "four of copies and two of deletions");
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        assert_eq!([size(999), size(1_000), size(1_999_999)], ["999 bytes", "1.0 kB", "1.9 MB"]);
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
