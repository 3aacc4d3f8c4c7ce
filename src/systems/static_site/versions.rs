//! What a bucket's versions tell of the past, and what was live at a point in time. Pure.
//!
//! Writes that follow one another closely are one deployment. After each such burst the bucket was in a state; a state that
//! was there before is the same release, so going back twice never leads into the bad one again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::manifest::Wanted;
use super::object::{Listing, Object};
use super::order::is_page;
use crate::incident::ids::Digest;
use crate::systems::planned::PlanRefusal;

/// Writes that lie further apart than this belong to two deployments. An upload of ten thousand objects pauses for
/// seconds, and two deployments rarely follow one another within minutes.
const QUIET: SignedDuration = SignedDuration::from_mins(5);
/// How many points in time are told apart: each takes a pass over all versions.
const POINTS: usize = 20;

/// A version of an object, or a mark that it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// What was written; `None` where the object was deleted.
    pub object: Option<Object>,
}

/// All versions by key, each key's newest first, as S3 lists them.
pub type Versions = BTreeMap<String, Vec<Version>>;

/// A point in time after a burst of writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When the burst began.
    pub from: Timestamp,
    /// When it was over: its last write.
    pub at: Timestamp,
    /// How many objects it wrote and deleted.
    pub writes: u64,
    /// How many objects and bytes were live then.
    pub size: (u64, u64),
    /// What was live then, as a digest over keys, `ETag`s and sizes.
    pub state: Digest,
}

/// A point in time to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The time.
    pub at: Timestamp,
    /// The release that was live then, if it is told apart from others.
    pub point: Option<Point>,
    /// How it was found, as a sentence.
    pub how: String,
}

/// The bursts of writes, newest first.
pub fn points(versions: &Versions) -> Vec<Point> {
    let mut times: Vec<Timestamp> = versions.values().flatten().map(|version| version.at).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    let mut bursts: Vec<(Timestamp, Timestamp, u64)> = Vec::new();
    for at in times {
        if let Some((from, _, writes)) = bursts.last_mut().filter(|(from, _, _)| from.duration_since(at) <= QUIET) {
            *from = at;
            *writes += 1;
        } else if bursts.len() < POINTS {
            bursts.push((at, at, 1));
        } else {
            break;
        }
    }
    let point = |(from, at, writes): (Timestamp, Timestamp, u64)| {
        let state = state_at(versions, at);
        let size = (state.len() as u64, state.values().map(|wanted| wanted.size).sum());
        Point { from, at, writes, size, state: fingerprint(&state) }
    };
    bursts.into_iter().map(point).collect()
}

/// What was live at a time: of each key the newest version from then or before, unless that is a deletion.
pub fn state_at(versions: &Versions, at: Timestamp) -> BTreeMap<String, Wanted> {
    let state = versions.iter().filter_map(|(key, versions)| {
        let version = versions.iter().find(|version| version.at <= at)?;
        let object = version.object.as_ref()?;
        let wanted = Wanted {
            etag: object.etag.clone(),
            size: object.size,
            class: object.class.clone(),
            version: Some(version.id.clone()),
        };
        Some((key.clone(), wanted))
    });
    state.collect()
}

/// What is live now.
pub fn live(versions: &Versions) -> Listing {
    let live = versions.iter().filter_map(|(key, versions)| Some((key.clone(), versions.first()?.object.clone()?)));
    live.collect()
}

/// When what people ask for was last written or deleted. An asset that is deleted is one that no page names any more, and
/// a rollback deletes it after `CloudFront` was told.
pub fn changed_at(versions: &Versions) -> Option<Timestamp> {
    let newest = versions.iter().filter_map(|(key, versions)| Some((key, versions.first()?)));
    let counts = newest.filter(|(key, version)| version.object.is_some() || is_page(key));
    counts.map(|(_, version)| version.at).max()
}

fn fingerprint(state: &BTreeMap<String, Wanted>) -> Digest {
    let told: Vec<(&str, &str, u64)> =
        state.iter().map(|(key, wanted)| (key.as_str(), wanted.etag.as_str(), wanted.size)).collect();
    Digest::of(&serde_json::to_vec(&told).unwrap_or_default())
}

