//! The stored shapes, as they stand in `tests/golden/`: what an old version wrote is read for ever.
//!
//! A change of a shape makes a test here fail. If old values are read as before, the new shape is accepted by deleting
//! the file and running the test twice; if they are not, the shape needs a new format number and its file stays beside
//! the new one.

use std::path::PathBuf;

use serde_json::Value;

use super::commit::{GoodRelease, Rev};
use super::decode::{self, Record};
use super::envelope::{Shape, unseal};
use crate::incident::event::{Event, What};
use crate::incident::ids::{Digest, IncidentId, StepId};
use crate::incident::incident::{End, Verdict, Vote};
use crate::incident::request::{Manner, Request};
use crate::incident::sample::{ANNA, CLEO, at, person, proposal, release, replay, request, small_plan, sre, story};

/// The file's envelopes, one after the other.
fn golden(name: &str, shape: Shape, present: &[Value]) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let head = format!("{} 1 plain\n", shape.word());
    if !path.exists() {
        let envelopes: Vec<String> = present.iter().map(|body| format!("{head}{body:#}\n")).collect();
        std::fs::write(&path, envelopes.concat()).unwrap();
        panic!("{} was missing and has been written; look at it and run this again", path.display());
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let bodies = text.split(&head).skip(1);
    bodies.map(|body| format!("{head}{}", body.trim_end()).into_bytes()).collect()
}

/// Holds what is written today against the file, and returns what the file reads as.
fn agree<T: serde::Serialize>(name: &str, shape: Shape, present: &[T], read: impl Fn(&[u8]) -> Result<T, String>) {
    let present: Vec<Value> = present.iter().map(|value| serde_json::to_value(value).unwrap()).collect();
    let stored = golden(name, shape, &present);
    assert_eq!(stored.len(), present.len(), "{name}");
    for (stored, present) in stored.iter().zip(present) {
        let body: Value = serde_json::from_slice(&unseal(shape, stored).unwrap()).unwrap();
        assert_eq!(body, present, "{name}: the shape has changed");
        let read = serde_json::to_value(read(stored).unwrap()).unwrap();
        assert_eq!(read, present, "{name}: it is not read as it was written");
    }
}

/// Every event there is.
fn events() -> Vec<Event> {
    let mut events = story("rb-23456", "api");
    let step = StepId::new("api");
    let reason = "it is not needed".to_owned();
    let why = "what is where".to_owned();
    let ends = [
        End::NothingToDo { why: why.clone() },
        End::Rejected { reason: None },
        End::Expired,
        End::Aborted { why: why.clone() },
        End::Failed { why },
    ];
    let mut more = vec![
        What::Skipped { step: step.clone(), reason },
        What::Withdrawn { step },
        What::StopRequested,
        What::VerdictReached { verdict: Verdict::PartlyRolledBack },
        What::VerdictReached { verdict: Verdict::Unproved },
    ];
    more.extend(ends.map(|end| What::Closed { end }));
    events.extend(more.into_iter().map(|what| Event { at: at(60), by: person(CLEO), what }));
    events
}

/// What was added to the events since the first file was written.
fn newer_events() -> Vec<Event> {
    let request = Request { manner: Manner::Emergency, ..request() };
    let mut newer = proposal(small_plan("api"), 2);
    newer.terms.skippers = vec![sre()];
    newer.fallen = vec![Vote { by: person(CLEO), at: at(58) }];
    let whats = [
        What::Requested { id: IncidentId::new("rb-23456"), request },
        What::Proposed { proposal: Box::new(newer) },
        What::VoteFell { voter: person(CLEO) },
    ];
    whats.into_iter().map(|what| Event { at: at(60), by: person(ANNA), what }).collect()
}

/// Of a new variant of [`What`] this does not compile: it belongs into the golden file too.
fn is_covered(what: &What) -> bool {
    match what {
        What::Requested { .. }
        | What::Proposed { .. }
        | What::Approved { .. }
        | What::VoteFell { .. }
        | What::Started { .. }
        | What::Began { .. }
        | What::Acting { .. }
        | What::Accepted { .. }
        | What::Refused { .. }
        | What::Progressed { .. }
        | What::Finished { .. }
        | What::Failed { .. }
        | What::Retried { .. }
        | What::Skipped { .. }
        | What::Withdrawn { .. }
        | What::StopRequested
        | What::VerdictReached { .. }
        | What::Closed { .. } => true,
    }
}

#[test]
fn records_of_every_state_are_read_and_written_as_ever() {
    let told = story("rb-23456", "api");
    let records: Vec<Record> = [1, 3, 8, 13, 17, told.len()]
        .into_iter()
        .map(|count| {
            let events = u64::try_from(count).unwrap();
            let incident = replay(&told[..count]);
            let rev = (1..count).fold(Rev::FIRST, |rev, _| rev.next());
            Record { rev, events, incident }
        })
        .collect();
    agree("record-1.txt", Shape::Record, &records, |bytes| decode::record(b"rb-23456", bytes));
}

#[test]
fn every_event_is_read_and_written_as_ever() {
    let events = events();
    assert!(events.iter().all(|event| is_covered(&event.what)));
    agree("event-1.txt", Shape::Event, &events, decode::event);
}

#[test]
fn newer_records_and_events_are_read_and_written_as_ever() {
    let events = newer_events();
    agree("event-2.txt", Shape::Event, &events, decode::event);
    let incident = replay(&events[..2]);
    let record = Record { rev: Rev::FIRST.next(), events: 2, incident };
    agree("record-2.txt", Shape::Record, &[record], |bytes| decode::record(b"rb-23456", bytes));
}

#[test]
fn a_proved_release_is_read_and_written_as_ever() {
    let good = GoodRelease { release: release(41), incident: IncidentId::new("rb-23456"), at: at(16) };
    agree("good-1.txt", Shape::Good, &[good], decode::good);
}

#[test]
fn inbox_entries_are_read_and_written_as_ever() {
    let entries: [&[u8]; 2] = [br#"{"type":"block_actions"}"#, b"\xff\x00"];
    let arrivals: Vec<decode::Arrival> =
        (0..).zip(entries).map(|(place, entry)| decode::Arrival { place, entry: decode::Bytes::of(entry) }).collect();
    agree("inbox-1.txt", Shape::Inbox, &arrivals, |bytes| {
        let (place, entry) = decode::arrival(bytes)?;
        Ok(decode::Arrival { place, entry: decode::Bytes::of(&entry) })
    });
}

#[test]
fn a_view_is_read_and_written_as_ever() {
    let sealed = b"view 1 plain\n{\"card\":\"1793534400.000100\"}";
    assert_eq!(decode::view(sealed), Ok(b"{\"card\":\"1793534400.000100\"}".to_vec()));
    assert_eq!(super::envelope::seal(Shape::View, b"{\"card\":\"1793534400.000100\"}"), sealed);
}

/// Approval is given to a digest: a version that computed another one for a stored plan would take it for another.
#[test]
fn the_digest_of_a_stored_plan_stays_what_it_was() {
    let incident = replay(&story("rb-23456", "api"));
    let proposal = incident.proposal().unwrap();
    assert_eq!(proposal.digest, proposal.plan.digest());
    let expected = Digest::new("a533f2a44f045fca49e17b1a824e057c96418f0fb6ec7e5b668d922412d01e3c");
    assert_eq!(proposal.digest, expected);
}
