//! Where the bot dies, and which of these points are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollbot::sandbox::wire::Call;

/// Of the calls that only look, so many of each operation are points: more of the same prove nothing new.
const LOOKS: usize = 3;
/// How many random moments of a story.
const RANDOM: u64 = 24;
/// In how many stories a kind of point is taken that has to do with no write to AWS.
const STORIES: usize = 3;
/// One in so many points is taken where few are asked for.
const SAMPLE: usize = 24;

/// On which side of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Before,
    After,
}

impl Side {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Where the bot dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Point {
    /// At the n-th durable write of a kind, counted from 1.
    Write { kind: String, number: usize, side: Side },
    /// At the n-th call of an operation, counted from 1.
    Call { operation: String, number: usize, side: Side, acts: bool },
    /// So many milliseconds after the command.
    Time(u64),
}

impl Point {
    /// What it is a point of, whichever of them, and on which side.
    fn kind(&self) -> (String, Side) {
        match self {
            Self::Write { kind, side, .. } => (format!("write of {kind}"), *side),
            Self::Call { operation, side, .. } => (format!("call of {operation}"), *side),
            Self::Time(_) => ("moment".to_owned(), Side::Before),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { kind, number, side } => write!(f, "{} write {number} of {kind}", side.word()),
            Self::Call { operation, number, side, .. } => write!(f, "{} call {number} of {operation}", side.word()),
            Self::Time(after) => write!(f, "after {after} ms"),
        }
    }
}

/// Every point of a story: its durable writes by kind, its calls, and moments that are not in step with either.
pub(crate) fn all(writes: &[String], calls: &[Call]) -> Vec<Point> {
    let both = [Side::Before, Side::After];
    let mut points = Vec::new();
    let mut kinds: BTreeMap<&String, usize> = BTreeMap::new();
    for kind in writes {
        let number = kinds.entry(kind).or_default();
        *number += 1;
        points.extend(both.map(|side| Point::Write { kind: kind.clone(), number: *number, side }));
    }
    let mut operations: BTreeMap<&String, usize> = BTreeMap::new();
    for call in calls {
        let number = operations.entry(&call.operation).or_default();
        *number += 1;
        if call.writes || *number <= LOOKS {
            let (operation, acts) = (&call.operation, call.writes && !call.service.starts_with("slack"));
            points.extend(both.map(|side| Point::Call { operation: operation.clone(), number: *number, side, acts }));
        }
    }
    points.extend((0..RANDOM).map(|number| Point::Time(53 + number * 331 % 2300)));
    points
}

/// How many points are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// A few of one story.
    Few,
    /// Every write to AWS, and one of each other kind.
    Kinds,
    /// All.
    All,
}

impl Selection {
    pub(crate) fn asked() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test reads how much it is asked for")]
        let asked = std::env::var("ROLLBOT_CRASH_POINTS").unwrap_or_default();
        match asked.as_str() {
            "" => Self::Few,
            "kinds" => Self::Kinds,
            "all" => Self::All,
            other => panic!("ROLLBOT_CRASH_POINTS is {other}; write kinds or all, or leave it out"),
        }
    }

    /// Of the points of each story those that are taken.
    pub(crate) fn of(self, stories: &[Vec<Point>]) -> Vec<Vec<Point>> {
        match self {
            Self::All => stories.to_vec(),
            Self::Few => stories.iter().map(|points| points.iter().step_by(SAMPLE).cloned().collect()).collect(),
            Self::Kinds => kinds(stories),
        }
    }
}

/// Every write to AWS and what is recorded of it, in every story; each other kind of write and call in [`STORIES`] of the
/// stories that have it.
fn kinds(stories: &[Vec<Point>]) -> Vec<Vec<Point>> {
    let mut taken: Vec<Vec<Point>> = stories.iter().map(|points| acts(points)).collect();
    let mut others: BTreeMap<(String, Side), Vec<(usize, &Point)>> = BTreeMap::new();
    for (story, points) in stories.iter().enumerate() {
        for point in points.iter().filter(|point| !taken[story].contains(point)) {
            let there = others.entry(point.kind()).or_default();
            if there.last().is_none_or(|(last, _)| *last != story) {
                there.push((story, point));
            }
        }
    }
    // Each kind begins with another story, so that none has them all.
    for (turn, there) in others.into_values().enumerate() {
        for (story, point) in there.iter().cycle().skip(turn % there.len()).take(STORIES.min(there.len())) {
            taken[*story].push((*point).clone());
        }
    }
    taken
}

/// The writes to AWS of a story, and the first of each kind of what is recorded before and after them.
fn acts(points: &[Point]) -> Vec<Point> {
    let mut seen = BTreeSet::new();
    let mut is_act = |point: &&Point| match point {
        Point::Write { kind, .. } => {
            let acts = ["acting", "accepted", "refused"].iter().any(|what| kind.contains(what));
            acts && seen.insert(point.kind())
        }
        Point::Call { acts, .. } => *acts,
        Point::Time(_) => false,
    };
    points.iter().filter(|point| is_act(point)).cloned().collect()
}