/// The earliest point that has the state that is live now: that release is live, whoever brought it back.
pub fn present(points: &[Point]) -> Option<&Point> {
    let now = points.first()?;
    points.iter().rfind(|point| point.state == now.state)
}

/// The points that are releases of their own, newest first: a state that came back is the release that it was.
pub fn releases(points: &[Point]) -> Vec<&Point> {
    let is_first = |(place, point): &(usize, &Point)| {
        let mut older = points.iter().skip(place + 1);
        !older.any(|older| older.state == point.state)
    };
    points.iter().enumerate().filter(is_first).map(|(_, point)| point).collect()
}

/// The time that `to` names; with `None` or `previous`, the one before what is live now was deployed.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose(points: &[Point], to: Option<&str>) -> Result<Choice, PlanRefusal> {
    match to.map(str::trim) {
        None | Some("") => previous(points),
        Some(to) if to.eq_ignore_ascii_case("previous") => previous(points),
        Some(to) => named(points, to),
    }
}

fn previous(points: &[Point]) -> Result<Choice, PlanRefusal> {
    let Some(now) = present(points) else {
        return Err(PlanRefusal::new("The bucket has no versions, so there is nothing to go back to."));
    };
    let before = releases(points).into_iter().find(|point| point.at < now.from);
    before.map_or_else(
        || {
            Err(PlanRefusal::new(format!(
                "All versions that the bucket keeps are of one deployment ({}), so there is nothing to go back to. Name a \
                 time with `to <2026-11-20T09:00:00Z>` if you know one.",
                written(now)
            )))
        },
        |point| {
            let how = format!(
                "As it was before the newest deployment ({}); before that, nothing was written after {}.",
                written(now),
                time(point.at)
            );
            Ok(Choice { at: point.at, point: Some(point.clone()), how })
        },
    )
}

fn named(points: &[Point], to: &str) -> Result<Choice, PlanRefusal> {
    let upper = to.to_ascii_uppercase();
    let civil = || upper.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let at = upper.parse::<Timestamp>().ok().or_else(|| civil().map(|zoned| zoned.timestamp()));
    let Some(at) = at else {
        return Err(PlanRefusal::new(format!(
            "`{to}` is no time. This site goes back to points in time: write one as `2026-11-20T09:00:00Z` (UTC), or \
             `previous`."
        )));
    };
    if points.last().is_none_or(|oldest| at < oldest.from) && points.len() < POINTS {
        return Err(PlanRefusal::new(format!(
            "The bucket has no version from {to} or before, so nothing of that time is kept. `/rollback releases` lists \
             what is."
        )));
    }
    let point = points.iter().find(|point| point.at <= at).cloned();
    let amid = points.iter().find(|point| point.from <= at && at < point.at);
    let how = match amid {
        Some(point) => format!("As it was at {}, in the midst of a deployment ({}).", time(at), written(point)),
        None => format!("As it was at {}.", time(at)),
    };
    Ok(Choice { at, point: point.filter(|_| amid.is_none()), how })
}

/// `1,200 objects written on 20 Nov from 09:12 to 09:13 UTC`.
pub fn written(point: &Point) -> String {
    let number = crate::incident::site::number(point.writes);
    let noun = if point.writes == 1 { "object" } else { "objects" };
    let (from, until) = (point.from.strftime("%-d %b %H:%M"), point.at.strftime("%H:%M UTC"));
    if from.to_string().ends_with(point.at.strftime("%H:%M").to_string().as_str()) {
        return format!("{number} {noun} written on {from} UTC");
    }
    format!("{number} {noun} written from {from} to {until}")
}

