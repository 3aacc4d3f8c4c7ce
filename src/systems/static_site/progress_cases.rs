//! A manifest, carried out in any portions and broken off anywhere, makes the live site the build.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::manifest::{Extra, Headers, Manifest, Places, Seal, Sealing, Wanted};
use super::object::{Listing, Object};
use super::order::is_page;
use super::progress::{next_batch, places, progress, ranges, upto};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

const KEYS: [&str; 10] = [
    "index.html",
    "about.html",
    "sw.js",
    "manifest.json",
    "assets/app-1.js",
    "assets/app-2.js",
    "assets/style.css",
    "img/logo.svg",
    "robots.txt",
    "docs/a.html",
];

fn listing(objects: &BTreeMap<usize, u8>) -> Listing {
    let object = |content: &u8| Object {
        etag: format!("etag{content}"),
        size: u64::from(*content),
        modified: at(0),
        class: None,
    };
    objects.iter().map(|(key, content)| (KEYS[*key].to_owned(), object(content))).collect()
}

fn wanted(listing: &Listing) -> BTreeMap<String, Wanted> {
    let wanted = |object: &Object| Wanted { etag: object.etag.clone(), size: object.size, class: None, version: None };
    listing.iter().map(|(key, object)| (key.clone(), wanted(object))).collect()
}

fn places_of() -> Places {
    Places { bucket: "web".to_owned(), source: "releases/1/".to_owned(), live: String::new(), except: None }
}

fn manifest(build: &Listing, live: &Listing, extra: Extra) -> Manifest {
    Manifest::between(places_of(), &wanted(build), live, &Headers::default(), extra)
}

/// Copies some of what is pending, as S3 would.
fn copied(manifest: &Manifest, live: &mut Listing, batch: &[u32], second: i64) {
    for place in batch {
        let copy = &manifest.copies[usize::try_from(*place).unwrap()];
        let object = Object { etag: copy.etag.clone(), size: copy.size, modified: at(second), class: None };
        live.insert(copy.key.clone(), object);
    }
}

fn contents(listing: &Listing) -> BTreeMap<&str, &str> {
    listing.iter().map(|(key, object)| (key.as_str(), object.etag.as_str())).collect()
}

fn some_objects() -> impl Strategy<Value = BTreeMap<usize, u8>> {
    proptest::collection::btree_map(0..KEYS.len(), 0_u8..4, 0..KEYS.len())
}

proptest! {
    #[test]
    fn e04_carried_out_the_live_site_is_the_build(
        build in some_objects(), live in some_objects(), broken_off_at in 0_usize..10,
    ) {
        let (build, mut live) = (listing(&build), listing(&live));
        let manifest = manifest(&build, &live, Extra::Deleted);
        let mut seconds = 10;
        let mut seen_pages = false;
        let mut wrote = Vec::new();
        loop {
            let found = progress(&manifest, &live, Some(at(5)));
            prop_assert!(found.foreign.is_empty(), "what it wrote itself is not foreign: {:?}", found.foreign);
            let mut batch = next_batch(&manifest, &found.copies);
            if batch.is_empty() {
                break;
            }
            // The process dies in the middle of a portion, once.
            if wrote.len() <= broken_off_at && wrote.len() + batch.len() > broken_off_at && batch.len() > 1 && seconds == 10 {
                batch.remove(0);
            }
            for place in &batch {
                let key = &manifest.copies[usize::try_from(*place).unwrap()].key;
                prop_assert!(!seen_pages || is_page(key), "{key} comes after a page");
                prop_assert!(!wrote.contains(key), "{key} is copied twice");
                wrote.push(key.clone());
            }
            seen_pages |= batch.iter().any(|place| is_page(&manifest.copies[usize::try_from(*place).unwrap()].key));
            copied(&manifest, &mut live, &batch, seconds);
            seconds += 1;
        }
        for place in progress(&manifest, &live, Some(at(5))).deletes {
            live.remove(&manifest.deletes[usize::try_from(place).unwrap()].key);
        }
        prop_assert_eq!(contents(&live), contents(&build));
        prop_assert_eq!(wrote.len() as u64, manifest.counts().copied, "each once");
        // Done again, there is nothing to do.
        let again = super::progress_cases::manifest(&build, &live, Extra::Deleted);
        prop_assert!(again.is_empty());
    }

    #[test]
    fn without_deletions_everything_else_stays(build in some_objects(), live in some_objects()) {
        let (build, before) = (listing(&build), listing(&live));
        let manifest = manifest(&build, &before, Extra::Left);
        prop_assert!(manifest.deletes.is_empty());
        let mut after = before.clone();
        let all: Vec<u32> = (0..u32::try_from(manifest.copies.len()).unwrap()).collect();
        copied(&manifest, &mut after, &all, 10);
        for (key, object) in &before {
            prop_assert!(build.contains_key(key) || after.get(key) == Some(object));
        }
        let counts = manifest.counts();
        prop_assert_eq!(counts.left + counts.copied, after.len() as u64);
    }

    #[test]
    fn ranges_say_which_places(chosen in proptest::collection::btree_set(0_u32..50, 0..30)) {
        let chosen: Vec<u32> = chosen.into_iter().collect();
        let ranges = ranges(&chosen);
        prop_assert_eq!(places(&ranges).collect::<Vec<_>>(), chosen.clone());
        prop_assert_eq!(upto(&ranges), chosen.last().map_or(0, |last| last + 1));
    }
}

