//! How far a manifest is carried out, told by what is live. Pure.

use jiff::Timestamp;

use super::manifest::{Copy, Manifest};
use super::object::{Listing, Object};
use super::order::Group;
use crate::incident::site::COPIES;

/// How far a manifest is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The places of the copies that are not there, in order.
    pub copies: Vec<u32>,
    /// The places of the deletions that are not done, in order.
    pub deletes: Vec<u32>,
    /// Keys that somebody else wrote since the plan was made.
    pub foreign: Vec<String>,
    /// How many live objects the release does not have, and nobody was to delete.
    pub extra: u64,
}

/// What stands under a key.
enum Stands {
    AsWanted,
    AsBefore,
    Otherwise,
}

/// How far `manifest` is carried out, if `live` is what a listing says now. `since` is when the first object was ordered,
/// as AWS's clock may have it: where an `ETag` does not tell a copy from what was there, the time of the write does.
pub fn progress(manifest: &Manifest, live: &Listing, since: Option<Timestamp>) -> Progress {
    let mut found = Progress::default();
    let mut known: u64 = 0;
    for (place, copy) in (0_u32..).zip(&manifest.copies) {
        let object = live.get(&copy.key);
        known += u64::from(object.is_some());
        match stands(manifest, copy, object, since) {
            Stands::AsWanted => {}
            Stands::AsBefore => found.copies.push(place),
            Stands::Otherwise => found.foreign.push(copy.key.clone()),
        }
    }
    for (place, delete) in (0_u32..).zip(&manifest.deletes) {
        match live.get(&delete.key) {
            None => {}
            Some(object) => {
                known += 1;
                if object.etag == delete.etag {
                    found.deletes.push(place);
                } else {
                    found.foreign.push(delete.key.clone());
                }
            }
        }
    }
    for same in &manifest.same {
        let object = live.get(&same.key);
        known += u64::from(object.is_some());
        if object.is_none_or(|object| object.etag != same.etag) {
            found.foreign.push(same.key.clone());
        }
    }
    found.extra = (live.len() as u64).saturating_sub(known);
    found
}

fn stands(manifest: &Manifest, copy: &Copy, object: Option<&Object>, since: Option<Timestamp>) -> Stands {
    let Some(object) = object else {
        return if copy.was.is_none() { Stands::AsBefore } else { Stands::Otherwise };
    };
    let is_fresh = since.is_some_and(|since| object.modified >= since);
    let is_before = copy.was.as_ref() == Some(&object.etag);
    let is_copy =
        object.size == copy.size && (object.etag == copy.etag || (is_fresh && manifest.changes_etag_of(copy)));
    match (is_copy, is_before, is_fresh) {
        (true, false, _) | (true, true, true) => Stands::AsWanted,
        (_, true, _) => Stands::AsBefore,
        (false, false, _) => Stands::Otherwise,
    }
}

/// The copies of the next act: the first of `pending`, in order, of one group.
pub fn next_batch(manifest: &Manifest, pending: &[u32]) -> Vec<u32> {
    let group_of = |place: u32| -> Option<Group> {
        manifest.copies.get(usize::try_from(place).ok()?).map(super::manifest::Copy::group)
    };
    let Some(first) = pending.first().and_then(|place| group_of(*place)) else { return Vec::new() };
    pending.iter().copied().take_while(|place| group_of(*place) == Some(first)).take(COPIES).collect()
}

/// Places as ranges, each from its first to before its end.
pub fn ranges(places: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some((_, end)) if *end == *place => *end += 1,
            _ => ranges.push((*place, *place + 1)),
        }
    }
    ranges
}

/// The places in `ranges`, in order.
pub fn places(ranges: &[(u32, u32)]) -> impl Iterator<Item = u32> {
    ranges.iter().flat_map(|(from, end)| *from..*end)
}

/// Before which place everything is done once the act with these ranges is: acts go through a manifest in order, so what
/// an act leaves out was there.
pub fn upto(ranges: &[(u32, u32)]) -> u32 {
    ranges.last().map_or(0, |(_, end)| *end)
}