fn time(at: Timestamp) -> String {
    at.strftime("%-d %b %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        let start: Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        start.checked_add(SignedDuration::from_mins(minutes)).unwrap()
    }

    fn version(id: &str, minutes: i64, etag: Option<&str>) -> Version {
        let object = |etag: &str| Object { etag: etag.to_owned(), size: 10, modified: at(minutes), class: None };
        Version { id: id.to_owned(), at: at(minutes), object: etag.map(object) }
    }

    /// Deployed at 0; again at 60 to 62, which wrote the page anew, deleted an old asset and added another.
    fn site() -> Versions {
        [
            ("index.html", vec![version("i2", 62, Some("bad")), version("i1", 1, Some("good"))]),
            ("old.js", vec![version("o2", 62, None), version("o1", 0, Some("old"))]),
            ("new.js", vec![version("n1", 60, Some("new"))]),
            ("same.css", vec![version("s1", 0, Some("same"))]),
        ]
        .into_iter()
        .map(|(key, versions)| (key.to_owned(), versions))
        .collect()
    }

    #[test]
    fn e05_what_was_live_at_a_time_is_the_newest_version_of_each_key_from_then() {
        let state = state_at(&site(), at(30));
        let told: Vec<(&str, &str)> =
            state.iter().map(|(key, wanted)| (key.as_str(), wanted.version.as_deref().unwrap())).collect();
        assert_eq!(told, [("index.html", "i1"), ("old.js", "o1"), ("same.css", "s1")]);
    }

    #[test]
    fn e05_the_time_before_the_newest_burst_of_writes_is_the_release_before() {
        let points = points(&site());
        assert_eq!(points.iter().map(|point| point.at).collect::<Vec<_>>(), [at(62), at(1)]);
        let choice = choose(&points, None).unwrap();
        assert_eq!(choice.at, at(1));
        assert_eq!(
            choice.how,
            "As it was before the newest deployment (3 objects written from 20 Nov 10:00 to 10:02 UTC); before that, \
             nothing was written after 20 Nov 09:01:00 UTC."
        );
    }

    #[test]
    fn peer_02_a_state_that_came_back_is_the_release_that_it_was() {
        let mut versions = site();
        // Somebody deployed earlier still, and the state of 0 was brought back at 120.
        versions.get_mut("index.html").unwrap().insert(0, version("i3", 120, Some("good")));
        versions.get_mut("index.html").unwrap().push(version("i0", -600, Some("first")));
        versions.get_mut("old.js").unwrap().insert(0, version("o3", 120, Some("old")));
        versions.get_mut("new.js").unwrap().insert(0, version("n2", 120, None));
        let points = points(&versions);
        assert_eq!(present(&points).unwrap().at, at(1));
        assert_eq!(choose(&points, None).unwrap().at, at(-600), "not the bad one again");
        assert_eq!(releases(&points).len(), 3);
    }

    #[test]
    fn e06_a_page_that_is_deleted_changes_the_site_and_an_asset_does_not() {
        let mut versions = site();
        assert_eq!(changed_at(&versions), Some(at(62)));
        versions.get_mut("new.js").unwrap().insert(0, version("n2", 90, None));
        assert_eq!(changed_at(&versions), Some(at(62)));
        versions.insert("about.html".to_owned(), vec![version("a2", 91, None), version("a1", 0, Some("about"))]);
        assert_eq!(changed_at(&versions), Some(at(91)));
        assert_eq!(changed_at(&Versions::new()), None);
    }

    #[test]
    fn a_time_is_named_and_refused_with_reasons() {
        let points = points(&site());
        assert_eq!(choose(&points, Some("2026-11-20T09:30:00Z")).unwrap().point.unwrap().at, at(1));
        assert_eq!(choose(&points, Some("2026-11-20t09:30")).unwrap().at, at(30));
        let amid = choose(&points, Some("2026-11-20T10:01:00Z")).unwrap();
        assert!(amid.point.is_none() && amid.how.contains("in the midst of a deployment"), "{amid:?}");
        let refused = |to| choose(&points, Some(to)).unwrap_err().sentence;
        assert!(refused("v41").contains("is no time"));
        assert!(refused("2020-01-01T00:00:00Z").contains("nothing of that time is kept"));
        let one: Versions = site().into_iter().filter(|(key, _)| key == "same.css").collect();
        let refusal = choose(&super::points(&one), None).unwrap_err().sentence;
        assert!(refusal.contains("of one deployment (1 object written on 20 Nov 09:00 UTC)"), "{refusal}");
    }
}