#[test]
fn what_somebody_else_wrote_is_told() {
    let build = listing(&BTreeMap::from([(0, 1), (4, 1)]));
    let live = listing(&BTreeMap::from([(0, 2), (4, 1), (5, 3)]));
    let manifest = manifest(&build, &live, Extra::Deleted);
    let foreign = |change: &dyn Fn(&mut Listing)| {
        let mut live = live.clone();
        change(&mut live);
        progress(&manifest, &live, Some(at(5))).foreign
    };
    let other = Object { etag: "theirs".to_owned(), size: 7, modified: at(20), class: None };
    assert!(foreign(&|_| {}).is_empty());
    for key in ["index.html", "assets/app-1.js", "assets/app-2.js"] {
        let change = |live: &mut Listing| {
            live.insert(key.to_owned(), other.clone());
        };
        assert_eq!(foreign(&change), [key], "copied, unchanged or to be deleted");
    }
    assert_eq!(foreign(&|live| drop(live.remove("index.html"))), ["index.html"]);
    assert!(foreign(&|live| drop(live.insert("new.html".to_owned(), other.clone()))).is_empty(), "nobody's business");
}

#[test]
fn headers_alone_are_a_reason_to_copy_and_the_time_of_the_write_tells_the_copy() {
    let build = listing(&BTreeMap::from([(0, 1)]));
    let headers = Headers { differing: ["index.html".to_owned()].into(), ..Headers::default() };
    let manifest = Manifest::between(places_of(), &wanted(&build), &build, &headers, Extra::Left);
    assert_eq!(manifest.counts().copied, 1);
    let mut live = build.clone();
    assert_eq!(progress(&manifest, &live, None).copies, [0]);
    assert_eq!(progress(&manifest, &live, Some(at(5))).copies, [0], "it was written before");
    copied(&manifest, &mut live, &[0], 6);
    assert!(progress(&manifest, &live, Some(at(5))).copies.is_empty());
}

#[test]
fn a_copy_of_what_was_uploaded_in_parts_or_sealed_bears_another_etag() {
    let mut build = listing(&BTreeMap::from([(4, 1)]));
    build.get_mut("assets/app-1.js").unwrap().etag = "abc-3".to_owned();
    let seal = Seal { algorithm: "aws:kms".to_owned(), key: None };
    for (etag, sealing) in [("abc-3", Sealing::Plain), ("abc", Sealing::Alike(seal))] {
        build.get_mut("assets/app-1.js").unwrap().etag = etag.to_owned();
        let headers = Headers { sealing, ..Headers::default() };
        let manifest = Manifest::between(places_of(), &wanted(&build), &Listing::new(), &headers, Extra::Left);
        let object = |second, size| Object { etag: "another".to_owned(), size, modified: at(second), class: None };
        let live = |second, size| Listing::from([("assets/app-1.js".to_owned(), object(second, size))]);
        assert_eq!(progress(&manifest, &Listing::new(), Some(at(5))).copies, [0]);
        let done = progress(&manifest, &live(6, 1), Some(at(5)));
        assert!(done.copies.is_empty() && done.foreign.is_empty(), "{done:?}");
        assert_eq!(progress(&manifest, &live(6, 9), Some(at(5))).foreign.len(), 1, "of another size");
        assert_eq!(progress(&manifest, &live(4, 1), Some(at(5))).foreign.len(), 1, "written before");
    }
}
